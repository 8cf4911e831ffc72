"""Several models: each conversation is answered by its own, and what ails one touches no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine, FurtherStatus
from bot.engine.models import ModelSlots
from bot.engine.summaries import Summary
from bot.engine.transcript import Spoken, Transcript
from bot.errors import GenerationError, ModelDown, NotAllowed
from bot.messages import Completion, ModelInfo, Prompt
from bot.observer import AnswerEnded
from bot.ports import AnswerState, ConversationSettings, StoredAnswer, Surface
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ADMIN, ANA, BEN, GENERAL, RANDOM, Bench, options
from tests.observing import Told
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

LARGE = ConversationSettings(model="large")
THREAD = replace(GENERAL, thread="7")


class Down(ScriptedGenerator):
    """A model whose servers do not answer before `up` is set."""

    up = False

    async def start(self) -> ModelInfo:
        if not self.up:
            raise ModelDown("no server of [models.large] answers", "large")
        return await super().start()


class Exact(ScriptedGenerator):
    """Counts three tokens for each word."""

    async def count(self, prompt: Prompt | Completion) -> int:
        return 3 * await super().count(prompt)


@asynccontextmanager
async def bench(
    default: ScriptedGenerator,
    *,
    large: ScriptedGenerator | None = None,
    store: MemoryStore | None = None,
    told: Told | None = None,
    large_slots: int = 1,
    **changes: object,
) -> AsyncIterator[Bench]:
    store, clock = store or MemoryStore(), SystemClock()
    delivery = Delivery(clock, store, edit_interval=0.0, max_messages=8)
    further = {"large": ModelSlots(large, large_slots)} if large else {}
    engine = Engine(default, store, delivery, clock, options(**changes), told, further)
    async with engine:
        yield Bench(default, store, engine)


def saying(word: str, **changes: object) -> ScriptedGenerator:
    return ScriptedGenerator(lambda _: word, **changes)  # type: ignore[arg-type]


async def test_each_conversation_is_answered_by_its_model_and_the_record_names_it() -> None:
    told = Told()
    async with bench(saying("small"), large=saying("LARGE"), told=told) as b:
        await b.engine.change_settings(RANDOM, ADMIN, LARGE)
        assert await b.answer("Hi") == "small"
        assert await b.answer("Hi", where=RANDOM) == "LARGE"
        assert [answer.usage.model for answer in await b.store.answers()] == ["large", "scripted"]
    ended = [event for event in told.events if isinstance(event, AnswerEnded)]
    assert [(one.model, one.further) for one in ended] == [("scripted", False), ("large", True)]


async def test_threads_inherit_the_model_of_their_channel_and_may_have_their_own() -> None:
    async with bench(saying("small"), large=saying("LARGE")) as b:
        await b.engine.change_settings(GENERAL, ADMIN, LARGE)
        assert await b.answer("Hi", where=THREAD) == "LARGE"
        await b.engine.change_settings(GENERAL, ADMIN, ConversationSettings())
        await b.engine.change_settings(THREAD, ADMIN, LARGE)
        assert await b.answer("Hi", where=THREAD) == "LARGE"
        assert await b.answer("Hi") == "small"


async def test_only_an_admin_chooses() -> None:
    async with bench(saying("small"), large=saying("LARGE")) as b:
        with pytest.raises(NotAllowed):
            await b.engine.change_settings(GENERAL, ANA, LARGE)
        assert await b.answer("Hi") == "small"


async def test_prompts_are_packed_for_the_window_and_by_the_counts_of_the_model() -> None:
    default, large = ScriptedGenerator(context=400), Exact(context=1000)
    async with bench(default, large=large) as b:
        await b.engine.change_settings(RANDOM, ADMIN, LARGE)
        for where in (GENERAL, RANDOM):
            for n in range(8):
                await b.answer(f"{n} " + "word " * 30, where=where)
        for model, window in ((default, 400), (large, 1000)):
            assert await model.count(model.prompts[-1]) <= window - 100
            assert 0 < len(model.prompts[-1].history) < 7
        packed = await b.engine.context(RANDOM)
        assert (packed.window, packed.tokens % 3) == (1000, 0)
        assert (await b.engine.context(GENERAL)).window == 400


async def test_each_model_has_slots_of_its_own() -> None:
    default, large = saying("one two", paced=True), saying("three four", paced=True)
    async with bench(default, large=large, large_slots=1, slots=1) as b:
        others = [replace(RANDOM, channel=f"other {n}") for n in range(3)]
        for where in others:
            await b.engine.change_settings(where, ADMIN, LARGE)
        waiting = [await b.ask("Hi", where=where) for where in others]
        here = await b.ask("Hi", by=BEN)
        await until(lambda: default.writing == large.writing == 1)
        default.let(10)
        await here.ended()
        assert b.engine.status.writing == 1
        large.let(10)
        for job in waiting:
            await job.ended()
        assert large.most_writing == 1


async def test_a_model_whose_servers_are_down_fails_its_own_channels_only() -> None:
    large = Down(lambda _: "LARGE")
    async with bench(saying("small"), large=large) as b:
        await b.engine.change_settings(RANDOM, ADMIN, LARGE)
        outcome = await (await b.ask("Hi", where=RANDOM)).ended()
        assert outcome.state is AnswerState.FAILED
        assert outcome.note.startswith("The model large is not available right now.")
        assert await b.answer("Hi") == "small"
        assert b.engine.status.further == (FurtherStatus("large", None, False, 0, 1),)
        large.up = True
        assert await b.answer("Hi", where=RANDOM) == "LARGE"
        assert b.engine.status.further[0].up


async def test_a_name_that_is_gone_means_the_default_and_a_note() -> None:
    async with bench(saying("small")) as b:
        await b.store.change_settings(GENERAL, LARGE)
        outcome = await (await b.ask("Hi")).ended()
        assert (outcome.state, outcome.note) == (
            AnswerState.DONE,
            "The model large is not there any more, so the default one answered.",
        )


async def test_a_question_that_waits_follows_a_new_choice() -> None:
    default, large = saying("small", paced=True), saying("LARGE")
    async with bench(default, large=large, slots=1) as b:
        await b.ask("Hi")
        waiting = await b.ask("Hi", where=THREAD, by=BEN)
        elsewhere = await b.ask("Hi", where=RANDOM, by=BEN)
        await until(lambda: default.writing == 1)
        await b.engine.change_settings(GENERAL, ADMIN, LARGE)
        await waiting.ended()
        assert b.surfaces[waiting.id].joined() == "LARGE"
        assert elsewhere.outcome is None
        default.let(10)


async def test_an_answer_that_is_continued_is_written_by_the_model_that_is_chosen_then() -> None:
    default = saying("one two three four")
    default.failures.append((2, GenerationError("broken")))
    large = saying("one two THREE FOUR")
    async with bench(default, large=large) as b:
        job = await b.ask("Count.")
        assert (await job.ended()).state is AnswerState.FAILED
        await b.engine.change_settings(GENERAL, ADMIN, LARGE)

        async def find(answer: StoredAnswer) -> Surface:
            del answer
            return b.surfaces[job.id]

        again = await b.engine.continue_(GENERAL, ANA, find)
        await again.ended()
        assert large.prompts[0].answer == "one two "
        assert b.surfaces[job.id].joined() == "one two THREE FOUR"
        assert (await b.stored(job)).usage.model == "large"


async def test_after_a_crash_an_answer_goes_on_with_the_model_that_is_chosen_now() -> None:
    store = MemoryStore()
    default, large = saying("one two three four", paced=True), saying("one two THREE FOUR")
    async with bench(default, large=large, store=store) as b:
        job = await b.ask("Count.")
        default.let(2)
        await until(lambda: default.steps == 2)
        surface = b.surfaces[job.id]
    await store.change_settings(GENERAL, LARGE)
    async with bench(default, large=large, store=store) as b:

        async def find(answer: StoredAnswer) -> Surface:
            del answer
            return surface

        (resumed,) = await b.engine.recover("test", find, resume=True)
        await resumed.ended()
        assert surface.joined() == "one two THREE FOUR"
        assert (await b.stored(resumed)).usage.model == "large"


async def test_the_engine_ends_while_a_model_is_still_being_reached() -> None:
    large = Down()
    async with bench(saying("small"), large=large) as b:
        await asyncio.sleep(0)
        assert not b.engine.status.further[0].up


async def test_a_summary_is_written_by_the_model_of_its_place() -> None:
    talk = Transcript((Spoken("Ben", "Meet at noon."),), "10", "12")
    default, large = saying("small"), saying("LARGE")
    ends: list[Summary] = []

    async def deliver(summary: Summary) -> None:
        ends.append(summary)

    async with bench(default, large=large) as b:
        await b.engine.change_settings(GENERAL, ADMIN, LARGE)
        await b.engine.summaries.begin(GENERAL, ANA, talk, deliver)
        await until(lambda: ends)
        assert ends == [Summary("LARGE")]
        assert (len(default.prompts), len(large.prompts)) == (0, 1)
        await b.engine.change_settings(GENERAL, ADMIN, ConversationSettings())
        await b.engine.summaries.begin(GENERAL, BEN, talk, deliver)
        await until(lambda: len(ends) == 2)
        assert ends[1] == Summary("small")
