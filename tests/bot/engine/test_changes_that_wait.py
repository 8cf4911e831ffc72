"""An edit or a deletion comes while a message of the answer is on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.changes import NOT_DELETED
from bot.errors import ShuttingDown, StorageError
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
