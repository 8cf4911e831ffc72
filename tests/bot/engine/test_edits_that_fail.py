"""An edit that the database refuses half way leaves no message unfinished."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.engine.changes import NOT_BEGUN
from bot.engine.job import Job
from bot.errors import StorageError
from bot.messages import ConversationKey
from bot.ports import AnswerState, StoredAnswer
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import GENERAL, POEM, Bench, bench
from tests.fake_surface import FakeSurface, at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


@asynccontextmanager
async def half_written(store: MemoryStore) -> AsyncIterator[tuple[Bench, Job, FakeSurface]]:
    """An engine in the middle of an answer of which some words are shown."""
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    async with bench(generator, store) as b:
        job = await b.ask("What is 2+2?")
        surface = b.surfaces[job.id]
        generator.let(5)
        await until(lambda: "word3" in surface.joined())
        yield b, job, surface


class FullForEdits(MemoryStore):
    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        raise StorageError("the disk is full")


async def test_an_answer_that_was_stopped_for_an_edit_which_fails_shows_its_end() -> None:
    async with half_written(FullForEdits()) as (b, job, surface):
        with pytest.raises(StorageError):
            await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        await b.engine.finish()
        (shown,) = surface.visible
        assert shown.text.startswith("word0 word1")
        assert not shown.state.open
        assert shown.note == NOT_BEGUN
        stored = await b.stored(job)
        assert (stored.state, stored.question.text) == (AnswerState.INTERRUPTED, "What is 2+2?")
        assert await b.store.answers(unfinished=True) == []


class DeletedMeanwhile(MemoryStore):
    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        await self.delete_question(conversation, message_id)
        return await super().edit_question(conversation, message_id, text)


async def test_of_a_question_deleted_during_its_edit_no_end_is_shown() -> None:
    async with half_written(DeletedMeanwhile()) as (b, _, surface):
        assert await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        await b.engine.finish()
        assert NOT_BEGUN not in [part.note for part in surface.visible]
        assert b.engine.status.waiting == 0


class DeletedAndFull(MemoryStore):
    """The question is deleted while its edit fails, and the next look for it fails, too."""

    failures = 0

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        await self.delete_question(conversation, message_id)
        self.failures = 1
        raise StorageError("the disk is full")

    async def find_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        if self.failures:
            self.failures -= 1
            raise StorageError("the disk is full")
        return await super().find_question(conversation, message_id)


async def test_whether_a_question_was_deleted_during_its_edit_is_asked_again() -> None:
    async with half_written(DeletedAndFull()) as (b, _, surface):
        with pytest.raises(StorageError):
            await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        await b.engine.finish()
        assert NOT_BEGUN not in [part.note for part in surface.visible]


class KilledBeforeTheEdit(MemoryStore):
    """As by kill -9: what the database has of the old answer is what the next run finds."""

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        self.left = await self.answers(unfinished=True)
        raise StorageError("killed")


async def test_an_answer_that_ended_for_an_edit_which_never_came_is_interrupted_not_stopped() -> (
    None
):
    store = KilledBeforeTheEdit()
    async with half_written(store) as (b, _, surface):
        with pytest.raises(StorageError):
            await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        assert [answer.state for answer in store.left] == [AnswerState.INTERRUPTED]


class ForgetsMessages(MemoryStore):
    """Refuses to record which message shows an answer, until it is told otherwise."""

    refuses = True

    async def shown(
        self, answer_id: int, index: int, message: str, *, settled: int | None = None
    ) -> None:
        if self.refuses:
            raise StorageError("the disk is full")
        await super().shown(answer_id, index, message, settled=settled)


async def test_an_edited_questions_answer_takes_over_messages_that_were_never_recorded() -> None:
    store = ForgetsMessages()
    async with half_written(store) as (b, _, surface):
        assert await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        store.refuses = False
        b.generator.let(1000)
        await b.engine.finish()
        assert len(surface.messages) == 1
        assert surface.joined() == POEM
        (answer,) = await store.answers()
        assert answer.messages == ("m1",)


async def test_an_answer_whose_messages_were_never_recorded_is_delivered_once_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.engine.runner.SAVE_RETRIES", (0.01,))  # in place of half a minute
    store = ForgetsMessages()
    async with bench(store=store) as b:
        job = await b.ask("What is 2+2?")
        await job.ended()
        assert job.unsaved
        store.refuses = False
        async with asyncio.timeout(60):
            while await store.answers(unfinished=True):
                await asyncio.sleep(0.01)
        (answer,) = await store.answers()
        assert answer.messages == ("m1",)
