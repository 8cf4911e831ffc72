"""Several people of one conversation: who is answered when, and what each answer is given."""

import asyncio

import pytest

from bot.engine.job import Job
from bot.errors import NotAllowed
from bot.messages import Exchange, Person, Prompt
from bot.ports import AnswerState, Snapshot
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ADMIN, ANA, BEN, GENERAL, Bench, a_surface, bench
from tests.fake_surface import at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


def saying(prompt: Prompt) -> str:
    """Three words to Ana's first question, one word to any other."""
    return "one two three" if prompt.question == "Ana: first" else "Yes."


def paced() -> ScriptedGenerator:
    return ScriptedGenerator(saying, paced=True)


async def begun(b: Bench, text: str, by: Person) -> Job:
    """A question whose answer the model has begun."""
    before = len(b.generator.prompts)
    job = await b.ask(text, by=by)
    await until(lambda: len(b.generator.prompts) > before)
    return job


async def test_six_people_are_all_answered_at_once() -> None:
    async with bench(paced(), slots=8, parallel=8) as b:
        for number in range(6):
            await begun(b, "Hello", Person("test", f"p{number}", f"P{number}"))
        assert b.generator.writing == 6
        b.generator.let(100)
        await b.engine.finish()


async def test_with_one_at_a_time_each_answer_sees_the_one_before() -> None:
    async with bench(paced(), parallel=1) as b:
        await begun(b, "first", ANA)
        await b.ask("second", by=BEN)
        b.generator.let(100)
        await b.engine.finish()
        assert b.generator.most_writing == 1
        past = (Exchange("Ana: first", "one two three"),)
        assert b.generator.prompts[1] == Prompt("Be kind.", past, "Ben: second")


async def test_what_an_answer_was_given_is_saved_as_it_begins() -> None:
    async with bench(paced(), checkpoint_interval=1000.0) as b:
        b.generator.let(1)
        await (await b.ask("before", by=BEN)).ended()
        job = await begun(b, "first", ANA)
        while (await b.stored(job)).snapshot is None:
            await asyncio.sleep(0)
        assert (await b.stored(job)).snapshot == Snapshot(1, 1)
        b.generator.let(100)
        await b.engine.finish()


class Forgetful(MemoryStore):
    """Cannot save a checkpoint."""

    async def checkpoint(self, *_: object, **__: object) -> None:
        raise ValueError("no such table: answers")


async def test_an_answer_whose_beginning_cannot_be_saved_goes_on() -> None:
    async with bench(ScriptedGenerator(saying), Forgetful()) as b:
        assert await b.answer("first") == "one two three"
        (answer,) = await b.store.answers()
        assert (answer.state, answer.snapshot) == (AnswerState.DONE, Snapshot(0))


async def test_several_answers_of_one_conversation_are_resumed_with_what_they_were_given() -> None:
    store = MemoryStore()
    surfaces = {}
    async with bench(paced(), store) as b:
        first = await begun(b, "first", ANA)
        b.generator.let(1)
        await until(lambda: first.text)
        done = await begun(b, "short", BEN)
        b.generator.let(2)  # a word for each of them
        await done.ended()
        second = await begun(b, "later", BEN)
        surfaces = {job.id: job.surface for job in (first, second)}
        given = {job.id: job.prompt for job in (first, second)}
    async with bench(ScriptedGenerator(saying), store) as b:

        async def find(answer: object) -> object:
            return surfaces[answer.id]  # type: ignore[attr-defined]

        resumed = await b.engine.recover("test", find, resume=True)  # type: ignore[arg-type]
        await b.engine.finish()
        assert [job.id for job in resumed] == [first.id, second.id]
        for job in resumed:
            before = given[job.id]
            assert job.prompt is not None
            assert before is not None
            assert job.prompt.history == before.history
        assert [len(prompt.history) for prompt in b.generator.prompts] == [0, 1]
        assert (await b.stored(first)).text == "one two three"


# ---------------------------------------------------------------- which answer is meant


async def both(b: Bench) -> tuple[Job, Job]:
    """Ana's first question and then Ben's second one, answered."""
    first = await b.ask("first", by=ANA)
    await first.ended()
    second = await b.ask("second", by=BEN)
    await second.ended()
    return first, second


async def test_regenerate_without_a_name_means_ones_own_newest_answer() -> None:
    async with bench(ScriptedGenerator(saying)) as b:
        first, second = await both(b)
        for by, meant in ((ANA, first), (BEN, second)):
            again = await b.engine.regenerate(GENERAL, by, at(a_surface()))
            await again.ended()
            assert again.answer.question_id == meant.answer.question_id


async def test_who_asked_nothing_means_the_newest_answer_of_all() -> None:
    async with bench(ScriptedGenerator(saying)) as b:
        _, second = await both(b)
        again = await b.engine.regenerate(GENERAL, ADMIN, at(a_surface()))
        await again.ended()
        assert again.answer.question_id == second.answer.question_id
        stranger = Person("test", "9", "Zoe")
        with pytest.raises(NotAllowed):
            await b.engine.regenerate(GENERAL, stranger, at(a_surface()))


async def test_continue_without_a_name_means_ones_own_newest_answer() -> None:
    async with bench(paced()) as b:
        first = await begun(b, "first", ANA)
        b.generator.let(1)
        await until(lambda: first.text)
        first.stop()
        await first.ended()
        b.generator.let(100)
        await (await b.ask("second", by=BEN)).ended()
        again = await b.engine.continue_(GENERAL, ANA, at(a_surface()))
        await again.ended()
        assert (again.id, again.text) == (first.id, "one two three")
        # the same history as at first: nothing that came since
        assert b.generator.prompts[-1] == Prompt("Be kind.", (), "Ana: first", "one ")


async def test_only_ones_newest_question_is_answered_again_when_it_is_edited() -> None:
    async with bench(ScriptedGenerator(saying)) as b:
        await both(b)
        find = at(a_surface())
        await b.engine.question_edited(GENERAL, "message 1", "First", find)
        await b.engine.finish()
        assert b.generator.prompts[-1] == Prompt("Be kind.", (), "Ana: First")
        await b.answer("third", by=ANA)
        prompts = len(b.generator.prompts)
        await b.engine.question_edited(GENERAL, "message 1", "FIRST", find)
        await b.engine.finish()
        assert len(b.generator.prompts) == prompts
        await b.answer("fourth", by=BEN)
        history = b.generator.prompts[-1].history
        assert [one.question for one in history] == ["Ana: FIRST", "Ben: second", "Ana: third"]


async def test_an_edit_while_others_are_answered_is_given_what_has_ended_since() -> None:
    async with bench(paced()) as b:
        first = await begun(b, "first", ANA)
        done = await begun(b, "short", BEN)
        b.generator.let(2)
        await done.ended()
        await b.engine.question_edited(GENERAL, "message 1", "First", at(b.surfaces[first.id]))
        await until(lambda: len(b.generator.prompts) == 3)
        b.generator.let(100)
        await b.engine.finish()
        past = (Exchange("Ben: short", "Yes."),)
        assert b.generator.prompts[-1] == Prompt("Be kind.", past, "Ana: First")
        found = await b.store.exchanges(GENERAL)
        assert [one.question.text for one in reversed(found)] == ["short", "First"]
