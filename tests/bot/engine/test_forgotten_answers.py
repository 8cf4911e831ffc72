"""Answers on their way to somebody who has all that they asked deleted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.changes import NOT_FORGOTTEN
from bot.errors import StorageError, SurfaceBusy
from bot.messages import Prompt
from bot.ports import Form
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ANA, GENERAL, Bench, options
from tests.fake_surface import FakeSurface
from tests.scripted_generator import ScriptedGenerator, echo
from tests.until import until
from tests.virtual_clock import VirtualClock


@asynccontextmanager
async def place(
    store: MemoryStore | None = None, says: Callable[[Prompt], str] = echo
) -> AsyncIterator[tuple[Bench, FakeSurface, ScriptedGenerator]]:
    """An engine in virtual time whose model writes when it is let, and a place for its answers."""
    clock, store = VirtualClock(), store or MemoryStore()
    model = ScriptedGenerator(says, paced=True)
    async with Engine(model, store, Delivery(clock, store), clock, options()) as engine:
        yield Bench(model, store, engine), FakeSurface(clock), model


def tried(surface: FakeSurface, kind: str = "send") -> Callable[[], bool]:
    return lambda: kind in [call.kind for call in surface.calls]


async def test_what_shows_an_answer_shows_its_end_without_buttons() -> None:
    async with place() as (b, surface, model):
        job = await b.ask("one", surface=surface)
        model.let(3)
        await until(lambda: surface.joined())
        await b.engine.forget(ANA)
        await job.ended()
        (part,) = surface.visible
        assert (part.state.value, part.last, part.form) == ("stopped", True, Form.NO_BUTTONS)


async def test_nothing_is_posted_that_was_refused_so_far() -> None:
    async with place() as (b, surface, _):
        surface.refuse = lambda _: True
        job = await b.ask("one", surface=surface)
        await until(tried(surface))
        await b.engine.forget(ANA)
        surface.refuse = lambda _: False
        await job.ended()
        assert (surface.messages, surface.whispered) == ({}, [])


async def test_an_end_that_waits_for_the_platform_is_not_posted_any_more() -> None:
    async with place() as (b, surface, _):
        for _ in range(3):
            surface.fail(SurfaceBusy("not now", retry_after=50.0), kind="send")
        job = await b.ask("one", surface=surface)
        await until(tried(surface))
        await b.engine.stop(GENERAL, ANA)
        await until(lambda: job.outcome is not None)
        await b.engine.forget(ANA)
        await job.ended()
        assert surface.messages == {}


async def test_a_message_whose_post_got_no_response_is_deleted() -> None:
    async with place() as (b, surface, _):
        lost = SurfaceBusy("no response", retry_after=50.0)
        surface.fail(lost, kind="send", takes_effect=True)
        job = await b.ask("one", surface=surface)
        await until(lambda: surface.visible)
        await b.engine.forget(ANA)
        await job.ended()
        assert surface.visible == []


async def test_nobody_is_told_of_an_answer_that_cannot_be_shown() -> None:
    async with place() as (b, surface, model):
        job = await b.ask("one", surface=surface)
        model.let(3)
        await until(lambda: surface.joined())
        surface.refuse = lambda _: True
        await b.engine.forget(ANA)
        await job.ended()
        assert surface.whispered == []


async def test_messages_beyond_the_first_are_not_posted_and_the_end_is_shown_all_the_same() -> None:
    async with place(says=lambda _: f"{'word' * 10} " * 60) as (b, surface, model):
        surface.refuse = lambda part: part.index > 0
        job = await b.ask("one", surface=surface)
        model.let(1000)
        await until(lambda: any(call.part and call.part.index for call in surface.calls))
        await b.engine.forget(ANA)
        surface.refuse = lambda _: False
        await job.ended()
        (part,) = surface.visible
        assert (part.last, part.state.open) == (True, False)


class Slow(MemoryStore):
    """Deletes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def forget(self, **of: object) -> int:
        self.begun.set()
        await self.go.wait()
        return await super().forget(**of)  # type: ignore[arg-type]


async def test_what_is_asked_while_all_is_deleted_is_stopped_with_it() -> None:
    store = Slow()
    async with place(store) as (b, surface, model):
        forgetting = asyncio.create_task(b.engine.forget(ANA))
        await store.begun.wait()
        job = await b.ask("one", surface=surface)
        store.go.set()
        assert await forgetting == 1
        model.let(1000)
        assert (await job.ended()).state.value == "stopped"
        later = await b.ask("two", surface=surface)
        model.let(1000)
        assert (await later.ended()).state.value == "done"


class Full(Slow):
    """Deletes nothing, and says so when it is told to."""

    async def forget(self, **of: object) -> int:
        self.begun.set()
        await self.go.wait()
        raise StorageError("the disk is full")


async def test_an_answer_that_nothing_shows_says_so_where_the_deletion_fails() -> None:
    store = Full()
    async with place(store) as (b, surface, _):
        surface.fail(SurfaceBusy("not now", retry_after=1.0), kind="send")
        job = await b.ask("one", surface=surface)
        await until(tried(surface))
        forgetting = asyncio.create_task(b.engine.forget(ANA))
        await job.ended()
        assert surface.messages == {}
        assert [one.id for one in await store.answers(unfinished=True)] == [job.id]
        store.go.set()
        with pytest.raises(StorageError):
            await forgetting
        await until(lambda: surface.visible)
        await b.engine.finish()
        (part,) = surface.visible
        assert (part.state.value, part.note) == ("stopped", NOT_FORGOTTEN)
        assert await store.answers(unfinished=True) == []


async def test_an_end_that_waits_while_the_deletion_fails_is_shown() -> None:
    store = Full()
    async with place(store) as (b, surface, _):
        surface.fail(SurfaceBusy("not now", retry_after=100.0), kind="send", takes_effect=True)
        job = await b.ask("one", surface=surface)
        await until(lambda: surface.visible)
        forgetting = asyncio.create_task(b.engine.forget(ANA))
        await store.begun.wait()
        store.go.set()
        with pytest.raises(StorageError):
            await forgetting
        await job.ended()
        (part,) = surface.visible
        assert (part.state.value, part.form) == ("stopped", Form.FULL)


async def test_an_answer_in_several_messages_is_shown_whole_where_the_deletion_fails() -> None:
    store, said = Full(), f"{'word' * 10} " * 60
    async with place(store, says=lambda _: said) as (b, surface, model):
        surface.refuse = lambda part: part.index > 0
        job = await b.ask("one", surface=surface)
        model.let(1000)
        await until(lambda: any(call.part and call.part.index for call in surface.calls))
        forgetting = asyncio.create_task(b.engine.forget(ANA))
        await job.ended()
        surface.refuse = lambda _: False
        assert len(surface.visible) == 1
        store.go.set()
        with pytest.raises(StorageError):
            await forgetting
        await until(lambda: len(surface.visible) > 1)
        await b.engine.finish()
        (answer,) = await store.answers(answer_id=job.id)
        assert surface.joined().split() == answer.text.split()
        assert surface.visible[-1].note == NOT_FORGOTTEN
