"""What the engine promises, against a working store, delivery and surface, and a scripted model."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.job import Job
from bot.engine.window import WindowOptions
from bot.errors import (
    Busy,
    GenerationError,
    NotAllowed,
    NothingToDo,
    OverQuota,
    StorageError,
    TooLong,
    WorkerLost,
)
from bot.logs import JsonLines
from bot.messages import ConversationKey, Person, Question, Sampling, Usage
from bot.ports import (
    AnswerState,
    ConversationSettings,
    Leftover,
    Quota,
    Snapshot,
    StoredAnswer,
    Surface,
    SurfaceLimits,
)
from storage.in_memory import MemoryStore
from tests.fake_surface import FakeSurface, at
from tests.scripted_generator import ScriptedGenerator, echo
from tests.until import until

GENERAL = ConversationKey("test", "general", workspace="guild")
RANDOM = ConversationKey("test", "random", workspace="guild")
ANA = Person("test", "1", "Ana")
BEN = Person("test", "2", "Ben")
ADMIN = Person("test", "3", "Ada", admin=True)

POEM = " ".join(f"word{n}" for n in range(40))


def a_surface() -> FakeSurface:
    """A place with room for everything at once: the engine's order is tested, not the pacing."""
    return FakeSurface(SystemClock(), SurfaceLimits(1900, edits_per_second=1e4, burst=10_000))


@dataclass
class Bench:
    """An engine and all around it; `ask` and `answer` say what a person does and then reads."""

    generator: ScriptedGenerator
    store: MemoryStore
    engine: Engine
    surfaces: dict[int, FakeSurface] = field(default_factory=dict)
    asked: int = 0

    async def ask(
        self,
        text: str,
        *,
        by: Person = ANA,
        where: ConversationKey = GENERAL,
        surface: FakeSurface | None = None,
    ) -> Job:
        self.asked += 1
        question = Question(where, by, text, f"event {self.asked}", f"message {self.asked}")
        surface = surface or a_surface()
        job = await self.engine.ask(question, surface)
        assert job is not None
        self.surfaces[job.id] = surface
        return job

    async def answer(self, text: str, *, by: Person = ANA, where: ConversationKey = GENERAL) -> str:
        job = await self.ask(text, by=by, where=where)
        await job.ended()
        return self.surfaces[job.id].joined()

    async def stored(self, job: Job) -> StoredAnswer:
        (answer,) = await self.store.answers(answer_id=job.id)
        return answer


