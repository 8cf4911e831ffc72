"""`[slack] reply_in = "thread"`: a mention in a channel is answered in the thread below it, and
belongs to the channel's conversation all the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.messages import ConversationKey
from bot.ports import Leftover
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import POEM, Bench, bench, labels, poem
from tests.scaled_clock import ScaledClock
from tests.scripted_generator import Reply, ScriptedGenerator, echo
from tests.slack_loopback import ApiError, File, LoopbackSlack, Message, Someone
from tests.until import until

CHANNEL = ConversationKey("slack", "C1", workspace="T1")


@asynccontextmanager
async def threaded(reply: Reply = echo, **changes: Any) -> AsyncIterator[Bench]:
    slack = {"reply_in": "thread", **changes.pop("slack", {})}
    async with bench(reply, slack=slack, **changes) as b:
        yield b


async def test_a_mention_is_answered_in_the_thread_below_it_and_belongs_to_the_channel() -> None:
    async with threaded() as b:
        first = await b.ana.mention("C1", "My name is Ana.")
        await b.answered()
        second = await b.ana.mention("C1", "Who am I?")
        await b.answered()
        assert not b.team.answers("C1")
        assert b.joined("C1", first.ts) == "[Be kind.] [] Ana: My name is Ana."
        assert b.joined("C1", second.ts) == "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"
        assert len(await b.store.exchanges(CHANNEL)) == 2


async def test_what_is_asked_in_the_thread_is_the_threads_own_conversation() -> None:
    async with threaded() as b:
        asked = await b.ana.mention("C1", "In the channel")
        await b.answered()
        await b.ana.say("C1", "And below", thread=asked.ts)
        await b.answered()
        assert len(await b.store.exchanges(CHANNEL)) == 1
        assert len(await b.store.exchanges(replace(CHANNEL, thread=asked.ts))) == 1
        assert len(b.team.answers("C1", asked.ts)) == 2


async def test_with_reply_in_channel_the_answer_stands_in_the_channel() -> None:
    async with threaded(slack={"reply_in": "channel"}) as b:
        asked = await b.ana.mention("C1", "Hello")
        await b.answered()
        assert len(b.team.answers("C1")) == 1
        assert not b.team.answers("C1", asked.ts)


async def test_an_ask_command_is_answered_in_the_channel() -> None:
    async with threaded() as b:
        await b.ana.command("/ask", "Hello", "C1")
        await b.answered()
        shown, answer = b.team.answers("C1")
        assert "asks:" in shown.shown
        assert answer.shown == "[Be kind.] [] Ana: Hello"


# ---------------------------------------------------------------- without a mention


async def test_the_asker_needs_no_mention_while_nobody_else_speaks_in_the_thread() -> None:
    async with threaded() as b:
        asked = await b.ana.mention("C1", "Hello")
        await b.answered()
        await b.ana.say("C1", "More?", thread=asked.ts)
        await b.answered()
        await b.ana.say("C1", "And more?", thread=asked.ts)
        await b.answered()
        assert len(b.team.answers("C1", asked.ts)) == 3
        asked_for = [args for args in b.calls("conversations.replies") if args["limit"] == "1"]
        assert len(asked_for) == 1  # Slack is asked once who has spoken


async def test_somebody_else_in_the_thread_needs_a_mention_and_so_does_the_asker_then() -> None:
    async with threaded() as b:
        asked = await b.ana.mention("C1", "Hello")
        await b.answered()
        await b.ana.say("C1", "More?", thread=asked.ts)
        await b.answered()
        await b.ada.say("C1", "What is this about?", thread=asked.ts)
        await b.ana.say("C1", "About tea, Ada.", thread=asked.ts)
        await b.answered()
        assert len(b.team.answers("C1", asked.ts)) == 2
        await b.ada.mention("C1", "And you?", thread=asked.ts)
        await b.answered()
        assert len(b.team.answers("C1", asked.ts)) == 3


async def test_who_spoke_in_the_thread_before_a_restart_is_asked_of_slack() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with threaded(at=slack, store=store) as b:
            asked = await b.ana.mention("C1", "Hello")
            await b.answered()
            await b.ada.say("C1", "What is this about?", thread=asked.ts)
        async with threaded(at=slack, store=store) as b:
            await b.ana.say("C1", "About tea, Ada.", thread=asked.ts)
            await b.answered()
            assert len(b.team.answers("C1", asked.ts)) == 1


async def test_where_slack_does_not_say_who_spoke_the_asker_is_answered() -> None:
    async with threaded() as b:
        asked = await b.ana.mention("C1", "Hello")
        await b.answered()
        b.team.fail("conversations.replies", ApiError("missing_scope"))
        await b.ana.say("C1", "More?", thread=asked.ts)
        await b.answered()
        assert len(b.team.answers("C1", asked.ts)) == 2


async def test_stop_in_the_thread_stops_the_answer_that_is_shown_there() -> None:
    async with threaded(poem, paced=True) as b:
        asked = await b.ana.mention("C1", "A poem")
        b.scripted.let(20)
        await until(lambda: b.joined("C1", asked.ts))
        await b.ana.say("C1", "stop", thread=asked.ts)
        await b.answered()
        (answer,) = b.team.answers("C1", asked.ts)
        assert answer.small_print.startswith("Stopped")


async def test_slacks_own_stop_button_stops_it() -> None:
    async with threaded(poem, paced=True) as b:
        asked = await b.ana.mention("C1", "A poem")
        b.scripted.let(20)
        await until(lambda: b.joined("C1", asked.ts))
        (answer,) = b.team.answers("C1", asked.ts)
        await b.ana.stop_natively(answer)
        await b.answered()
        assert "Continue" in labels(answer)
        assert b.team.sessions["C1", asked.ts] == "active"


# ---------------------------------------------------------------- the answer keeps its place

OTHERWISE = {"thread": "channel", "channel": "thread"}


def where(asked: Message, setting: str) -> str:
    return asked.ts if setting == "thread" else ""


@pytest.mark.parametrize("setting", ["thread", "channel"])
async def test_an_old_answer_keeps_its_place_whatever_the_setting_says_now(setting: str) -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with threaded(at=slack, store=store, slack={"reply_in": setting}) as b:
            asked = await b.ana.mention("C1", "Hello")
            await b.answered()
        async with threaded(at=slack, store=store, slack={"reply_in": OTHERWISE[setting]}) as b:
            (answer,) = b.team.answers("C1", where(asked, setting))
            used = await b.ana.press(answer, "Regenerate")
            await b.answered()
            assert not used.told
            await b.ana.edit(asked, f"<@{b.team.bot_user}> Good day")
            await b.answered()
            assert answer.shown == "[Be kind.] [] Ana: Good day"
            assert len(b.team.answers("C1", where(asked, setting))) == 1
            assert not b.team.answers("C1", where(asked, OTHERWISE[setting]))
            await b.ana.press(answer, "Good answer")
            await b.answered()
            await b.ana.delete(asked)
            await b.answered()
            await until(lambda: not labels(answer))


@pytest.mark.parametrize("setting", ["thread", "channel"])
async def test_an_answer_cut_by_a_crash_goes_on_where_it_began(setting: str) -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with threaded(
            poem, paced=True, at=slack, store=store, slack={"reply_in": setting}
        ) as b:
            asked = await b.ana.mention("C1", "A poem")
            b.scripted.let(20)
            await until(lambda: b.joined("C1", where(asked, setting)))
        again = ScriptedGenerator(poem, context=100_000)
        async with threaded(
            generator=again, at=slack, store=store, slack={"reply_in": OTHERWISE[setting]}
        ) as b:
            await b.answered()
            await until(lambda: b.joined("C1", where(asked, setting)) == POEM)
            assert not b.team.answers("C1", where(asked, OTHERWISE[setting]))


async def test_what_a_deleted_question_left_in_a_thread_is_cleared_at_the_next_start() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with threaded(at=slack, store=store) as b:
            asked = await b.ana.mention("C1", "Hello")
            await b.answered()
            (answer,) = b.team.answers("C1", asked.ts)
            assert labels(answer)
        await store.leave(Leftover(replace(CHANNEL, thread=asked.ts), answer.ts, remove=False))
        async with threaded(at=slack, store=store) as b:
            await until(lambda: not labels(answer))
            assert answer.shown == "[Be kind.] [] Ana: Hello"


async def test_a_missed_reply_below_an_old_answer_is_found() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with threaded(at=slack, store=store) as b:
            asked = await b.ana.mention("C1", "Hello")
            await b.answered()
            for number in range(120):  # the channel's newest messages do not reach the question
                b.ada.post("C1", f"Talk {number}")
        b.ana.post("C1", "And now?", thread=asked.ts)
        async with threaded(at=slack, store=store) as b:
            await until(lambda: len(b.team.answers("C1", asked.ts)) == 2)
            await b.answered()


async def test_where_the_thread_was_deleted_the_person_is_told_and_nothing_hangs() -> None:
    async with threaded() as b:
        b.team.fail("chat.startStream", ApiError("thread_not_found"))
        b.team.fail("chat.postMessage", *[ApiError("thread_not_found")] * 20)
        await b.ana.mention("C1", "Hello")
        await b.answered()
        await until(lambda: b.team.ephemeral("U1"))


# ---------------------------------------------------------------- private notes


async def test_a_refusal_stands_in_the_channel_as_long_as_the_thread_has_no_message() -> None:
    async with threaded(engine={"question_characters": 10}) as b:
        await b.ana.mention("C1", "far too many characters")
        await b.answered()
        (told,) = b.team.whispers("U1")
        assert "10" in told.shown
        assert told.thread_ts == ""


async def test_a_note_about_a_question_stands_in_the_thread_of_its_answer() -> None:
    async with threaded() as b:
        picture = File("F1", "a.png", b"x", "image/png")
        asked = await b.ana.mention("C1", "What is this?", files=[picture])
        await b.answered()
        await until(lambda: b.team.whispers("U1"))
        (told,) = b.team.whispers("U1")
        assert "a.png" in told.shown
        assert told.thread_ts == asked.ts


async def test_a_note_stands_in_the_thread_that_has_begun() -> None:
    async with threaded() as b:
        asked = await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1", asked.ts)
        ben = Someone(b.slack, "U3", "Ben")
        await ben.press(answer, "Regenerate")
        await b.answered()
        picture = File("F1", "a.png", b"x", "image/png")
        await b.ana.say("C1", "And this?", thread=asked.ts, files=[picture])
        await b.answered()
        (told,) = b.team.whispers("U1")
        assert "a.png" in told.shown
        assert told.thread_ts == asked.ts
