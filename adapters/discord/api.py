"""A client for Discord's message endpoints that never sleeps for a rate limit.

discord.py sleeps inside a call when a rate-limit bucket is empty and after a 429, and then sends a
payload that is out of date. Delivery needs to learn of the limit at once, so that it can wait
itself and send the newest text. Therefore the requests that show answers are made here, and all
others by discord.py. This module maps HTTP statuses and Discord's JSON error codes to
`bot.errors` (https://discord.com/developers/docs/topics/opcodes-and-status-codes).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import discord

from adapters.discord.rate_limits import Buckets
from bot.clock import Clock
from bot.errors import MessageGone, SurfaceBusy, SurfaceError

USER_AGENT = f"DiscordBot (https://github.com/Rapptz/discord.py, {discord.__version__}) Parley"
"""In the form that Discord requires (https://discord.com/developers/docs/reference#user-agent)."""
TIMEOUT = 20.0
"""Seconds for one request, from connecting to the last byte of the response."""
SHORT_WAIT = 0.2
"""Seconds. A rate-limit window that ends this soon is waited for; the text is hardly older then."""
LONGEST_BACKOFF = 30.0
"""Seconds; also the wait after a 429 that names none."""
OLD_MESSAGE_PAUSE = 6.0
"""Seconds to wait after Discord refused an edit of a message that is older than an hour; it allows
about three in that time."""
MOST_READ = 100
"""Messages that one request can list."""

UNKNOWN_CHANNEL = 10003
UNKNOWN_MESSAGE = 10008
TOO_MANY_OLD_EDITS = 30046
"""JSON error code: too many edits to a message that is older than an hour."""

Payload = Mapping[str, Any]
"""The JSON body of a request."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is uploaded with a message: text in UTF-8."""

    name: str
    data: bytes
    media_type: str = "text/markdown"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; `body` is parsed where it is JSON, else its text."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


class Refused(SurfaceError):
    """Discord, or a proxy before it, refused a call. `code`: Discord's JSON error code; 0 where the
    response has none."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Wire(Protocol):
    """Makes one request of the REST API. `path` begins after the API version. Returns responses of
    any status; raises aiohttp.ClientError, TimeoutError or OSError where there is none."""

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None, /
    ) -> Response: ...


class HttpWire:
    """Makes requests over HTTP. `base` is the URL of the API with its version, such as
    ``https://discord.com/api/v10``; `token` is the bot's."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str) -> None:
        self._session = session
        self._base = base
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}
        self._timeout = aiohttp.ClientTimeout(total=TIMEOUT)

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        url = self._base + path
        data: aiohttp.FormData | aiohttp.JsonPayload | None = None
        if upload:
            data = _form(payload, upload)
        elif payload is not None:
            data = aiohttp.JsonPayload(payload)
        if self._session.closed:  # Parley is shutting down
            raise aiohttp.ClientConnectionError("the session is closed")
        async with self._session.request(
            method, url, headers=self._headers, timeout=self._timeout, data=data
        ) as response:
            text = await response.text("utf-8", "replace")
            is_json = response.headers.get("Content-Type", "").startswith("application/json")
            return Response(response.status, response.headers, _parsed(text) if is_json else text)


