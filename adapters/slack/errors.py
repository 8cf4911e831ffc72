"""Slack's refusals and broken connections as Parley's errors. The only place that knows the codes.

The codes are those of Slack's method reference (https://docs.slack.dev/reference/methods).
"""

import asyncio
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import MessageGone, SurfaceBusy, SurfaceError

RETRY_SECONDS = 3.0
"""What to wait where Slack fails without saying for how long."""

GONE = frozenset({"message_not_found", "file_not_found", "file_deleted"})
ABSENT = frozenset({"not_in_channel", "channel_not_found", "is_archived", "thread_not_found"})
REVOKED = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive"})
_FOR_THE_MOMENT = frozenset({"service_unavailable", "team_added_to_org", "accesslimited"})
_PERHAPS_DONE = frozenset({"internal_error", "fatal_error", "request_timeout"})

_TOLD = {
    "not_in_channel": "I am not in this channel. Invite me with `/invite` and ask again.",
    "channel_not_found": "I cannot write here. Invite me with `/invite` and ask again.",
    "is_archived": "This channel is archived; I cannot write in it.",
    "thread_not_found": "This thread no longer exists.",
    "expired_trigger_id": "That took too long for Slack to open a window. Try once more.",
    "missing_scope": "I lack a permission for that here. The operator's log says which.",
    "restricted_action": "This workspace does not let me write here.",
}


class Refused(SurfaceError):
    """Slack answered with an error that trying again will not change; `code` is Slack's."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def user_text(self) -> str:
        return _TOLD.get(self.code, "Slack did not let me do that. The operator's log says why.")


class OutcomeUnknown(SurfaceBusy):
    """The connection broke, or Slack failed, after the call was sent: it may have taken effect."""


def fault(method: str, error: Exception) -> SurfaceError:
    """What `error`, raised by a call of `method`, means."""
    if isinstance(error, SlackApiError):
        return _refusal(method, error)
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError)):
        return SurfaceBusy(f"Slack cannot be reached: {error}", retry_after=RETRY_SECONDS)
    if isinstance(error, (aiohttp.ClientError, asyncio.TimeoutError, OSError, SlackClientError)):
        kind = type(error).__name__
        return OutcomeUnknown(f"Slack did not answer {method}: {kind}", retry_after=RETRY_SECONDS)
    raise error


def _refusal(method: str, error: SlackApiError) -> SurfaceError:
    response: Any = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", 200)
    data = getattr(response, "data", None)
    said = data if isinstance(data, dict) else {}
    code = str(said.get("error", ""))
    if status == 429 or code in ("ratelimited", "rate_limited"):
        wait = float(response.headers.get("Retry-After", RETRY_SECONDS))
        return SurfaceBusy(f"Slack asks to wait before {method}", retry_after=max(wait, 0.1))
    if code in _FOR_THE_MOMENT:
        return SurfaceBusy(f"Slack cannot do {method} now: {code}", retry_after=RETRY_SECONDS)
    if code in _PERHAPS_DONE or not code:
        what = code or f"HTTP status {status}"
        return OutcomeUnknown(f"Slack failed at {method}: {what}", retry_after=RETRY_SECONDS)
    if code in GONE:
        return MessageGone(f"Slack knows no such message any more ({method})")
    return Refused(_explained(method, code, said), code)


def _explained(method: str, code: str, said: dict[str, Any]) -> str:
    """One line for the operator, with the remedy."""
    if code == "missing_scope":
        return (
            f"the Slack app lacks the scope {said.get('needed', '?')} that {method} needs. Compare "
            "it with `parley slack manifest`, add it and install the app again."
        )
    if code in REVOKED:
        return (
            f"Slack does not accept the bot's token any more ({code}). Install the app again and "
            "put the new token into [slack] bot_token."
        )
    if code in ABSENT:
        return f"Slack refused {method}: {code}. Where the bot should speak, /invite it."
    return f"Slack refused {method}: {code}"
