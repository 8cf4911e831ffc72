"""Answers in threads, natively streamed: whatever ends a stream, no character is lost."""

import re
from typing import Any

import pytest

from bot.errors import StorageError
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import FEW, POEM, Bench, bench, labels, poem
from tests.scaled_clock import ScaledClock
from tests.scripted_generator import ScriptedGenerator
from tests.slack_loopback import ApiError, LoopbackSlack, Someone, TooFast
from tests.until import until


async def in_thread(b: Bench, text: str = "Hello") -> str:
    """Ask in a thread, where Slack streams; the thread's ts."""
    first = await b.ana.say("C1", "A thread")
    await b.ana.mention("C1", text, thread=first.ts)
    return first.ts


async def test_in_a_thread_an_answer_is_streamed_and_ends_with_buttons() -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        assert answer.streaming
        await until(lambda: b.team.sessions.get(("C1", thread)) == "processing")
        b.scripted.let(1000)
        await b.answered()
        assert (answer.shown, answer.streaming) == (POEM, False)
        assert labels(answer) == ["Regenerate"]
        assert b.team.sessions["C1", thread] == "active"
        assert not b.calls("chat.update")


async def test_while_the_model_thinks_the_threads_status_says_for_how_long() -> None:
    thoughtful = ScriptedGenerator(
        lambda _: "It is.", context=100_000, paced=True, thought="hm " * 3
    )
    async with bench(generator=thoughtful) as b:
        thread = await in_thread(b)
        thoughtful.let(1)
        await until(lambda: "10 s" in b.team.line("C1", thread))
        assert not b.team.answers("C1", thread)
        thoughtful.let(100)
        await b.answered()
        (answer,) = b.team.answers("C1", thread)
        assert answer.shown == "It is."
        assert b.team.line("C1", thread) == ""  # the answer has come
    assert said(b, thread)[:3] == ["is thinking…", "is thinking… 5 s", "is thinking… 10 s"]


def said(b: Bench, thread: str) -> list[str]:
    """The statuses that the thread had, in order."""
    return [text for channel, ts, text in b.team.statuses if (channel, ts) == ("C1", thread)]


async def waiting(b: Bench) -> str:
    """Ask while another answer takes the only slot; the thread of what waits."""
    await in_thread(b)
    await until(lambda: b.scripted.writing)  # its thread is not the second's: no order is kept
    thread = await in_thread(b)
    await until(lambda: b.team.line("C1", thread) or b.team.answers("C1", thread))
    return thread


async def test_an_answer_that_waits_says_so_by_the_status_and_is_streamed_then() -> None:
    async with bench(poem, paced=True, engine={"slots": 1}) as b:
        thread = await waiting(b)
        assert b.team.line("C1", thread) == "is waiting… One question is before yours."
        assert b.team.sessions["C1", thread] == "processing"  # with Slack's own stop button
        assert not b.team.answers("C1", thread)
        b.scripted.let(1000)
        await b.answered()
        (answer,) = b.team.answers("C1", thread)
        assert answer.shown == POEM
        assert b.team.line("C1", thread) == ""
        assert b.team.sessions["C1", thread] == "active"
        starts = [args["thread_ts"] for args in b.calls("chat.startStream")]
        assert thread in starts or labels(answer)


async def test_the_status_of_an_answer_that_waits_for_long_does_not_disappear() -> None:
    async with bench(poem, paced=True, engine={"slots": 1}, factor=600) as b:
        thread = await waiting(b)
        line = b.team.line("C1", thread)
        await until(lambda: said(b, thread).count(line) >= 4)  # Slack removes it after two minutes
        b.scripted.let(1000)
        await b.answered()