class MessageWrites:
    """Creates, edits and deletes messages, and reads them after a crash.

    A request whose rate-limit bucket is empty is not made. Every method raises SurfaceBusy, with
    the seconds to wait, for a rate limit, an unreachable server and a status of 5xx; MessageGone
    where the message does not exist; SurfaceError for every other refusal. One instance serves the
    whole bot, since buckets are shared. For one event loop; calls may overlap."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self.clock = clock
        self._buckets = Buckets(clock)
        self._failures: dict[str, int] = {}

    async def create(self, channel: str, payload: Payload, upload: Upload | None = None) -> str:
        """Post a message in `channel` and return its id."""
        body = await self._call("POST", channel, "", payload, upload)
        try:
            return str(body["id"])
        except (KeyError, TypeError) as exc:
            raise SurfaceBusy(
                f"channel {channel}: Discord answered a new message without an id", retry_after=1.0
            ) from exc

    async def edit(self, channel: str, message: str, payload: Payload) -> None:
        """Replace the fields of a message that `payload` names."""
        await self._call("PATCH", channel, f"/{message}", payload)

    async def direct_channel(self, user: str) -> str:
        """The id of the channel of direct messages with this person."""
        body = await self._call(
            "POST", "@me", "", {"recipient_id": user}, path="/users/@me/channels"
        )
        try:
            return str(body["id"])
        except (KeyError, TypeError) as exc:
            raise Refused("Discord opened no channel of direct messages", 0) from exc

    async def after(self, channel: str, message: str) -> list[dict[str, Any]]:
        """The first `MOST_READ` messages after this one. Without Read Message History Discord
        returns none."""
        body = await self._call("GET", channel, f"?after={message}&limit={MOST_READ}", None)
        return [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []

    async def delete(self, channel: str, message: str) -> None:
        """Delete a message."""
        await self._call("DELETE", channel, f"/{message}", None)

    @property
    def edit_rate(self) -> float | None:
        """Edits per second that one channel allows, from the rate-limit headers; None before the
        first edit."""
        return self._buckets.rate("PATCH")

    async def _call(
        self,
        method: str,
        channel: str,
        tail: str,
        payload: Payload | None,
        upload: Upload | None = None,
        path: str = "",
    ) -> Any:
        await self._await_window(method, channel)
        begun = self.clock.monotonic()
        with self._buckets.request(method, channel):
            try:
                path = path or f"/channels/{channel}/messages{tail}"
                response = await self._wire(method, path, payload, upload)
            except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                raise self._unreachable(channel, type(exc).__name__) from exc
        self._buckets.learn(method, channel, response.headers, begun)
        if 200 <= response.status < 300:
            self._failures.pop(channel, None)
            return response.body
        raise self._error(method, channel, response)

    async def _await_window(self, method: str, channel: str) -> None:
        """Sleep until the rate-limit window ends, where that is within `SHORT_WAIT`."""
        wait = self._buckets.wait(method, channel)
        if 0 < wait <= SHORT_WAIT:
            await self.clock.sleep(wait)

    def _error(self, method: str, channel: str, response: Response) -> SurfaceError:
        code, reason = _code(response.body)
        if response.status == 429 or code == TOO_MANY_OLD_EDITS:
            return self._rate_limited(method, channel, response, code)
        if response.status >= 500:
            return self._unreachable(channel, f"status {response.status}")
        # a 404 without Discord's own code is a proxy's page, and says nothing of the message
        if code in (UNKNOWN_MESSAGE, UNKNOWN_CHANNEL):
            return MessageGone(f"channel {channel}: {reason} ({code})")
        if response.status == 403 and code:
            return Refused(
                f"channel {channel}: Discord does not let Parley write there ({code}: {reason}). "
                "Give it View Channel, Send Messages and Read Message History there.",
                code,
            )
        how = f"{code}: {reason}" if code else f"HTTP {response.status} without a reason"
        return Refused(f"channel {channel}: {method} was refused ({how})", code)

    def _rate_limited(
        self, method: str, channel: str, response: Response, code: int
    ) -> SurfaceBusy:
        """Record a rate limit that was hit. A 429 without JSON comes from Cloudflare and applies to
        all requests."""
        body = response.body if isinstance(response.body, dict) else {}
        given = body.get("retry_after", response.headers.get("Retry-After"))
        default = OLD_MESSAGE_PAUSE if code == TOO_MANY_OLD_EDITS else LONGEST_BACKOFF
        try:
            seconds = float(given) if given is not None else default
        except (TypeError, ValueError):
            seconds = default
        everywhere = bool(body.get("global")) or "X-RateLimit-Global" in response.headers
        if code != TOO_MANY_OLD_EDITS:
            self._buckets.pause(method, channel, seconds, everywhere=everywhere or not body)
        return SurfaceBusy(f"channel {channel}: Discord's rate limit was hit", retry_after=seconds)

    def _unreachable(self, channel: str, why: str) -> SurfaceBusy:
        """A transient failure: backoff that doubles with each one in a row, from 1 second."""
        failures = self._failures[channel] = self._failures.get(channel, 0) + 1
        seconds = min(LONGEST_BACKOFF, 0.5 * 2.0 ** min(failures, 10))
        return SurfaceBusy(
            f"channel {channel}: Discord is unavailable ({why})", retry_after=seconds
        )


def _form(payload: Payload | None, upload: Upload) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)  # Discord refuses the name "files%5B0%5D"
    form.add_field("payload_json", json.dumps(payload or {}), content_type="application/json")
    form.add_field(
        "files[0]",
        upload.data,
        filename=upload.name,
        content_type=f"{upload.media_type}; charset=utf-8",
    )
    return form


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _code(body: Any) -> tuple[int, str]:
    """Discord's JSON error code, 0 where the body has none, and its message."""
    if not isinstance(body, dict):
        return 0, "no reason given"
    code = body.get("code")
    return code if isinstance(code, int) else 0, str(body.get("message", "no reason given"))
