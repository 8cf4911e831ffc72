"""Calls of the Web API, against the loopback."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import PATIENCE, Gateway
from adapters.slack.errors import OutcomeUnknown, Refused
from bot.errors import SurfaceBusy, SurfaceError
from tests.slack_loopback import ApiError, File, LoopbackSlack, Someone, TooFast
from tests.slack_loopback.state import ALL_SCOPES
from tests.virtual_clock import VirtualClock


class Loopback:
    """A Web API client, and the loopback Slack that it calls."""

    def __init__(self, slack: LoopbackSlack, gateway: Gateway, clock: VirtualClock) -> None:
        self.slack, self.gateway, self.clock = slack, gateway, clock
        self.team = slack.team
        self.team.channel("C1")


@pytest.fixture
async def at() -> AsyncIterator[Loopback]:
    clock = VirtualClock()
    async with LoopbackSlack(clock) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.team.bot_token, slack.url, session=session, retry_handlers=[])
        yield Loopback(slack, Gateway(client, session, clock), clock)


async def test_a_call_returns_the_response_of_slack(at: Loopback) -> None:
    posted = await at.gateway.call("chat.postMessage", channel="C1", text="Hi", thread_ts=None)
    (message,) = at.team.answers("C1")
    assert posted["ts"] == message.ts
    assert "thread_ts" not in at.team.calls[-1][1]


async def test_a_broken_connection_is_not_retried_automatically(at: Loopback) -> None:
    at.team.fail("chat.postMessage", ConnectionError())
    with pytest.raises(OutcomeUnknown):
        await at.gateway.call("chat.postMessage", channel="C1", text="Hi")
    assert len(at.team.answers("C1")) == 1


@pytest.mark.parametrize("turns", [1, 3])
async def test_a_call_that_a_shutdown_overtakes_says_so(turns: int) -> None:
    """`turns`: of the event loop that it has before the session is closed. The environment is asked
    for a proxy in a thread meanwhile."""
    async with LoopbackSlack(VirtualClock()) as slack:
        session = aiohttp.ClientSession(trust_env=True)
        client = AsyncWebClient(slack.team.bot_token, slack.url, session=session, retry_handlers=[])
        gateway = Gateway(client, session, VirtualClock())
        call = asyncio.create_task(gateway.call("auth.test"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await session.close()
        with pytest.raises(SurfaceError, match="closed"):
            await call


async def test_patiently_waits_as_slack_says_and_retries(at: Loopback) -> None:
    at.team.fail("chat.delete", TooFast(7), TooFast(5))
    message = Someone(at.slack, "U1", "Ana").post("C1", "Hi")
    message.bot_id = at.team.bot_id
    began = at.clock.monotonic()
    await at.gateway.patiently("chat.delete", channel="C1", ts=message.ts)
    assert at.clock.monotonic() - began == pytest.approx(12)
    assert message.deleted


async def test_patiently_raises_where_the_wait_is_too_long(at: Loopback) -> None:
    at.team.fail("chat.delete", TooFast(int(PATIENCE) + 1))
    with pytest.raises(SurfaceBusy):
        await at.gateway.patiently("chat.delete", channel="C1", ts="1.0")


async def test_patiently_does_not_retry_a_refusal(at: Loopback) -> None:
    at.team.fail("chat.delete", ApiError("cant_delete_message"))
    with pytest.raises(Refused):
        await at.gateway.patiently("chat.delete", channel="C1", ts="1.0")
    assert not at.team.troubles["chat.delete"]


async def test_identify_returns_the_scopes_of_the_token(at: Loopback) -> None:
    said, scopes = await at.gateway.identify()
    assert said["user_id"] == at.team.bot_user
    assert scopes == ALL_SCOPES


async def test_files_are_given_to_the_bots_token_only(at: Loopback) -> None:
    at.team.files["F1"] = File("F1", "a.txt", b"Hello")
    url = f"{at.slack.origin}/files/T1/F1"
    assert await at.gateway.download(url, 100) == b"Hello"
    assert await at.gateway.download(url, 3) == b"Hel"
    at.team.bot_token = "xoxb-another"
    with pytest.raises(SurfaceError, match="files:read"):
        await at.gateway.download(url, 100)


async def test_an_upload_that_fails_raises_a_surface_error(at: Loopback) -> None:
    with pytest.raises(SurfaceError):
        await at.gateway.upload(f"{at.slack.origin}/nowhere", b"Hello")


async def test_no_token_is_in_any_error(at: Loopback) -> None:
    failures: list[Any] = [TooFast(1), ApiError("invalid_auth"), ConnectionError()]
    for failure in failures:
        at.team.fail("auth.test", failure)
        with pytest.raises(SurfaceError) as raised:
            await at.gateway.identify()
        assert at.team.bot_token not in f"{raised.value!r} {raised.value.__cause__!r}"
