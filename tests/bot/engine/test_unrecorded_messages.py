"""A message that the database could not take note of is not forgotten."""

import asyncio

import pytest

from bot.errors import StorageError
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ANA, GENERAL, bench
from tests.fake_surface import at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


class Locked(MemoryStore):
    """Takes no note of messages while it is locked; with a driver's own error, or Parley's."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.locked = True
        self.refused = 0

    async def shown(
        self, answer_id: int, index: int, message: str, *, settled: int | None = None
    ) -> None:
        if self.locked:
            self.refused += 1
            raise self.error
        await super().shown(answer_id, index, message, settled=settled)


ERRORS = [StorageError("locked"), RuntimeError("no such table: messages")]


@pytest.mark.parametrize("error", ERRORS, ids=["locked", "a driver's own"])
async def test_an_edit_answers_in_the_message_that_could_not_be_recorded(error: Exception) -> None:
    generator = ScriptedGenerator(paced=True)
    store = Locked(error)
    async with bench(generator, store) as b:
        job = await b.ask("one")
        surface = b.surfaces[job.id]
        await until(lambda: store.refused)
        store.locked = False
        assert await b.engine.question_edited(GENERAL, "message 1", "two", at(surface))
        generator.let(1000)
        await b.engine.finish()
        assert len(surface.visible) == 1
        assert "two" in surface.joined()


@pytest.mark.parametrize("error", ERRORS, ids=["locked", "a driver's own"])
async def test_the_message_is_recorded_before_the_answer_counts_as_delivered(
    error: Exception,
) -> None:
    store = Locked(error)
    async with bench(store=store) as b:
        job = await b.ask("one")
        surface = b.surfaces[job.id]
        await until(lambda: surface.visible and not surface.visible[0].state.open)
        assert [a.id for a in await store.answers(unfinished=True)] == [job.id]
        await asyncio.sleep(0)
        store.locked = False
        await job.ended()
        assert await store.answers(unfinished=True) == []
        await b.engine.regenerate(GENERAL, ANA, at(surface))
        await b.engine.finish()
        assert len(surface.visible) == 1
