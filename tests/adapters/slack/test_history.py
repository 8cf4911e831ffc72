"""Reading Slack's history: missing scopes, other errors, small pages, and threads."""

import asyncio

import pytest

from adapters.slack.api import TRIES
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import bench
from tests.scaled_clock import ScaledClock
from tests.slack_loopback import LoopbackSlack, Someone
from tests.slack_loopback.api import METHODS
from tests.slack_loopback.state import JSON, ApiError, File, Team
from tests.until import until


async def missing(slack: LoopbackSlack, store: MemoryStore, *texts: str) -> list[str]:
    """Ask in C1 and in a thread, then these `texts` in C1 while Parley is down. What the model was
    asked by the next run, sorted: conversations are answered beside each other."""
    async with bench(at=slack, store=store) as b:
        await b.ana.mention("C1", "first")
        await b.answered()
        parent = b.ana.post("C1", "A thread")
        await b.ana.mention("C1", "in a thread", thread=parent.ts)
        await b.answered()
    slack.loses_events = True
    for text in texts:
        await Someone(slack, "U1", "Ana").mention("C1", text)
    await Someone(slack, "U1", "Ana").say("C1", "and there", thread=parent.ts)
    slack.loses_events = False
    async with bench(at=slack, store=store) as b:
        await until(lambda: not b.busy())
        await b.answered()
        # what people said before it in the thread stands above
        last_lines = (p.question.rpartition("\n")[2] for p in b.scripted.prompts)
        return sorted(line.removeprefix("Ana: ") for line in last_lines)


async def test_a_missing_scope_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with LoopbackSlack(ScaledClock()) as slack:

        def denied(_team: Team, _args: JSON) -> JSON:
            raise ApiError("missing_scope", needed="channels:history")

        with pytest.MonkeyPatch.context() as patch:
            for method in ("conversations.history", "conversations.replies"):
                patch.setitem(METHODS, method, (denied, ""))
            assert await missing(slack, MemoryStore(), "missed") == []
    (warning,) = [r for r in caplog.messages if "missed questions cannot be looked for" in r]
    assert "channels:history" in warning
    assert "reinstall the app" in warning


async def test_a_channel_that_is_closed_to_the_bot_is_passed_over() -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        slack.team.fail("conversations.history", ApiError("not_in_channel"))
        assert await missing(slack, MemoryStore(), "missed") == ["and there"]


async def test_a_rate_limit_is_waited_for() -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        slack.team.fail("conversations.history", ApiError("ratelimited"))
        assert await missing(slack, MemoryStore(), "missed") == ["and there", "missed"]


async def test_a_slack_that_fails_for_longer_loses_no_question() -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        down = [ApiError("internal_error")] * (2 * TRIES + 1)
        slack.team.fail("conversations.history", *down)
        assert await missing(slack, MemoryStore(), "missed") == ["and there", "missed"]


async def test_small_pages_are_followed_back_to_the_beginning_of_the_gap() -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        history, scope = METHODS["conversations.history"]

        def small(team: Team, args: JSON) -> JSON:
            return history(team, {**args, "limit": 2})

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(METHODS, "conversations.history", (small, scope))
            texts = ("one", "two", "three", "four")
            assert await missing(slack, MemoryStore(), *texts) == sorted([*texts, "and there"])


async def test_a_typed_command_of_the_past_is_not_obeyed() -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        store = MemoryStore()
        assert await missing(slack, store, "/parley forget me", "two") == ["and there", "two"]
        assert len(await store.answers()) == 4


async def test_a_question_that_a_run_could_not_finish_handling_is_answered_by_the_next() -> None:
    """Its file was still being fetched: nothing is in the database."""
    async with LoopbackSlack(ScaledClock()) as slack:
        store, file = MemoryStore(), File("F1", "notes.txt", b"text", held=asyncio.Event())
        async with bench(at=slack, store=store) as b:
            await b.ana.mention("C1", "first")
            await b.answered()
            await b.ana.mention("C1", "with a file", files=[file])
            await Someone(slack, "U3", "Ben").mention("C1", "second")
            await until(lambda: len(b.scripted.prompts) == 2)
            await b.engine.finish()
        assert file.held is not None
        file.held.set()
        async with bench(at=slack, store=store) as b:
            await until(lambda: not b.busy())
            await b.answered()
            (prompt,) = b.scripted.prompts
            assert "with a file" in prompt.question
