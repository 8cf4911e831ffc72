"""The app's agent view: each message in the direct message opens a chat of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.slack.agent_view import MOST_TITLE_CHARACTERS, title_of
from bot.messages import ConversationKey
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import POEM, Bench, bench, labels, poem
from tests.scaled_clock import ScaledClock
from tests.scripted_generator import Reply, echo
from tests.slack_loopback import ApiError, LoopbackSlack
from tests.until import until


@asynccontextmanager
async def chats(reply: Reply = echo, **changes: Any) -> AsyncIterator[Bench]:
    async with bench(reply, slack={"reply_in": "thread"}, **changes) as b:
        yield b


async def test_each_message_opens_a_chat_with_a_conversation_of_its_own() -> None:
    async with chats() as b:
        first = await b.ana.say("D1", "My name is Ana.")
        second = await b.ana.say("D1", "Who am I?")
        await b.answered()
        await b.ana.say("D1", "Do you know now?", thread=first.ts)
        await b.answered()
        assert not b.team.answers("D1")
        assert b.joined("D1", second.ts) == "[Be kind.] [] Who am I?"
        known = b.team.answers("D1", first.ts)[-1].shown
        assert known == "[Be kind.] [My name is Ana.] Do you know now?"
        key = ConversationKey("slack", "D1", first.ts, "T1")
        assert len(await b.store.exchanges(key)) == 2


async def test_a_chat_is_streamed_with_a_title_and_a_status() -> None:
    async with chats(poem, paced=True) as b:
        asked = await b.ana.say("D1", "Write  me\na poem")
        await until(lambda: b.team.line("D1", asked.ts) == "is thinking…")
        assert b.team.titles["D1", asked.ts] == "Write me a poem"
        assert b.team.sessions["D1", asked.ts] == "processing"
        b.scripted.let(1000)
        await b.answered()
        (answer,) = b.team.answers("D1", asked.ts)
        assert answer.shown == POEM
        assert b.team.sessions["D1", asked.ts] == "active"


async def test_a_refusal_is_seen_although_the_chat_has_no_message_yet() -> None:
    async with chats(engine={"question_characters": 5}) as b:
        await b.ana.say("D1", "far too long")
        await b.answered()
        assert b.team.ephemeral("U1")


async def test_a_question_is_edited_and_deleted_in_its_chat() -> None:
    async with chats() as b:
        asked = await b.ana.say("D1", "Hello")
        await b.answered()
        await b.ana.edit(asked, "Good day")
        await b.answered()
        (answer,) = b.team.answers("D1", asked.ts)
        assert answer.shown == "[Be kind.] [] Good day"
        await b.ana.delete(asked)
        await until(lambda: not labels(answer))


async def test_a_question_of_before_is_edited_in_its_old_conversation() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with bench(at=slack, store=store) as b:
            asked = await b.ana.say("D1", "Hello")
            await b.answered()
        async with chats(at=slack, store=store) as b:
            await b.ana.edit(asked, "Good day")
            await b.answered()
            (answer,) = b.team.answers("D1")
            assert answer.shown == "[Be kind.] [] Good day"
            assert not b.team.answers("D1", asked.ts)


async def test_a_missed_question_is_answered_in_its_chat() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        async with chats(at=slack, store=store) as b:
            await b.ana.say("D1", "Hello")
            await b.answered()
        missed = b.ana.post("D1", "Are you there?")
        async with chats(at=slack, store=store) as b:
            await until(lambda: b.team.answers("D1", missed.ts))
            await b.answered()
            assert b.joined("D1", missed.ts) == "[Be kind.] [] Are you there?"


async def test_prompts_are_suggested_where_the_view_is_opened() -> None:
    async with chats() as b:
        await b.ana.open_app("D1")
        await until(lambda: b.team.prompts)
        assert b.team.prompts[0]["channel_id"] == "D1"
        assert "thread_ts" not in b.team.prompts[0]
        assert b.team.prompts[0]["prompts"]


async def test_what_a_person_looks_at_changes_nothing() -> None:
    async with chats() as b:
        await b.ana.look_at("C1")
        asked = await b.ana.say("D1", "Hello")
        await b.answered()
        assert b.joined("D1", asked.ts) == "[Be kind.] [] Hello"
        assert not b.calls("conversations.history")[1:]  # no more than the look for missed ones


async def test_a_chat_of_the_older_view_has_prompts_once_and_a_title() -> None:
    async with chats() as b:
        thread = await b.ana.open_chat("D1")
        await b.ana.open_chat("D1", again_at=thread)
        await b.ana.say("D1", "Hello there", thread=thread)
        await b.answered()
        assert [one["thread_ts"] for one in b.team.prompts] == [thread]
        assert b.team.titles["D1", thread] == "Hello there"
        await b.ana.say("D1", "And more", thread=thread)
        await b.answered()
        assert b.team.titles["D1", thread] == "Hello there"


async def test_where_slack_refuses_the_decoration_the_answer_comes() -> None:
    async with chats() as b:
        for method in ("setTitle", "setStatus", "setSuggestedPrompts"):
            b.team.fail(f"assistant.threads.{method}", *[ApiError("missing_scope")] * 9)
        b.team.fail("agents.sessions.setStatus", *[ApiError("not_allowed")] * 9)
        thread = await b.ana.open_chat("D1")
        await b.ana.say("D1", "Hello", thread=thread)
        await b.answered()
        assert b.joined("D1", thread) == "[Be kind.] [] Hello"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "assistant_thread_started"},
        {"type": "assistant_thread_started", "assistant_thread": "x"},
        {"type": "assistant_thread_started", "assistant_thread": {"channel_id": "C1"}},
        {
            "type": "assistant_thread_started",
            "assistant_thread": {"channel_id": "C1", "thread_ts": "1.000001"},
        },
        {"type": "app_context_changed", "context": "x"},
        {"type": "app_home_opened", "tab": "home"},
        {"type": "app_home_opened", "tab": "home", "user": 7, "channel": "D1"},
    ],
)
async def test_a_malformed_event_ends_alone(event: dict[str, Any]) -> None:
    async with chats() as b:
        await b.ana._deliver(event)
        asked = await b.ana.say("D1", "Hello")
        await b.answered()
        assert b.joined("D1", asked.ts)
        assert not b.team.prompts


def test_a_title_is_one_short_line() -> None:
    assert title_of("Why?\n\nTell me") == "Why? Tell me"
    title = title_of("word " * 100)
    assert len(title) <= MOST_TITLE_CHARACTERS + 1
    assert title.endswith("word…")
    assert len(title_of("x" * 500)) == MOST_TITLE_CHARACTERS + 1
