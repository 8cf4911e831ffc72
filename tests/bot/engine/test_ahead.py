"""A prompt is packed while its question is being recorded, and nothing is generated before that."""

import asyncio

import pytest

from bot.errors import StorageError
from bot.messages import Completion, Prompt, Question
from bot.ports import Quota, StoredAnswer
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ANA, GENERAL, a_surface, bench
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


class SlowCommit(MemoryStore):
    """A commit waits for a permit, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.permits = asyncio.Semaphore(0)
        self.fails = False

    async def accept(self, question: Question, quota: Quota) -> StoredAnswer | None:
        await self.permits.acquire()
        if self.fails:
            raise StorageError("the disk is full")
        return await super().accept(question, quota)


class Counting(ScriptedGenerator):
    """Notes the questions of the prompts that were counted."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[str] = []

    async def count(self, prompt: Prompt | Completion) -> int:
        if isinstance(prompt, Prompt):
            self.counted.append(prompt.question)
        return await super().count(prompt)


def a_question(text: str, number: int) -> Question:
    return Question(GENERAL, ANA, text, f"event {number}", f"message {number}", direct=True)


async def test_a_prompt_is_packed_beside_the_commit_and_generated_for_after_it() -> None:
    store, generator = SlowCommit(), Counting()
    async with bench(generator, store) as b:
        asking = asyncio.create_task(b.engine.ask(a_question("Hello", 1), a_surface()))
        await until(lambda: len(generator.counted) > 1)  # once for the check, then for the prompt
        for _ in range(20):
            await asyncio.sleep(0)
        assert generator.prompts == []
        store.permits.release()
        job = await asking
        assert job is not None
        packed = len(generator.counted)
        await job.ended()
        assert [prompt.question for prompt in generator.prompts] == ["Hello"]
        assert len(generator.counted) == packed + 1  # the script's own: it was not packed again


async def test_nothing_is_generated_for_a_question_that_cannot_be_recorded() -> None:
    store, generator = SlowCommit(), Counting()
    store.fails = True
    async with bench(generator, store) as b:
        asking = asyncio.create_task(b.engine.ask(a_question("Hello", 1), a_surface()))
        await until(lambda: len(generator.counted) > 1)
        store.permits.release()
        with pytest.raises(StorageError):
            await asking
        assert b.engine.status.writing == b.engine.status.waiting == 0
    assert generator.prompts == []


async def test_the_model_gets_the_question_as_it_was_recorded() -> None:
    store, generator = SlowCommit(), Counting()
    store.permits.release()
    async with bench(generator, store) as b:
        job = await b.engine.ask(a_question("Hello \ud800", 1), a_surface())
        assert job is not None
        await job.ended()
    assert [prompt.question for prompt in generator.prompts] == ["Hello \N{REPLACEMENT CHARACTER}"]


async def test_a_question_that_waits_is_packed_when_its_turn_comes() -> None:
    store, generator = SlowCommit(), Counting()
    store.permits = asyncio.Semaphore(2)
    async with bench(generator, store, slots=1) as b:
        first = await b.engine.ask(a_question("one", 1), a_surface())
        second = await b.engine.ask(a_question("two", 2), a_surface())
        assert first is not None
        assert second is not None
        assert second.ahead is None
        await second.ended()
    assert [exchange.question for exchange in generator.prompts[1].history] == ["one"]
