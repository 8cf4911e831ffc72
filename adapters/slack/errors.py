"""Maps slack_sdk's exceptions and Slack's error codes to `bot.errors`.

The codes are listed with each method in Slack's reference
(https://docs.slack.dev/reference/methods).
"""

import asyncio
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import MessageGone, SurfaceBusy, SurfaceError

RETRY_SECONDS = 3.0
"""Seconds until a retry where Slack names none."""

_GONE = frozenset({"message_not_found", "file_not_found", "file_deleted"})
_NO_ACCESS = frozenset({"not_in_channel", "channel_not_found", "is_archived", "thread_not_found"})
REVOKED = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive"})
"""The codes of a token that Slack does not accept."""
SOCKET_MODE_OFF = frozenset({"link_disabled", "socket_mode_disabled", "socket_mode_not_enabled"})
"""The codes, and the reasons of a disconnect, that say that Socket Mode is off for the app."""
_TRANSIENT = frozenset({"service_unavailable", "team_added_to_org", "accesslimited"})
_UNKNOWN_OUTCOME = frozenset({"internal_error", "fatal_error", "request_timeout"})

_USER_TEXTS = {
    "not_in_channel": "I am not in this channel. Invite me with `/invite` and ask again.",
    "channel_not_found": "I cannot write here. Invite me with `/invite` and ask again.",
    "is_archived": "This channel is archived; I cannot write in it.",
    "thread_not_found": "This thread no longer exists.",
    "expired_trigger_id": "That took too long for Slack to open a dialog. Try again.",
    "missing_scope": "I lack a permission for that here. The operator's log says which.",
    "restricted_action": "This workspace does not let me write here.",
}


class Refused(SurfaceError):
    """Slack refused a call with the error `code`; a retry would not change that."""

    def __init__(self, message: str, code: str, needed: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.needed = needed
        """The scope that is missing; "" where Slack names none."""

    @property
    def user_text(self) -> str:
        return _USER_TEXTS.get(
            self.code, "Slack did not let me do that. The operator's log says why."
        )


class OutcomeUnknown(SurfaceBusy):
    """The connection broke, or Slack failed, after the request was sent: the call may have taken
    effect. Before a retry of a call that is not idempotent, look whether it has."""


def surface_error(method: str, error: Exception) -> SurfaceError:
    """The error for `error`, which a call of `method` raised: SurfaceBusy for a rate limit and
    where Slack is unavailable, OutcomeUnknown, MessageGone, else Refused. Raises `error` itself
    where it comes neither from Slack nor from the connection."""
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
    body = data if isinstance(data, dict) else {}
    code = str(body.get("error", ""))
    if status == 429 or code in ("ratelimited", "rate_limited"):
        wait = float(response.headers.get("Retry-After", RETRY_SECONDS))
        return SurfaceBusy(f"Slack's rate limit of {method} was hit", retry_after=max(wait, 0.1))
    if code in _TRANSIENT:
        return SurfaceBusy(f"Slack cannot do {method} now: {code}", retry_after=RETRY_SECONDS)
    if code in _UNKNOWN_OUTCOME or not code:
        what = code or f"HTTP status {status}"
        return OutcomeUnknown(f"Slack failed at {method}: {what}", retry_after=RETRY_SECONDS)
    if code in _GONE:
        return MessageGone(f"the message no longer exists ({method})")
    return Refused(_explained(method, code, body), code, str(body.get("needed") or ""))


def _explained(method: str, code: str, body: dict[str, Any]) -> str:
    """One line for the operator, with the remedy."""
    if code == "missing_scope":
        return (
            f"the Slack app lacks the scope {body.get('needed', '?')} that {method} needs. Compare "
            "it with `parley slack manifest`, add it and reinstall the app."
        )
    if code in REVOKED:
        return (
            f"Slack does not accept the bot's token any more ({code}). Reinstall the app and "
            "put the new token into [slack] bot_token."
        )
    if code in _NO_ACCESS:
        return f"Slack refused {method}: {code}. Use /invite to add the bot to the channel."
    return f"Slack refused {method}: {code}"
