"""An edit or a deletion comes while a message of the answer is on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.changes import NOT_DELETED
from bot.errors import ShuttingDown, StorageError, SurfaceBusy
from bot.messages import ConversationKey
from bot.ports import StoredAnswer
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import GENERAL, POEM, Bench, options
from tests.fake_surface import FakeSurface, at
from tests.scripted_generator import ScriptedGenerator
from tests.virtual_clock import VirtualClock


class Watched(MemoryStore):
    """Keeps what was known when a question was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[tuple[str, ...]] = []
        self.removes: list[bool] = []
        self.full = False

    async def delete_question(
        self, conversation: ConversationKey, message_id: str, *, remove: bool = False
    ) -> StoredAnswer | None:
        if self.full:
            raise StorageError("the disk is full")
        found = await self.find_question(conversation, message_id)
        self.known.append(found.messages if found else ())
        self.removes.append(remove)
        return await super().delete_question(conversation, message_id, remove=remove)


@asynccontextmanager
async def slow(latency: float) -> AsyncIterator[tuple[Bench, Watched, FakeSurface, VirtualClock]]:
    """An engine in virtual time whose model waits, and a place whose calls take so long."""
    clock, store, generator = (
        VirtualClock(),
        Watched(),
        ScriptedGenerator(lambda _: POEM, paced=True),
    )
    surface = FakeSurface(clock, latency=latency)
    async with Engine(generator, store, Delivery(clock, store), clock, options()) as engine:
        yield Bench(generator, store, engine), store, surface, clock


async def test_a_question_is_deleted_once_its_messages_are_known() -> None:
    async with slow(20.0) as (b, store, surface, clock):
        await b.ask("one", surface=surface)
        await clock.sleep(1.0)
        assert await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        assert (store.known, store.removes) == ([("m1",)], [True])  # it showed no text
        await clock.sleep(100.0)
        assert surface.visible == []
        assert await store.leftovers("test") == []


@pytest.mark.parametrize("change", ["edit", "deletion"])
async def test_a_shutdown_leaves_the_change_to_the_next_run(change: str) -> None:
    async with slow(1000.0) as (b, store, surface, clock):
        await b.ask("one", surface=surface)
        await clock.sleep(1.0)
        find = at(surface)
        changing = asyncio.create_task(
            b.engine.question_edited(GENERAL, "message 1", "two", find)
            if change == "edit"
            else b.engine.question_deleted(GENERAL, "message 1", find)
        )
        await clock.sleep(1.0)
        await b.engine.leave("test")
        with pytest.raises(ShuttingDown):
            await changing
        (answer,) = await store.answers(unfinished=True)
        assert (answer.id, answer.question.text) == (1, "one")


async def test_an_answer_whose_deletion_fails_shows_its_end() -> None:
    async with slow(0.1) as (b, store, surface, clock):
        await b.ask("one", surface=surface)
        await clock.sleep(1.0)
        store.full = True
        with pytest.raises(StorageError):
            await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        await b.engine.finish()
        (shown,) = surface.visible
        assert (shown.state.open, shown.note) == (False, NOT_DELETED)


class Raced(Watched):
    """An edit waits until a deletion has failed, or the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.deletion_failed, self.edited = asyncio.Event(), asyncio.Event()
        self.deletion_first = False

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        if self.deletion_first:
            await self.deletion_failed.wait()
        return await super().edit_question(conversation, message_id, text)

    async def delete_question(
        self, conversation: ConversationKey, message_id: str, *, remove: bool = False
    ) -> StoredAnswer | None:
        if not self.deletion_first:
            await self.edited.wait()
        raise StorageError("the disk is full")


@pytest.mark.parametrize("deletion_first", [True, False])
@pytest.mark.parametrize("shown", [True, False])
async def test_an_answer_that_an_edit_replaces_is_not_shown_where_a_deletion_fails(
    deletion_first: bool, shown: bool
) -> None:
    clock, store = VirtualClock(), Raced()
    store.deletion_first = deletion_first
    generator = ScriptedGenerator(lambda prompt: f"To {prompt.question}.", paced=True)
    surface = FakeSurface(clock, latency=0.1)
    async with Engine(generator, store, Delivery(clock, store), clock, options()) as engine:
        b = Bench(generator, store, engine)
        if not shown:
            surface.fail(SurfaceBusy("too many", retry_after=2.0), kind="send")
        await b.ask("one", surface=surface)
        generator.let(2 if shown else 0)
        await clock.sleep(5.0 if shown else 0.05)
        find = at(surface)
        edit = asyncio.create_task(engine.question_edited(GENERAL, "message 1", "two", find))
        for _ in range(5):  # the edit is under way when the deletion comes
            await asyncio.sleep(0)
        deletion = asyncio.create_task(engine.question_deleted(GENERAL, "message 1", find))
        if deletion_first:
            with pytest.raises(StorageError):
                await deletion
            store.deletion_failed.set()
            await edit
        else:
            await edit
            store.edited.set()
            with pytest.raises(StorageError):
                await deletion
        generator.let(100)
        await engine.finish()
        assert [part.text for part in surface.visible] == ["To Ana: two."]
        assert [part.note for part in surface.visible] == [""]
