"""The start, and what an operator is told where it fails or something is taken away later."""

import asyncio
import logging
from typing import Any

import pytest

from adapters.slack.manifest import SCOPES
from adapters.slack.serve import serve
from bot.config import Settings
from bot.errors import ConfigError
from storage.in_memory import MemoryStore
from tests.adapters.ending import set_at_the_end
from tests.adapters.slack.bench import bench
from tests.scaled_clock import ScaledClock
from tests.slack_loopback import ApiError, LoopbackSlack
from tests.until import until

HEARING = {
    *("app_mentions:read", "channels:history", "commands", "groups:history"),
    *("im:history", "mpim:history"),
}


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"bot_token": "xoxb-wrong"}, "[slack] bot_token: Slack does not accept it"),
        ({"app_token": "xapp-wrong"}, "[slack] app_token: Slack does not accept it"),
        ({"app_token": ""}, "[slack] app_token is not set"),
        ({"bot_token": ""}, "[slack] bot_token is not set"),
        ({"mode": "http"}, "[slack] signing_secret is not set"),
        ({"client_id": "1.2"}, "[slack] client_secret is not set"),
        (
            {"mode": "http", "signing_secret": "s", "host": "192.0.2.1"},
            "[slack] host and port: Parley cannot listen at 192.0.2.1:3000",
        ),
    ],
)
async def test_a_wrong_setting_is_one_line_that_names_it(
    section: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        async with bench(slack=section):
            pass
    line = str(raised.value)
    assert line.startswith(named)
    assert "\n" not in line
    assert "secret-token" not in line


async def test_installations_in_a_database_in_memory_are_refused_in_one_line() -> None:
    several = {"bot_token": "", "client_id": "1.2", "client_secret": "s"}
    with pytest.raises(ConfigError) as raised:
        async with bench(slack=several, storage={"url": "memory://"}):
            pass
    line = str(raised.value)
    assert line.startswith("[storage] url: memory:// keeps nothing")
    assert "\n" not in line


async def test_a_revoked_token_is_one_line() -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        slack.team.revoked = True
        with pytest.raises(ConfigError, match=r"\[slack\] bot_token: .*\(token_revoked\)"):
            async with bench(at=slack):
                pass


async def test_a_missing_app_token_is_said_before_slack_is_asked() -> None:
    with pytest.raises(ConfigError, match=r"\[slack\] app_token is not set"):
        async with bench(slack={"app_token": "", "base_url": "http://127.0.0.1:9/api/"}):
            pass


async def test_socket_mode_that_is_off_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with LoopbackSlack(ScaledClock()) as slack:

        def refused(token: str) -> None:
            raise ApiError("link_disabled")

        monkeypatch.setattr(slack, "_open_connection", refused)
        with pytest.raises(ConfigError, match=r"\[slack\] mode: Socket Mode is off"):
            async with bench(at=slack):
                pass


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ({"chat:write"}, "lacks the scope chat:write, without which"),
        (HEARING, "lacks the scope one of app_mentions:read, channels:history, commands"),
    ],
)
async def test_scopes_without_which_nothing_works_are_demanded(
    missing: set[str], named: str
) -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        slack.team.scopes -= missing
        with pytest.raises(ConfigError, match=named):
            async with bench(at=slack):
                pass


