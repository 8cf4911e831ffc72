"""Calls of the Web API, against the loopback."""

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


class Near:
    """A gateway and the Slack behind it."""

    def __init__(self, slack: LoopbackSlack, gateway: Gateway, clock: VirtualClock) -> None:
        self.slack, self.gateway, self.clock = slack, gateway, clock
        self.team = slack.team
        self.team.channel("C1")


@pytest.fixture
async def near() -> AsyncIterator[Near]:
    clock = VirtualClock()
    async with LoopbackSlack(clock) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.team.bot_token, slack.url, session=session, retry_handlers=[])
        yield Near(slack, Gateway(client, session, clock), clock)


async def test_a_call_gives_what_slack_answers(near: Near) -> None:
    posted = await near.gateway.call("chat.postMessage", channel="C1", text="Hi", thread_ts=None)
    (message,) = near.team.answers("C1")
    assert posted["ts"] == message.ts
    assert "thread_ts" not in near.team.calls[-1][1]


async def test_a_broken_connection_is_not_tried_again_blindly(near: Near) -> None:
    near.team.fail("chat.postMessage", ConnectionError())
    with pytest.raises(OutcomeUnknown):
        await near.gateway.call("chat.postMessage", channel="C1", text="Hi")
    assert len(near.team.answers("C1")) == 1


async def test_patience_waits_as_slack_says_and_tries_again(near: Near) -> None:
    near.team.fail("chat.delete", TooFast(7), TooFast(5))
    message = Someone(near.slack, "U1", "Ana").post("C1", "Hi")
    message.bot_id = near.team.bot_id
    began = near.clock.monotonic()
    await near.gateway.patiently("chat.delete", channel="C1", ts=message.ts)
    assert near.clock.monotonic() - began == pytest.approx(12)
    assert message.deleted


async def test_patience_has_an_end(near: Near) -> None:
    near.team.fail("chat.delete", TooFast(int(PATIENCE) + 1))
    with pytest.raises(SurfaceBusy):
        await near.gateway.patiently("chat.delete", channel="C1", ts="1.0")


async def test_patience_does_not_repeat_what_was_refused(near: Near) -> None:
    near.team.fail("chat.delete", ApiError("cant_delete_message"))
    with pytest.raises(Refused):
        await near.gateway.patiently("chat.delete", channel="C1", ts="1.0")
    assert not near.team.troubles["chat.delete"]


async def test_who_the_bot_is_comes_with_its_scopes(near: Near) -> None:
    said, scopes = await near.gateway.identify()
    assert said["user_id"] == near.team.bot_user
    assert scopes == ALL_SCOPES


async def test_files_are_given_to_the_bots_token_only(near: Near) -> None:
    near.team.files["F1"] = File("F1", "a.txt", b"Hello")
    url = f"{near.slack.origin}/files/T1/F1"
    assert await near.gateway.download(url, 100) == b"Hello"
    assert await near.gateway.download(url, 3) == b"Hel"
    near.team.bot_token = "xoxb-another"
    with pytest.raises(SurfaceError, match="files:read"):
        await near.gateway.download(url, 100)


async def test_an_upload_that_fails_is_told_as_a_fault(near: Near) -> None:
    with pytest.raises(SurfaceError):
        await near.gateway.upload(f"{near.slack.origin}/nowhere", b"Hello")


async def test_no_token_is_in_any_error(near: Near) -> None:
    failures: list[Any] = [TooFast(1), ApiError("invalid_auth"), ConnectionError()]
    for failure in failures:
        near.team.fail("auth.test", failure)
        with pytest.raises(SurfaceError) as raised:
            await near.gateway.identify()
        assert near.team.bot_token not in f"{raised.value!r} {raised.value.__cause__!r}"
