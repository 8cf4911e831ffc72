"""Slack's error codes and broken connections, mapped to errors."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.slack.errors import OutcomeUnknown, Refused, surface_error
from bot.errors import MessageGone, SurfaceBusy


def refusal(
    code: str, status: int = 200, headers: dict[str, str] | None = None, **data: Any
) -> SlackApiError:
    response = AsyncSlackResponse(
        client=AsyncWebClient(),
        http_verb="POST",
        api_url="",
        req_args={},
        data={"ok": False, "error": code, **data} if code else {},
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("The request failed", response)  # type: ignore[no-untyped-call]


def test_a_rate_limit_carries_the_wait_that_slack_names() -> None:
    error = surface_error("chat.update", refusal("ratelimited", 429, {"Retry-After": "7"}))
    assert isinstance(error, SurfaceBusy)
    assert not isinstance(error, OutcomeUnknown)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    "error",
    [
        refusal("", 502),
        refusal("internal_error"),
        refusal("fatal_error"),
        aiohttp.ServerDisconnectedError(),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_a_call_that_may_have_taken_effect_has_an_unknown_outcome(error: Exception) -> None:
    assert isinstance(surface_error("chat.postMessage", error), OutcomeUnknown)


async def test_a_slack_that_was_never_reached_has_a_known_outcome() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get("http://127.0.0.1:1/api/chat.update")
    error = surface_error("chat.update", refused.value)
    assert isinstance(error, SurfaceBusy)
    assert not isinstance(error, OutcomeUnknown)


def test_a_missing_message_raises_message_gone() -> None:
    assert isinstance(surface_error("chat.update", refusal("message_not_found")), MessageGone)


def test_a_missing_scope_names_it_and_the_remedy() -> None:
    error = surface_error(
        "users.info", refusal("missing_scope", needed="users:read", provided="chat")
    )
    assert isinstance(error, Refused)
    assert "users:read" in str(error)
    assert "parley slack manifest" in str(error)
    assert "users:read" not in error.user_text


@pytest.mark.parametrize("code", ["token_revoked", "invalid_auth", "account_inactive"])
def test_a_revoked_token_names_the_setting(code: str) -> None:
    assert "[slack] bot_token" in str(surface_error("chat.update", refusal(code)))


def test_an_exception_of_neither_slack_nor_the_network_is_not_mapped() -> None:
    with pytest.raises(KeyError):
        surface_error("chat.update", KeyError("x"))
