"""Answers shown by edits, and the rate limits of all; streams are in test_streamed_answers."""

from dataclasses import replace
from itertools import pairwise

import pytest

from adapters.slack.rate_limits import EDITS, MINUTE
from adapters.slack.surface import SlackSurface
from bot.errors import SurfaceBusy
from bot.messages import ConversationKey
from bot.ports import AnswerState, Form, Part
from bot.recent import Seen
from tests.adapters.slack.bench import FEW, POEM, bench, labels, poem
from tests.adapters.slack.near import near
from tests.slack_loopback import ApiError, Someone
from tests.slack_loopback.state import POSTS_PER_CHANNEL
from tests.until import until

# ---------------------------------------------------------------- edits

CHANNEL = ConversationKey("slack", "C1", workspace="T1")


async def test_in_a_channel_an_answer_grows_by_edits_and_ends_whole() -> None:
    async with bench(poem, paced=True) as b:
        await b.ana.mention("C1", "A poem")
        for words in range(50, 401, 50):
            b.scripted.let(50)
            least = words - 1  # half a word may be held back
            await until(lambda: len(b.joined("C1").split()) >= least)  # noqa: B023
        await b.answered()
        (answer,) = b.team.answers("C1")
        assert answer.shown == POEM
        texts = [text for text in answer.history if text]
        assert len(texts) >= 3
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


async def test_the_stop_button_goes_and_others_come_when_the_answer_ends() -> None:
    async with bench(poem, paced=True) as b:
        await b.ana.mention("C1", "A poem")
        b.scripted.let(10)
        await until(lambda: b.joined("C1"))
        (answer,) = b.team.answers("C1")
        assert labels(answer) == ["Stop"]
        b.scripted.let(1000)
        await b.answered()
        assert labels(answer) == ["Regenerate"]


async def test_a_post_whose_confirmation_was_lost_is_not_repeated() -> None:
    async with bench() as b:
        b.team.fail("chat.postMessage", ConnectionError())
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1")
        assert answer.shown == "[Be kind.] [] Ana: Hello"


async def test_a_post_that_was_found_is_not_repeated_where_its_edit_fails() -> None:
    async with bench() as b:
        b.team.fail("chat.postMessage", ConnectionError())
        b.team.fail("chat.update", ConnectionError())
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1")
        assert answer.shown == "[Be kind.] [] Ana: Hello"


async def test_a_post_whose_confirmation_was_lost_is_found_in_a_long_thread() -> None:
    async with bench(slack={"streaming": False}) as b:
        first = b.ana.post("C1", "A long thread")
        for n in range(150):
            b.ana.post("C1", f"reply {n}", thread=first.ts)
        b.team.fail("chat.postMessage", ConnectionError())
        await b.ana.mention("C1", "Hello", thread=first.ts)
        await b.answered()
        (answer,) = b.team.answers("C1", first.ts)
        assert answer.shown.endswith("reply 149 (end of the earlier messages) Ana: Hello")


async def test_an_answer_waits_for_as_long_as_slack_asks() -> None:
    async with bench(poem, paced=True) as b:
        await b.ana.mention("C1", "A poem")
        b.scripted.let(10)
        await until(lambda: b.joined("C1"))
        for _ in range(60):
            try:
                b.team.limit("chat.update", "")
            except ApiError:
                break
        b.scripted.let(1000)
        await b.answered()
        assert b.joined("C1") == POEM
        assert b.team.refused["chat.update"] > 0


async def test_thirty_answers_at_once_all_end_and_stay_below_the_limits() -> None:
    async with bench(lambda p: f"{p.question} {POEM}") as b:
        people = [Someone(b.slack, f"UP{n}", f"Person{n}") for n in range(30)]
        for n, person in enumerate(people):
            b.team.channel(f"C{100 + n}")
            await person.mention(f"C{100 + n}", f"question {n}")
        await b.answered()
        for n in range(30):
            (answer,) = b.team.answers(f"C{100 + n}")
            assert answer.shown == f"Person{n}: question {n} {POEM}"
            assert labels(answer) == ["Regenerate"]
        assert b.team.refused["chat.update"] <= FEW