def options(**changes: object) -> EngineOptions:
    window = WindowOptions("Be kind.", True, Sampling(max_new_tokens=100))
    values: dict[str, object] = {
        "window": window,
        "slots": 4,
        "queue": 50,
        "queue_per_person": 50,
        "quota": Quota(),
        "question_characters": 1000,
        "checkpoint_interval": 0.01,
    }
    return EngineOptions(**{**values, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def bench(
    generator: ScriptedGenerator | None = None,
    store: MemoryStore | None = None,
    **changes: object,
) -> AsyncIterator[Bench]:
    generator = generator or ScriptedGenerator()
    store = store or MemoryStore()
    clock = SystemClock()
    delivery = Delivery(clock, store, edit_interval=0.0, max_messages=8)
    async with Engine(generator, store, delivery, clock, options(**changes)) as engine:
        yield Bench(generator, store, engine)


# ---------------------------------------------------------------- asking


async def test_an_answer_is_shown_whole_and_remembered_in_the_next_turn() -> None:
    async with bench() as b:
        assert await b.answer("My name is Ana.") == "[Be kind.] [] Ana: My name is Ana."
        second = await b.answer("Who am I?")
    assert second == "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"


async def test_conversations_know_nothing_of_each_other() -> None:
    async with bench() as b:
        await b.answer("My name is Ana.")
        assert "Ana: My" not in await b.answer("Who am I?", where=RANDOM)
        thread = ConversationKey("test", "general", "thread 1", "guild")
        assert "Ana: My" not in await b.answer("Who am I?", where=thread)


async def test_names_are_left_out_between_one_person_and_the_bot() -> None:
    async with bench() as b:
        surface = a_surface()
        job = await b.engine.ask(Question(GENERAL, ANA, "Hi", "e", direct=True), surface)
        assert job is not None
        await job.ended()
        assert surface.joined() == "[Be kind.] [] Hi"


async def test_a_question_is_recorded_before_anything_is_generated_for_it() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        job = await b.ask("Hello")
        assert generator.steps == 0
        stored = await b.stored(job)
        assert stored.state.open
        assert stored.question.text == "Hello"
        generator.let(50)
        await job.ended()
        assert (await b.stored(job)).state is AnswerState.DONE


async def test_the_same_event_is_answered_once() -> None:
    async with bench() as b:
        question = Question(GENERAL, ANA, "Hello", "the same", "m")
        first = await b.engine.ask(question, a_surface())
        assert first is not None
        assert await b.engine.ask(question, a_surface()) is None
        await first.ended()
        assert await b.engine.ask(question, a_surface()) is None
        assert len(b.generator.prompts) == 1


async def test_the_same_event_is_answered_once_over_a_restart() -> None:
    store = MemoryStore()
    question = Question(GENERAL, ANA, "Hello", "the same", "m")
    async with bench(store=store) as b:
        job = await b.engine.ask(question, a_surface())
        assert job is not None
        await job.ended()
    async with bench(store=store) as b:
        assert await b.engine.ask(question, a_surface()) is None
        assert b.engine.status.waiting == b.engine.status.writing == 0


async def test_questions_of_one_conversation_are_answered_in_order() -> None:
    async with bench() as b:
        jobs = [await b.ask(f"question {n}") for n in range(5)]
        await asyncio.gather(*(job.ended() for job in jobs))
    asked = [prompt.question for prompt in b.generator.prompts]
    assert asked == [f"Ana: question {n}" for n in range(5)]
    assert b.generator.most_writing == 1
    assert [len(prompt.history) for prompt in b.generator.prompts] == [0, 1, 2, 3, 4]


async def test_conversations_are_answered_side_by_side_up_to_the_slots() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator, slots=3) as b:
        places = [ConversationKey("test", str(n)) for n in range(5)]
        jobs = [await b.ask("Hello", where=where) for where in places]
        await until(lambda: generator.writing == 3)
        assert (b.engine.status.writing, b.engine.status.waiting) == (3, 2)
        generator.let(1000)
        await asyncio.gather(*(job.ended() for job in jobs))
    assert generator.most_writing == 3


async def test_the_place_in_the_queue_is_shown() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator, slots=1) as b:
        await b.ask("first")
        waiting = await b.ask("second", where=RANDOM)
        surface = b.surfaces[waiting.id]
        await until(lambda: bool(surface.messages))
        assert surface.visible[0].state is AnswerState.QUEUED
        generator.let(1000)
        await waiting.ended()
        assert surface.visible[-1].state is AnswerState.DONE