@pytest.mark.parametrize("scope", sorted(set(SCOPES) - {"chat:write"}))
async def test_every_other_scope_that_is_missing_is_one_warning_that_says_what_is_lost(
    scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with LoopbackSlack(ScaledClock()) as slack:
        slack.team.scopes.discard(scope)
        async with bench(at=slack) as b:
            (line,) = caplog.messages
            await b.ana.mention("C1", "Hello")
            await b.answered()
            assert b.joined("C1").endswith("Hello")
    assert f"lacks the scopes {scope} ({SCOPES[scope]})" in line
    assert "parley slack manifest" in line


async def test_a_slack_that_cannot_be_reached_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with LoopbackSlack(ScaledClock(1000)) as slack:
        slack.team.fail("auth.test", ConnectionError(), ApiError("internal_error"))
        async with bench(at=slack) as b:
            await b.ana.say("D1", "Hello")
            await b.answered()
            assert b.joined("D1")
    tries = [r for r in caplog.records if "trying again" in r.message]
    assert len(tries) == 2


async def test_a_scope_that_is_taken_away_later_is_said_and_the_rest_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as b:
        b.team.scopes.discard("users:read")
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.joined("C1") == "[Be kind.] [] user U1: Hello"
    assert "lacks the scope users:read that users.info needs" in caplog.text


async def test_a_token_that_is_revoked_later_is_said_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as b:
        b.team.revoked = True
        await b.ana.mention("C1", "Hello")
        await b.answered()
        b.team.revoked = False
        await b.ana.mention("C1", "Hello again")
        await b.answered()
        assert b.joined("C1").endswith("Ana: Hello again")
    assert "does not accept the bot's token any more (token_revoked)" in caplog.text
    assert b.team.bot_token not in caplog.text
    assert "Traceback" not in caplog.text


async def test_message_texts_are_logged_at_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with bench() as b:
        b.team.fail("chat.postMessage", ApiError("internal_error"))
        await b.ana.mention("C1", "my deepest secret")
        first = await b.ana.say("C1", "thread")
        b.team.fail("chat.appendStream", ApiError("msg_too_long"))
        await b.ana.mention("C1", "my deepest secret", thread=first.ts)
        await b.answered()
        assert b.team.answers("C1")
    assert "deepest" not in caplog.text


async def test_a_defect_in_one_event_is_told_and_ends_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench() as b:
        with monkeypatch.context() as broken:
            broken.setattr(b.engine, "ask", None)
            await b.ana.mention("C1", "Hello")
            await until(lambda: b.team.ephemeral("U1"))
            assert "Something went wrong on my side" in b.team.ephemeral("U1")[0]
        await b.ana.mention("C1", "Hello again")
        await b.answered()
        assert b.joined("C1")
    assert "a defect of Parley" in caplog.text


async def test_what_is_taken_up_waits_until_slack_can_be_reached() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(1000)) as slack:
        async with bench(lambda p: "one two three", paced=True, at=slack, store=store) as b:
            await b.ana.mention("C1", "Count")
            b.scripted.let(1)
            await until(lambda: b.joined("C1"))  # so that its message is known
        slack.connects = False

        async def come_back() -> None:
            await until(lambda: slack.refused_sockets >= 2)
            slack.connects = True

        back = asyncio.create_task(come_back())
        async with bench(lambda p: "one two three", at=slack, store=store) as b:
            await b.answered()
            assert b.joined("C1") == "one two three"
            assert len(b.scripted.prompts) == 1
        await back


@pytest.mark.parametrize("resume", ["continue", "mark"])
async def test_unfinished_answers_of_an_earlier_run_are_taken_up_or_marked(resume: str) -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock()) as slack:
        async with bench(lambda p: "one two three four", paced=True, at=slack, store=store) as b:
            await b.ana.mention("C1", "Count")
            b.scripted.let(2)
            await until(lambda: b.joined("C1"))
        (answer,) = b.team.answers("C1")
        after = {"after_restart": resume}
        async with bench(
            lambda p: "one two three four", at=slack, store=store, delivery=after
        ) as b:
            await b.answered()
        assert b.team.answers("C1") == [answer]
        assert answer.shown == ("one two three four" if resume == "continue" else "one two")


async def test_a_message_on_its_way_at_the_end_is_not_posted_again() -> None:
    store = MemoryStore()
    answer = asyncio.Event()
    async with LoopbackSlack(ScaledClock(1)) as slack:
        async with (
            set_at_the_end(answer),
            bench(lambda p: "one two three", paced=True, at=slack, store=store) as b,
        ):
            b.team.held["chat.postMessage"] = answer
            await b.ana.mention("C1", "Count")
            b.scripted.let(1)
            await until(lambda: b.team.answers("C1"))
        async with bench(lambda p: "one two three", at=slack, store=store) as b:
            await b.answered()
            assert [message.shown for message in b.team.answers("C1")] == ["one two three"]


async def test_cancelled_it_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    async with bench(paced=True) as b:
        await b.ana.mention("C1", "Hello")
        await until(lambda: b.scripted.writing)
    await until(lambda: not asyncio.all_tasks() - before)  # connections are being closed


async def test_settings_without_slack_start_nothing() -> None:
    with pytest.raises(ConfigError, match=r"\[slack\] bot_token is not set"):
        await serve(None, Settings(), ready=print)  # type: ignore[arg-type]