async def test_an_answer_that_waits_is_stopped_by_slacks_button() -> None:
    async with bench(poem, paced=True, engine={"slots": 1}) as b:
        thread = await waiting(b)
        await b.ana.stop_session("C1", thread)
        await until(lambda: b.team.answers("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        assert answer.small_print == "Stopped."
        await until(lambda: b.team.sessions["C1", thread] == "active")
        b.scripted.let(1000)
        await b.answered()
        assert answer.shown.strip("…") == ""


async def test_nothing_stays_of_an_answer_that_waits_when_its_question_is_deleted() -> None:
    async with bench(poem, paced=True, engine={"slots": 1}) as b:
        await in_thread(b)
        await until(lambda: b.scripted.writing)
        thread = (await b.ana.say("C1", "A thread")).ts
        question = await b.ana.mention("C1", "Hello", thread=thread)
        await until(lambda: b.team.line("C1", thread))
        await b.ana.delete(question)
        await until(lambda: b.team.sessions["C1", thread] == "active")
        await until(lambda: b.team.line("C1", thread) == "")
        assert not b.team.answers("C1", thread)
        b.scripted.let(1000)
        await b.answered()


async def test_nothing_stays_of_an_answer_that_waits_when_its_asker_has_all_forgotten() -> None:
    async with bench(poem, paced=True, engine={"slots": 1}) as b:
        thread = await waiting(b)
        (job,) = [one for one in b.engine.running if one.waited is None]
        await b.engine.forget(job.answer.question.author)
        await until(lambda: b.team.sessions["C1", thread] == "active")
        await until(lambda: b.team.line("C1", thread) == "")
        assert not b.team.answers("C1", thread)


@pytest.mark.parametrize("resume", ["continue", "mark"])
async def test_what_waited_when_parley_was_killed_ends_its_status(resume: str) -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with bench(poem, paced=True, engine={"slots": 1}, at=slack, store=store) as b:
            thread = await waiting(b)
        assert b.team.sessions["C1", thread] == "processing"
        delivery = {"after_restart": resume}
        async with bench(poem, at=slack, store=store, delivery=delivery) as b:
            await b.answered()
            await until(lambda: b.team.sessions["C1", thread] == "active")
            (answer,) = b.team.answers("C1", thread)
            assert answer.shown == (POEM if resume == "continue" else "")
            assert b.team.line("C1", thread) == ""


@pytest.mark.parametrize("method", ["agents.sessions.setStatus", "assistant.threads.setStatus"])
async def test_without_a_status_or_a_stop_button_it_is_posted_with_its_note(method: str) -> None:
    async with bench(poem, paced=True, engine={"slots": 1}) as b:
        b.team.fail(method, *[ApiError("not_allowed_token_type")] * 100)
        thread = await waiting(b)
        await until(lambda: b.team.answers("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        assert answer.small_print == "One question is before yours."
        assert labels(answer) == ["Stop"]
        assert not answer.streaming
        b.scripted.let(1000)
        await b.answered()
        assert answer.shown == POEM


async def test_a_start_whose_answer_was_lost_is_found_by_its_text() -> None:
    async with bench(poem, paced=True) as b:
        b.team.fail("chat.startStream", ConnectionError())
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        b.scripted.let(1000)
        await b.answered()
        (answer,) = b.team.answers("C1", thread)
        assert (answer.shown, answer.streaming) == (POEM, False)


async def test_an_answer_that_is_complete_at_once_is_posted() -> None:
    async with bench(lambda _: "Yes.") as b:
        thread = await in_thread(b)
        await b.answered()
        assert b.joined("C1", thread) == "Yes."


async def test_a_further_part_whose_text_slack_does_not_take_at_once_is_no_second_message() -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "All work and no play. " * 20 for n in range(30))
    async with bench(lambda p: text, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(1000)
        await until(lambda: len(b.joined("C1", thread)) > 4000)
        b.team.fail("chat.stopStream", TooFast(1))
        b.team.fail("chat.appendStream", TooFast(1), TooFast(1), TooFast(1))
        b.scripted.let(10_000)
        await b.answered()
        answers = b.team.answers("C1", thread)
        assert not any(answer.streaming for answer in answers)
        assert all(answer.shown for answer in answers)
        assert " ".join(" ".join(a.shown for a in answers).split()) == " ".join(text.split())


async def test_a_stream_that_slack_cuts_at_five_minutes_goes_on_as_edits() -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        answer.stream_began -= 301
        b.scripted.let(1000)
        await b.answered()
        assert b.team.answers("C1", thread) == [answer]
        assert answer.shown == POEM
        assert labels(answer) == ["Regenerate"]
        assert b.calls("chat.update")
        assert b.team.sessions["C1", thread] == "active"


async def test_a_stream_is_ended_before_slack_does_it() -> None:
    async with bench(poem, paced=True, factor=1000) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        await b.slack.clock.sleep(245)
        b.scripted.let(20)
        await until(lambda: b.calls("chat.update"))
        b.scripted.let(1000)
        await b.answered()
        assert answer.shown == POEM


@pytest.mark.parametrize(
    "code", ["message_not_in_streaming_state", "stopped_by_user", "channel_type_not_supported"]
)
async def test_whatever_ends_a_stream_no_character_is_lost_or_repeated(code: str) -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        b.team.fail("chat.appendStream", ApiError(code))
        b.scripted.let(100)
        await until(lambda: b.calls("chat.update") or len(b.joined("C1", thread)) > 500)
        b.scripted.let(1000)
        await b.answered()
        assert b.joined("C1", thread) == POEM


async def test_an_append_whose_answer_was_lost_is_not_repeated() -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        b.team.fail("chat.appendStream", ConnectionError())
        b.scripted.let(1000)
        await b.answered()
        (answer,) = b.team.answers("C1", thread)
        assert (answer.shown, answer.streaming) == (POEM, False)


async def test_an_end_whose_answer_was_lost_is_shown_all_the_same() -> None:
    async with bench(poem) as b:
        b.team.fail("chat.stopStream", ConnectionError())
        thread = await in_thread(b)
        await b.answered()
        (answer,) = b.team.answers("C1", thread)
        assert answer.shown == POEM
        assert labels(answer) == ["Regenerate"]


async def test_where_slack_streams_nothing_answers_are_edited() -> None:
    async with bench(poem) as b:
        b.team.channels["C1"].streams = False
        thread = await in_thread(b)
        await b.answered()
        assert b.joined("C1", thread) == POEM


async def test_streaming_can_be_switched_off() -> None:
    async with bench(poem, slack={"streaming": False}) as b:
        thread = await in_thread(b)
        await b.answered()
        assert b.joined("C1", thread) == POEM
        assert not b.calls("chat.startStream")


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_long_answer_goes_on_in_further_messages(*, threaded: bool) -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "All work and no play. " * 20 for n in range(60))
    async with bench(lambda p: text) as b:
        thread = await in_thread(b) if threaded else ""
        if not threaded:
            await b.ana.mention("C1", "Hello")
        await b.answered()
        answers = b.team.answers("C1", thread)
        assert len(answers) > 2
        assert all(not answer.streaming for answer in answers)
        assert [labels(answer) for answer in answers[:-1]] == [[]] * (len(answers) - 1)
        shown = re.sub(r"\s+", " ", " ".join(answer.shown for answer in answers))
        assert shown == re.sub(r"\s+", " ", " ".join(text.split()))


async def test_a_native_stop_stops_the_model() -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        await b.ana.stop_natively(answer)
        await b.answered()
        assert b.scripted.steps == 20
        assert answer.shown == " ".join(POEM.split()[:20])
        assert labels(answer) == ["Continue", "Regenerate"]


async def test_a_stop_by_somebody_else_stops_nothing() -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        stranger = Someone(b.slack, "U9", "Stranger")
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        await stranger.stop_natively(answer)
        b.scripted.let(1000)
        await b.answered()
        assert answer.shown == POEM
        assert b.team.ephemeral("U9") == ["Only who asked, or an admin, can stop this answer."]


async def test_an_answer_of_many_messages_comes_as_a_file_too() -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "All work and no play. " * 30 for n in range(120))
    async with bench(lambda p: text) as b:
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (file,) = b.team.files.values()
        assert (file.name, file.channel) == ("answer.md", "C1")
        assert file.content.decode() == " ".join(text.split())


async def test_an_open_stream_of_an_earlier_run_is_taken_up() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock()) as slack:
        async with bench(poem, paced=True, at=slack, store=store) as b:
            thread = await in_thread(b)
            b.scripted.let(20)
            await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        assert answer.streaming
        async with bench(poem, at=slack, store=store) as b:
            await b.answered()
        assert b.team.answers("C1", thread) == [answer]
        assert (answer.shown, answer.streaming) == (POEM, False)


class Locked(MemoryStore):
    """Saves nothing of an answer while it is locked."""

    locked = True

    async def checkpoint(self, *saved: Any) -> None:
        self._check()
        await super().checkpoint(*saved)

    async def shown(self, *recorded: Any, **settled: Any) -> None:
        self._check()
        await super().shown(*recorded, **settled)

    def _check(self) -> None:
        if self.locked:
            raise StorageError("locked")


async def test_what_a_killed_run_began_is_taken_up_although_the_database_knows_nothing() -> None:
    store = Locked()
    async with LoopbackSlack(ScaledClock()) as slack:
        async with bench(poem, paced=True, at=slack, store=store) as b:
            thread = await in_thread(b)
            b.scripted.let(20)
            await until(lambda: b.joined("C1", thread))
        store.locked = False
        (answer,) = b.team.answers("C1", thread)
        async with bench(lambda _: "Another answer", at=slack, store=store) as b:
            await b.answered()
        assert b.team.answers("C1", thread) == [answer]
        assert answer.shown == "Another answer"


@pytest.mark.parametrize("resume", ["continue", "mark"])
@pytest.mark.parametrize("ended", [False, True])
async def test_the_session_of_an_answer_of_a_killed_run_does_not_stay_processing(
    resume: str, *, ended: bool
) -> None:
    """`ended`: Slack has ended the stream meanwhile, as it does after some minutes."""
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock()) as slack:
        async with bench(poem, paced=True, at=slack, store=store) as b:
            thread = await in_thread(b)
            b.scripted.let(20)
            await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        answer.streaming = not ended
        assert b.team.sessions["C1", thread] == "processing"
        delivery = {"after_restart": resume}
        async with bench(poem, at=slack, store=store, delivery=delivery) as b:
            await b.answered()
            assert b.team.sessions["C1", thread] == "active"