async def test_a_burst_in_one_channel_is_posted_no_faster_than_slack_takes_it() -> None:
    async with bench() as b:
        for n in range(2 * POSTS_PER_CHANNEL[0]):
            await b.ana.command("/ask", f"question {n}", "C1")
        await b.answered()
        assert len(b.team.answers("C1")) == 4 * POSTS_PER_CHANNEL[0]
        assert b.team.refused["chat.postMessage"] <= FEW


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_message_that_somebody_deletes_stops_the_model(*, threaded: bool) -> None:
    async with bench(poem, paced=True) as b:
        thread = b.ana.post("C1", "A thread").ts if threaded else ""
        await b.ana.mention("C1", "A poem", thread=thread)
        b.scripted.let(10)
        await until(lambda: b.joined("C1", thread))
        (answer,) = b.team.answers("C1", thread)
        assert answer.streaming is threaded
        answer.deleted = True
        b.scripted.let(10)
        await b.answered()
        assert b.scripted.steps < 400
        assert b.team.answers("C1", thread) == []


# ---------------------------------------------------------------- limits


def part(text: str, state: AnswerState = AnswerState.WRITING) -> Part:
    return Part(1, 0, text, state, last=True, saved=True)


async def test_the_rate_limit_is_that_of_the_method_that_shows_the_answer() -> None:
    async with near() as at:
        thread = Someone(at.slack, "U1", "Ana").post("C1", "A thread").ts
        channel = SlackSurface(at.workspace, CHANNEL, asker="U1")
        assert channel.limits.budget == "slack:T1:chat.update"
        assert (channel.limits.burst, channel.limits.window_seconds) == (50, MINUTE)
        streamed = SlackSurface(
            at.workspace, ConversationKey("slack", "C1", thread, "T1"), asker="U1"
        )
        assert streamed.limits.budget == "slack:T1:chat.appendStream"
        assert (streamed.limits.burst, streamed.limits.window_seconds) == (100, MINUTE)
        ts = await streamed.send(part("One"))
        at.team.messages["C1", ts].streaming = False
        await streamed.edit(ts, part("One two"))
        assert replace(streamed.limits, found_by_text=False) == channel.limits
        assert at.team.answers("C1", thread)[0].shown == "One two"


async def test_an_edit_beyond_the_rate_limit_is_not_requested() -> None:
    async with near() as at:
        surfaces = [SlackSurface(at.workspace, CHANNEL) for _ in range(3)]
        messages = [await surface.send(part("One")) for surface in surfaces]
        with pytest.raises(SurfaceBusy) as busy:
            for n in range(60):
                await surfaces[n % 3].edit(messages[n % 3], part(f"Two {n}"))
        assert busy.value.foreseen
        made = [method for method, _ in at.team.calls].count("chat.update")
        assert made == EDITS
        await at.clock.sleep(busy.value.retry_after + 1e-6)
        await surfaces[0].edit(messages[0], part("Three"))


