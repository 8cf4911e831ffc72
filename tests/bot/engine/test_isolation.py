"""What fails ends alone, is seen, and is tried again where that helps."""

from collections.abc import AsyncGenerator

import pytest

from bot.errors import ShuttingDown, StorageError
from bot.messages import Completion, Finished, Prompt, Question, Sampling, Thought, Usage
from bot.ports import AnswerState, Quota, Snapshot
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ANA, BEN, GENERAL, a_surface, bench
from tests.fake_surface import at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


class Breaking(ScriptedGenerator):
    """Breaks with an exception that nobody foresaw, after some words of its first answer."""

    def __init__(self, after: int) -> None:
        super().__init__(lambda _: "one two three")
        self._after = after

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        number = 0
        first = not self.prompts
        async for piece in super().stream(prompt, sampling):
            if first and number == self._after:
                raise AttributeError("'list' object has no attribute 'strip'")
            number += 1
            yield piece


@pytest.mark.parametrize("after", [0, 2])
async def test_an_exception_that_nobody_foresaw_ends_the_answer_where_it_can_be_seen(
    after: int,
) -> None:
    async with bench(Breaking(after)) as b:
        job = await b.ask("Hello")
        outcome = await job.ended()
        assert outcome.state is AnswerState.FAILED
        (shown,) = b.surfaces[job.id].visible
        assert shown.state is AnswerState.FAILED
        assert shown.note
        assert (await b.stored(job)).state is AnswerState.FAILED
        assert await b.store.answers(unfinished=True) == []
        assert await b.answer("Again") == "one two three"


class Raw(MemoryStore):
    """Raises what no driver should let through, and what a locked database gives, for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.checkpoints: list[Exception] = []
        self.closes: list[Exception] = []

    async def checkpoint(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        if self.checkpoints:
            raise self.checkpoints.pop(0)
        await super().checkpoint(answer_id, state, text, thought, snapshot)

    async def close(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        if self.closes:
            raise self.closes.pop(0)
        await super().close(answer_id, state, text, usage, thought, snapshot)


async def test_a_checkpoint_that_raises_anything_stops_no_other_answer() -> None:
    store = Raw()
    store.checkpoints = [ZeroDivisionError(), StorageError("the table is gone")]
    generator = ScriptedGenerator(lambda _: "one two three", paced=True)
    async with bench(generator, store) as b:
        first = await b.ask("Hello")
        generator.let(1)
        await until(lambda: not store.checkpoints)
        second = await b.ask("Hello", by=BEN)
        generator.let(10)
        assert (await first.ended()).state is AnswerState.DONE
        assert (await second.ended()).state is AnswerState.DONE


@pytest.mark.parametrize("error", [StorageError("the database is locked"), ZeroDivisionError()])
async def test_a_database_that_is_locked_at_an_answers_end_is_tried_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.runner.SAVE_RETRIES", (0.001, 0.001, 0.001))
    store = Raw()
    store.closes = [error] * 3
    async with bench(store=store) as b:
        job = await b.ask("Hello")
        await job.ended()
        assert b.surfaces[job.id].visible[-1].note == ""
        assert (await b.stored(job)).state is AnswerState.DONE


async def test_an_end_that_could_not_be_recorded_is_recorded_once_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.engine.runner.SAVE_RETRIES", (0.001,))
    store = Raw()
    store.closes = [StorageError("the database is locked")] * 4
    async with bench(store=store) as b:
        job = await b.ask("Hello")
        await job.ended()
        assert "not save" in b.surfaces[job.id].visible[-1].note

        async def recorded() -> bool:
            return not await store.answers(unfinished=True)

        await until(recorded)
        assert (await b.stored(job)).state is AnswerState.DONE


async def test_a_question_that_comes_during_the_shutdown_is_not_taken() -> None:
    store = MemoryStore()
    async with bench(store=store) as b:
        engine = b.engine
        await b.answer("one")
    with pytest.raises(ShuttingDown):
        await engine.ask(Question(GENERAL, ANA, "two", "event 9"), a_surface())
    assert [kept.question.text for kept in await store.exchanges(GENERAL)] == ["one"]


@pytest.mark.parametrize("refusal", ["too long", "muted", "over the quota", "no room in the queue"])
async def test_an_edit_is_checked_before_anything_changes(refusal: str) -> None:
    generator = ScriptedGenerator(lambda _: "one two three", paced=True)
    quota = Quota(answers_per_day=int(refusal == "over the quota"))
    async with bench(generator, question_characters=20, quota=quota) as b:
        job = await b.ask("Hello")
        generator.let(1)
        await until(lambda: generator.steps == 1)
        if refusal == "muted":
            settings = await b.store.settings(GENERAL)
            await b.store.change_settings(GENERAL, type(settings)(muted=True))
        text = "x" * 30 if refusal == "too long" else "Edited"
        edit = b.engine.question_edited(GENERAL, "message 1", text, at(b.surfaces[job.id]))
        if refusal == "no room in the queue":
            assert await edit, "the place of the answer that it replaces is free"
        else:
            with pytest.raises(Exception, match=r"characters|muted|used up"):
                await edit
        generator.let(100)
        await b.engine.finish()
        (kept,) = await b.store.exchanges(GENERAL)
        expected = "Edited" if refusal == "no room in the queue" else "Hello"
        assert (kept.question.text, kept.answer) == (expected, "one two three")