async def test_a_session_goes_on_while_another_answer_is_written_in_the_thread() -> None:
    async with bench(poem, paced=True) as b:
        thread = (await b.ana.say("C1", "A thread")).ts
        await b.ana.mention("C1", "Hello", thread=thread)
        await b.ada.mention("C1", "Hello", thread=thread)
        b.scripted.let(20)
        await until(lambda: b.team.answers("C1", thread) and b.team.line("C1", thread))
        await b.ana.say("C1", "stop", thread=thread)
        await until(lambda: any(labels(answer) for answer in b.team.answers("C1", thread)))
        assert b.team.sessions["C1", thread] == "processing"
        b.scripted.let(3000)
        await b.answered()
        assert b.team.sessions["C1", thread] == "active"


async def test_the_session_of_an_answer_whose_message_is_deleted_does_not_stay_processing() -> None:
    async with bench(poem, paced=True) as b:
        thread = await in_thread(b)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        answer.deleted = True
        b.scripted.let(20)
        await b.answered()
        assert b.team.sessions["C1", thread] == "active"


async def test_the_session_of_an_answer_whose_question_is_deleted_does_not_stay_processing() -> (
    None
):
    async with bench(poem, paced=True) as b:
        thread = (await b.ana.say("C1", "A thread")).ts
        question = await b.ana.mention("C1", "Hello", thread=thread)
        b.scripted.let(20)
        await until(lambda: b.joined("C1", thread))
        await b.ana.delete(question)
        await until(lambda: b.team.sessions["C1", thread] == "active")
        await b.answered()


async def test_thirty_streams_at_once_all_end_and_stay_below_the_limits() -> None:
    async with bench(lambda p: f"{p.question} {POEM}", paced=True, factor=120) as b:
        people = [Someone(b.slack, f"UP{n}", f"Person{n}") for n in range(30)]
        threads = []
        for n, person in enumerate(people):
            b.team.channel(f"C{100 + n}")
            first = await person.say(f"C{100 + n}", "A thread")
            await person.mention(f"C{100 + n}", f"question {n}", thread=first.ts)
            threads.append(first.ts)
        b.scripted.let(30 * 20)
        await until(lambda: len(b.calls("chat.startStream")) == 20)  # as many as Slack takes
        b.scripted.let(30 * 1000)
        await b.answered()
        for n, thread in enumerate(threads):
            (answer,) = b.team.answers(f"C{100 + n}", thread)
            above = f"in this thread: Person{n}: A thread (end of the earlier messages) "
            assert answer.shown == f"Earlier messages {above}Person{n}: question {n} {POEM}"
            assert not answer.streaming
        assert b.calls("chat.startStream")
        assert sum(b.team.refused.values()) <= FEW, b.team.refused