async def test_the_longest_part_fits_even_if_all_of_it_has_to_be_broken() -> None:
    async with near() as at:
        surface = SlackSurface(at.workspace, CHANNEL)
        longest = "<!here>" * (surface.limits.max_units // surface.limits.units("<!here>"))
        ts = await surface.send(part(longest, AnswerState.DONE))
        assert at.team.messages["C1", ts].shown.count("here") == longest.count("here")


@pytest.mark.parametrize("text", ["word & " * 1200, "x" * 8500, "a line\n" * 1200])
async def test_a_plain_text_of_any_length_can_be_edited(text: str) -> None:
    """chat.update takes 4,000 characters of text alone."""
    async with near() as at:
        surface = SlackSurface(at.workspace, CHANNEL)
        ts = await surface.send(part("One"))
        shown = replace(part(text, AnswerState.CUT), form=Form.PLAIN)
        await surface.edit(ts, shown)
        (answer,) = at.team.answers("C1")
        assert "".join(answer.shown.split()) == "".join(text.split())
        assert answer.small_print == "Length limit reached. Press Continue for more."
        assert labels(answer) == []
        await surface.edit(ts, replace(shown, text="Short"))
        assert answer.shown.startswith("Short")
        assert answer.blocks == []


async def test_a_message_that_was_not_recorded_is_found_by_its_part_or_its_buttons() -> None:
    async with near() as at:
        thread = Someone(at.slack, "U1", "Ana").post("C1", "A thread").ts
        place = ConversationKey("slack", "C1", thread, "T1")
        posted = await SlackSurface(at.workspace, place, seed=thread).send(part("One"))
        later = SlackSurface(at.workspace, place, seed=thread)
        assert await later.find(part("…"), []) == posted
        assert await later.find(part("…"), [posted]) is None
        assert await later.find(replace(part("…"), answer_id=2), []) is None
        streamed = SlackSurface(at.workspace, place, asker="U1")
        second = replace(part("Two", AnswerState.DONE), index=1)
        ended = await streamed.send(second)
        assert await later.find(replace(second, index=2), [posted]) == ended


@pytest.mark.parametrize("text", ["One two", "word " * 1500])
async def test_a_stream_that_loses_its_buttons_keeps_its_text(text: str) -> None:
    async with near() as at:
        thread = Someone(at.slack, "U1", "Ana").post("C1", "A thread").ts
        place = ConversationKey("slack", "C1", thread, "T1")
        surface = SlackSurface(at.workspace, place, asker="U1")
        ts = await surface.send(part(text[:3]))
        await surface.edit(ts, replace(part(text, AnswerState.CUT), note="It is too long."))
        (answer,) = at.team.answers("C1", thread)
        assert labels(answer)
        assert not answer.streaming
        await SlackSurface(at.workspace, place).retire(ts)
        assert labels(answer) == []
        assert answer.shown == text


async def test_a_text_that_is_not_saved_is_posted_with_what_it_can_be_found_by() -> None:
    async with near() as at:
        thread = Someone(at.slack, "U1", "Ana").post("C1", "A thread").ts
        place = ConversationKey("slack", "C1", thread, "T1")
        surface = SlackSurface(at.workspace, place, asker="U1")
        assert surface.limits.found_by_text
        posted = await surface.send(replace(part("One"), saved=False))
        (answer,) = at.team.answers("C1", thread)
        assert not answer.streaming
        assert await SlackSurface(at.workspace, place).find(part("Something else"), []) == posted


@pytest.mark.parametrize(
    ("saved", "found"), [("One two three four five", True), ("One two", False)]
)
async def test_a_stream_that_is_ahead_of_what_was_saved_is_found_by_a_text_that_is_no_chance(
    saved: str, *, found: bool
) -> None:
    async with near() as at:
        thread = Someone(at.slack, "U1", "Ana").post("C1", "A thread").ts
        place = ConversationKey("slack", "C1", thread, "T1")
        surface = SlackSurface(at.workspace, place, asker="U1")
        ts = await surface.send(part(saved))
        await surface.edit(ts, part(f"{saved}, and what was appended before kill -9"))
        at.workspace.threads.own = Seen(10)  # as after a start
        later = SlackSurface(at.workspace, place, asker="U1")
        assert await later.find(part(saved), []) == (ts if found else None)
        other = replace(part("Another answer, which is as long"), answer_id=2)
        assert await later.find(other, []) is None


async def test_a_stream_whose_start_got_no_response_is_found_although_its_text_was_a_thought() -> (
    None
):
    async with near() as at:
        thread = Someone(at.slack, "U1", "Ana").post("C1", "A thread").ts
        place = ConversationKey("slack", "C1", thread, "T1")
        surface = SlackSurface(at.workspace, place, asker="U1")
        at.team.fail("chat.startStream", ConnectionError())
        with pytest.raises(SurfaceBusy):
            await surface.send(part("Hm, let me see"))
        await surface.send(part("The answer"))
        (answer,) = at.team.answers("C1", thread)
        assert answer.shown == "The answer"


async def test_a_message_that_was_replaced_is_not_taken_for_the_new_one() -> None:
    async with near() as at:
        surface = SlackSurface(at.workspace, CHANNEL)
        old = await surface.send(part("One"))
        new = replace(part("Two"), attempt=1)
        at.team.fail("chat.postMessage", ConnectionError())
        with pytest.raises(SurfaceBusy):
            await surface.send(new)
        assert await surface.send(new) != old
        assert [answer.shown for answer in at.team.answers("C1")] == ["One", "Two"]