class SlowForTheFirst(MemoryStore):
    """Takes long for the first question that it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = 50

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        turns, self.slow = self.slow, 0
        for _ in range(turns):
            await asyncio.sleep(0)
        return await super().settings(conversation)


async def test_questions_are_recorded_in_the_order_in_which_they_came() -> None:
    async with bench(store=SlowForTheFirst()) as b:
        first, second = await asyncio.gather(b.ask("first"), b.ask("second"))
        assert first.answer.question_id < second.answer.question_id
        await b.engine.finish()
    assert [p.question for p in b.generator.prompts] == ["Ana: first", "Ana: second"]


# ---------------------------------------------------------------- refusing


async def test_a_full_queue_says_so_and_records_nothing() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator, slots=1, queue=1) as b:
        await b.ask("first")
        await b.ask("second", where=RANDOM)
        with pytest.raises(Busy):
            await b.ask("third", where=ConversationKey("test", "third"))
        assert len(await b.store.answers()) == 2
        generator.let(1000)
        await b.engine.finish()


async def test_a_duplicate_is_not_told_that_the_queue_is_full() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator, slots=1, queue_per_person=1) as b:
        question = Question(GENERAL, ANA, "Hello", "the same", "m")
        assert await b.engine.ask(question, a_surface()) is not None
        assert await b.engine.ask(question, a_surface()) is None
        generator.let(1000)
        await b.engine.finish()


async def test_a_quota_ends_the_day_and_a_refusal_frees_the_place() -> None:
    async with bench(quota=Quota(answers_per_day=1)) as b:
        await b.answer("one")
        with pytest.raises(OverQuota):
            await b.ask("two")
        assert (b.engine.status.waiting, b.engine.status.writing) == (0, 0)
        await b.answer("one", by=BEN)


async def test_a_question_longer_than_the_window_is_refused_with_the_numbers() -> None:
    async with bench(ScriptedGenerator(context=128)) as b:
        with pytest.raises(TooLong, match=r"\b200\b|\b201\b|\b203\b"):
            await b.ask("a " * 200)
        assert await b.store.answers() == []
        with pytest.raises(TooLong, match="1,200 characters"):
            await b.ask("a" * 1200)
        with pytest.raises(NothingToDo):
            await b.ask("  \n ")


async def test_a_muted_conversation_answers_admins_only() -> None:
    async with bench() as b:
        await b.engine.change_settings(GENERAL, ADMIN, ConversationSettings(muted=True))
        with pytest.raises(NotAllowed, match="muted"):
            await b.ask("Hello")
        await b.answer("Hello", by=ADMIN)
        await b.answer("Hello", where=RANDOM)


async def test_a_check_refuses_what_a_question_would_and_leaves_nothing() -> None:
    generator = ScriptedGenerator(paced=True)
    a_day = Quota(answers_per_day=2)
    async with bench(generator, slots=1, queue_per_person=2, quota=a_day) as b:

        async def refused(text: str, error: type[Exception], by: Person = ANA) -> None:
            with pytest.raises(error):
                await b.engine.check(Question(GENERAL, by, text, "new", "new"))

        await b.engine.change_settings(RANDOM, ADMIN, ConversationSettings(muted=True))
        with pytest.raises(NotAllowed):
            await b.engine.check(Question(RANDOM, ANA, "Hello", "new", "new"))
        await refused(" ", NothingToDo)
        await refused("a" * 1200, TooLong)
        for number in range(5):
            await b.engine.check(Question(GENERAL, ANA, "Hello", str(number), "new"))
        assert (b.engine.status.waiting, await b.store.answers()) == (0, [])
        await b.ask("one")
        await b.ask("two")
        await refused("three", Busy)
        asked = Question(GENERAL, ANA, "two", "event 2", "message 2")
        await b.engine.check(asked)  # the same event again is no question of its own
        generator.let(1000)
        await b.engine.finish()
        await refused("three", OverQuota)


# ---------------------------------------------------------------- stopping, resetting


async def test_stop_halts_the_model_within_one_step() -> None:
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    async with bench(generator) as b:
        job = await b.ask("A poem")
        generator.let(5)
        await until(lambda: generator.steps == 5)
        assert await b.engine.stop(GENERAL, ANA) == 1
        generator.let(100)
        outcome = await job.ended()
        assert generator.steps == 5
        assert outcome.state is AnswerState.STOPPED
        stored = await b.stored(job)
        assert stored.text == "word0 word1 word2 word3 word4 "
        assert b.surfaces[job.id].joined() == stored.text.rstrip()
        assert stored.usage == Usage(prompt_tokens=5, completion_tokens=5, model="scripted")
        assert b.surfaces[job.id].visible[-1].state is AnswerState.STOPPED
        assert generator.writing == 0


async def test_a_waiting_answer_can_be_stopped_and_the_next_goes_on() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        first, second, third = [await b.ask(str(n)) for n in range(3)]
        await until(lambda: generator.writing == 1)
        await b.engine.stop(GENERAL, ANA, answer_id=second.id)
        generator.let(1000)
        assert (await first.ended()).state is AnswerState.DONE
        assert (await second.ended()).state is AnswerState.STOPPED
        assert (await third.ended()).state is AnswerState.DONE
        assert len(generator.prompts) == 2


async def test_only_the_asker_and_admins_may_stop() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        job = await b.ask("Hello", by=ANA)
        with pytest.raises(NothingToDo):
            await b.engine.stop(GENERAL, BEN)
        with pytest.raises(NotAllowed):
            await b.engine.stop(GENERAL, BEN, answer_id=job.id)
        with pytest.raises(NotAllowed):
            await b.engine.stop(GENERAL, BEN, everyone=True)
        with pytest.raises(NothingToDo):
            await b.engine.stop(RANDOM, ADMIN, everyone=True)
        with pytest.raises(NothingToDo, match="no such answer"):
            await b.engine.stop(RANDOM, ADMIN, answer_id=job.id)
        assert await b.engine.stop(GENERAL, ADMIN, everyone=True) == 1
        await job.ended()
        with pytest.raises(NothingToDo):
            await b.engine.stop(GENERAL, ANA)
        with pytest.raises(NothingToDo, match="Nothing is being answered"):
            await b.engine.stop(GENERAL, ANA, answer_id=job.id)


async def test_after_a_reset_it_no_longer_knows() -> None:
    async with bench() as b:
        await b.answer("My name is Ana.")
        with pytest.raises(NotAllowed):
            await b.engine.reset(GENERAL, ANA)
        assert await b.engine.reset(GENERAL, ADMIN) == 1
        assert "My name" not in await b.answer("Who am I?")


async def test_a_reset_stops_what_is_being_written() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        job = await b.ask("My name is Ana.")
        await until(lambda: generator.writing == 1)
        await b.engine.reset(GENERAL, ADMIN)
        assert (await job.ended()).state is AnswerState.STOPPED
        generator.let(1000)
        assert "My name" not in await b.answer("Who am I?")


# ---------------------------------------------------------------- once more


async def test_regenerate_answers_anew_in_the_same_message() -> None:
    replies = iter(["the first", "the second", "later"])
    async with bench(ScriptedGenerator(lambda _: next(replies))) as b:
        job = await b.ask("Hello")
        await job.ended()
        surface = b.surfaces[job.id]
        with pytest.raises(NotAllowed):
            await b.engine.regenerate(GENERAL, BEN, at(surface), answer_id=job.id)
        again = await b.engine.regenerate(GENERAL, ANA, at(surface))
        await again.ended()
        assert surface.joined() == "the second"
        assert len(surface.messages) == 1
        await b.answer("And now?")
    (exchange,) = b.generator.prompts[-1].history
    assert exchange.answer == "the second"
    assert b.generator.prompts[1].history == ()


async def test_an_older_answer_done_anew_does_not_see_what_came_later() -> None:
    async with bench() as b:
        first = await b.ask("one")
        await first.ended()
        await b.answer("two")
        again = await b.engine.regenerate(
            GENERAL, ANA, at(b.surfaces[first.id]), answer_id=first.id
        )
        await again.ended()
        assert b.surfaces[first.id].joined() == "[Be kind.] [] Ana: one"


async def test_continue_goes_on_where_the_length_cut() -> None:
    window = WindowOptions("", True, Sampling(max_new_tokens=15))
    async with bench(ScriptedGenerator(lambda _: POEM), window=window) as b:
        job = await b.ask("A poem")
        assert (await job.ended()).state is AnswerState.CUT
        surface = b.surfaces[job.id]
        assert surface.visible[-1].state is AnswerState.CUT
        for _ in range(2):
            job = await b.engine.continue_(GENERAL, ANA, at(surface), answer_id=job.id)
            await job.ended()
        assert surface.joined() == POEM
        assert (await b.stored(job)).text == POEM
        with pytest.raises(NothingToDo, match="its own end"):
            await b.engine.continue_(GENERAL, ANA, at(surface), answer_id=job.id)


async def test_nothing_can_be_done_again_while_it_is_written() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        job = await b.ask("Hello")
        with pytest.raises(NothingToDo):
            await b.engine.regenerate(GENERAL, ANA, at(a_surface()), answer_id=job.id)
        with pytest.raises(NothingToDo):
            await b.engine.regenerate(GENERAL, ANA, at(a_surface()), answer_id=job.id + 99)
        generator.let(100)
        await job.ended()


async def test_an_edited_newest_question_is_answered_anew_in_the_same_message() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        job = await b.ask("Whats 2+2")
        surface = b.surfaces[job.id]
        generator.let(2)
        await until(lambda: generator.steps == 2)
        assert await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        generator.let(100)
        await b.engine.finish()
        assert surface.joined() == "[Be kind.] [] Ana: What is 3+3?"
        (message,) = surface.messages.values()
        assert AnswerState.STOPPED not in [part.state for part in message.history]
        assert len(surface.messages) == 1
        assert await b.answer("So?") == "[Be kind.] [Ana: What is 3+3?] Ana: So?"


async def test_an_edited_older_question_changes_only_what_is_remembered() -> None:
    async with bench() as b:
        await b.answer("one")
        await b.answer("two")
        assert await b.engine.question_edited(GENERAL, "message 1", "uno", at(a_surface()))
        assert not await b.engine.question_edited(GENERAL, "message 9", "x", at(a_surface()))
        assert "[Ana: uno | Ana: two]" in await b.answer("three")


async def test_a_deleted_question_is_stopped_and_leaves_the_history() -> None:
    generator = ScriptedGenerator(paced=True)
    async with bench(generator) as b:
        job = await b.ask("secret")
        await until(lambda: generator.writing == 1)
        surface = b.surfaces[job.id]
        assert await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        await job.ended()
        generator.let(1000)
        assert "secret" not in await b.answer("two")
        assert not await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        await until(lambda: not surface.visible)


@pytest.mark.parametrize("delete", [False, True])
async def test_the_answer_of_a_deleted_question_loses_its_buttons_or_goes(delete: bool) -> None:
    async with bench(delete_with_question=delete) as b:
        job = await b.ask("secret")
        surface = b.surfaces[job.id]
        await job.ended()
        assert await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        await until(lambda: surface.retired or not surface.visible)
        assert (surface.retired, bool(surface.visible)) == ([], False) if delete else (["m1"], True)
        await until(lambda: not b.store._leftovers)


async def test_what_a_crash_left_of_a_deleted_question_is_cleared_at_the_next_start() -> None:
    store, surface = MemoryStore(), a_surface()
    await store.leave(Leftover(GENERAL, "m1", remove=False))
    await store.leave(Leftover(GENERAL, "m2", remove=True))
    async with bench(store=store) as b:
        await b.engine.recover(GENERAL.platform, at(surface), resume=True)
        await until(lambda: not store._leftovers)
    assert surface.retired == ["m1"]
    assert [call.message for call in surface.calls if call.kind == "remove"] == ["m2"]


async def test_forgetting_a_person_deletes_what_they_asked_and_only_that() -> None:
    async with bench() as b:
        await b.answer("mine", by=ANA)
        await b.answer("yours", by=BEN)
        assert await b.engine.forget(ANA) == 1
        assert "[Ben: yours]" in await b.answer("so?", by=BEN)


# ---------------------------------------------------------------- when things break


async def test_a_lost_model_process_is_taken_up_again_and_nothing_is_said_twice() -> None:
    generator = ScriptedGenerator(lambda _: POEM)
    generator.failures = [(7, WorkerLost("gone")), (5, WorkerLost("gone again"))]
    async with bench(generator) as b:
        job = await b.ask("A poem")
        assert (await job.ended()).state is AnswerState.DONE
        assert b.surfaces[job.id].joined() == POEM
        stored = await b.stored(job)
        assert stored.text == POEM
        assert stored.usage.completion_tokens == 40
    assert [len(prompt.answer.split()) for prompt in generator.prompts] == [0, 7, 12]


async def test_taking_up_again_makes_no_answer_longer_than_allowed() -> None:
    window = WindowOptions("", True, Sampling(max_new_tokens=15))
    generator = ScriptedGenerator(lambda _: POEM)
    generator.failures = [(7, WorkerLost("gone"))]
    async with bench(generator, window=window) as b:
        job = await b.ask("A poem")
        assert (await job.ended()).state is AnswerState.CUT
        assert b.surfaces[job.id].joined().split() == POEM.split()[:15]


async def test_a_process_that_keeps_dying_fails_the_answer_and_keeps_its_text() -> None:
    generator = ScriptedGenerator(lambda _: POEM)
    generator.failures = [(3, WorkerLost("gone"))]
    generator.failures += [(0, WorkerLost("gone"))] * 3
    async with bench(generator) as b:
        job = await b.ask("A poem")
        outcome = await job.ended()
        assert outcome.state is AnswerState.FAILED
        assert b.surfaces[job.id].joined() == "word0 word1 word2"
        last = b.surfaces[job.id].visible[-1]
        assert last.state is AnswerState.FAILED
        assert "Try again" in last.note
        again = await b.engine.continue_(GENERAL, ANA, at(b.surfaces[job.id]), answer_id=job.id)
        await again.ended()
        assert b.surfaces[job.id].joined() == POEM


async def test_one_failing_answer_is_no_other_answers_affair() -> None:
    generator = ScriptedGenerator()
    generator.failures = [(2, GenerationError("numbers overflowed"))]
    async with bench(generator) as b:
        bad = await b.ask("one")
        good = await b.ask("two", where=RANDOM)
        assert (await bad.ended()).state is AnswerState.FAILED
        assert (await good.ended()).state is AnswerState.DONE


async def test_the_log_names_conversation_and_answer() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    generator = ScriptedGenerator()
    generator.failures = [(2, GenerationError("numbers overflowed"))]
    logging.getLogger("bot.engine").addHandler(handler)
    try:
        async with bench(generator) as b:
            bad = await b.ask("one")
            await bad.ended()
    finally:
        logging.getLogger("bot.engine").removeHandler(handler)
    (entry,) = [json.loads(line) for line in written.getvalue().splitlines()]
    assert entry["message"] == f"answer {bad.id} failed: numbers overflowed"
    assert (entry["conversation"], entry["answer"]) == (str(GENERAL), bad.id)


async def test_a_deleted_message_stops_the_model_without_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    async with bench(generator) as b:
        job = await b.ask("A poem")
        surface = b.surfaces[job.id]
        generator.let(2)
        await until(lambda: surface.joined().startswith("word0"))
        surface.delete(next(iter(surface.messages)))
        generator.let(1)
        outcome = await job.ended()
        assert outcome.state is AnswerState.STOPPED
        assert generator.writing == 0
    assert not [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")]


class FailingStore(MemoryStore):
    """Cannot save an answer's end."""

    async def close(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        raise StorageError("parley.sqlite3: the disk is full. Free some space.")


async def test_an_answer_that_cannot_be_saved_is_shown_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.engine.runner.SAVE_RETRIES", (0.001, 0.001))
    async with bench(store=FailingStore()) as b:
        job = await b.ask("Hello")
        await job.ended()
        assert b.surfaces[job.id].joined() == "[Be kind.] [] Ana: Hello"
        assert "not save" in b.surfaces[job.id].visible[-1].note


@dataclass
class Finder:
    """Finds one and the same surface for every answer."""

    surface: FakeSurface | None

    async def __call__(self, answer: StoredAnswer) -> Surface | None:
        return self.surface


async def parked(store: MemoryStore, surface: FakeSurface, words: int) -> Job:
    """An answer that an earlier run left off after so many words."""
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    async with bench(generator, store) as b:
        job = await b.ask("A poem", surface=surface)
        generator.let(words)
        await until(lambda: generator.steps == words)
    assert generator.writing == 0
    return job


async def test_leaving_parks_an_answer_and_the_next_run_goes_on_in_the_same_message() -> None:
    store, surface = MemoryStore(), a_surface()
    job = await parked(store, surface, 9)
    (left,) = await store.answers(unfinished=True)
    assert left.text.split() == POEM.split()[:9]
    generator = ScriptedGenerator(lambda _: POEM)
    async with bench(generator, store) as b:
        (again,) = await b.engine.recover("test", Finder(surface), resume=True)
        assert again.id == job.id
        await again.ended()
        assert await store.answers(unfinished=True) == []
        assert await b.engine.recover("test", Finder(surface), resume=True) == []
    assert surface.joined() == POEM
    assert len(surface.messages) == 1
    assert len(generator.prompts[0].answer.split()) == 9


async def test_leaving_while_waiting_loses_no_question() -> None:
    store, surface = MemoryStore(), a_surface()
    generator = ScriptedGenerator(paced=True)
    async with bench(generator, store) as b:
        for n in range(3):
            await b.ask(f"question {n}", surface=surface)
    async with bench(store=store) as b:
        jobs = await b.engine.recover("test", Finder(surface), resume=True)
        await asyncio.gather(*(job.ended() for job in jobs))
    assert [p.question for p in b.generator.prompts] == [f"Ana: question {n}" for n in range(3)]


async def test_an_unfinished_answer_can_be_marked_instead_and_continued_by_hand() -> None:
    store, surface = MemoryStore(), a_surface()
    await parked(store, surface, 9)
    async with bench(ScriptedGenerator(lambda _: POEM), store) as b:
        (marked,) = await b.engine.recover("test", Finder(surface), resume=False)
        assert (await marked.ended()).state is AnswerState.INTERRUPTED
        assert surface.visible[-1].state is AnswerState.INTERRUPTED
        assert b.generator.prompts == []
        again = await b.engine.continue_(GENERAL, ANA, at(surface), answer_id=marked.id)
        await again.ended()
        assert surface.joined() == POEM


async def test_an_unfinished_answer_whose_place_is_gone_is_closed() -> None:
    store, surface = MemoryStore(), a_surface()
    job = await parked(store, surface, 3)
    async with bench(store=store) as b:
        assert await b.engine.recover("test", Finder(None), resume=True) == []
        assert (await b.stored(job)).state is AnswerState.INTERRUPTED
        assert await store.answers(unfinished=True) == []


async def test_another_platforms_answers_are_left_alone() -> None:
    store, surface = MemoryStore(), a_surface()
    await parked(store, surface, 3)
    async with bench(store=store) as b:
        assert await b.engine.recover("discord", Finder(surface), resume=True) == []
    assert len(await store.answers(unfinished=True)) == 1


async def test_an_end_that_was_written_but_not_shown_is_shown_after_a_restart() -> None:
    store, surface = MemoryStore(), a_surface()
    job = await parked(store, surface, 9)
    await store.close(job.id, AnswerState.DONE, POEM, Usage())
    async with bench(store=store) as b:
        (again,) = await b.engine.recover("test", Finder(surface), resume=True)
        await again.ended()
        assert b.generator.prompts == []
    assert surface.joined() == POEM
    assert surface.visible[-1].state is AnswerState.DONE


async def test_the_text_is_saved_while_it_is_written() -> None:
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    async with bench(generator) as b:
        job = await b.ask("A poem")
        generator.let(4)

        async def saved() -> bool:
            return (await b.stored(job)).text.split() == POEM.split()[:4]

        await until(saved)
        generator.let(100)
        await job.ended()


async def test_settings_of_a_conversation_reach_the_model() -> None:
    async with bench(ScriptedGenerator(lambda _: POEM)) as b:
        changed = ConversationSettings("Be brief.", max_new_tokens=3, show_names=False)
        with pytest.raises(NotAllowed):
            await b.engine.change_settings(GENERAL, ANA, changed)
        await b.engine.change_settings(GENERAL, ADMIN, changed)
        assert await b.answer("Hello") == "word0 word1 word2"
        assert (b.generator.prompts[0].system, b.generator.prompts[0].question) == (
            "Be brief.",
            "Hello",
        )
        assert echo(b.generator.prompts[0]) == "[Be brief.] [] Hello"
