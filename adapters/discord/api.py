"""Posting, editing and deleting messages, without ever waiting for a rate limit.

discord.py sleeps inside a call when a bucket is empty and after a 429, and sends then what was
true before: an answer that grows needs to be told at once, so that delivery can wait and send the
newest text. So the calls that show answers go this way; all else goes through discord.py. Here is
the one place where Discord's errors become ours. The codes are Discord's JSON error codes
(https://discord.com/developers/docs/topics/opcodes-and-status-codes).
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

AGENT = f"DiscordBot (https://github.com/Rapptz/discord.py, {discord.__version__}) Parley"
"""Discord wants a name of this form (https://discord.com/developers/docs/reference#user-agent)."""
TIMEOUT = 20.0
"""Seconds for one call, the wait for a slow answer included."""
MOMENT = 0.2
"""Seconds. A wait as short as this is no reason to come back later."""
LONGEST_BACKOFF = 30.0
OLD_MESSAGE_PAUSE = 6.0
"""Seconds. A message that is older than an hour takes three edits in that time."""

UNKNOWN_MESSAGE = 10008
TOO_MANY_OLD_EDITS = 30046

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that goes along with a message."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


class Wire(Protocol):
    """One request to the REST interface. Raises aiohttp.ClientError or TimeoutError."""

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Reply: ...


class HttpWire:
    """The wire to a real server. `base` is the address with the version, such as
    ``https://discord.com/api/v10``."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str) -> None:
        self._session = session
        self._base = base
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": AGENT}
        self._timeout = aiohttp.ClientTimeout(total=TIMEOUT)

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Reply:
        url = self._base + path
        data: aiohttp.FormData | aiohttp.JsonPayload | None = None
        if upload:
            data = _form(payload, upload)
        elif payload is not None:
            data = aiohttp.JsonPayload(payload)
        if self._session.closed:  # Parley shuts down
            raise aiohttp.ClientConnectionError("the session is closed")
        async with self._session.request(
            method, url, headers=self._headers, timeout=self._timeout, data=data
        ) as response:
            text = await response.text("utf-8", "replace")
            is_json = response.headers.get("Content-Type", "").startswith("application/json")
            return Reply(response.status, response.headers, _parsed(text) if is_json else text)


class MessageWrites:
    """Every write to a message. All raise SurfaceBusy, MessageGone or SurfaceError, and give up
    no rate limit: a request that would meet an empty bucket is not made."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._buckets = Buckets(clock)
        self._failures: dict[str, int] = {}

    async def create(self, channel: str, payload: Payload, upload: Upload | None = None) -> str:
        """Post a message; its id."""
        body = await self._call("POST", channel, "", payload, upload)
        try:
            return str(body["id"])
        except (KeyError, TypeError) as exc:
            raise SurfaceBusy(
                f"channel {channel}: an unusable answer to a new message", retry_after=1.0
            ) from exc

    async def edit(self, channel: str, message: str, payload: Payload) -> None:
        await self._call("PATCH", channel, f"/{message}", payload)

    async def delete(self, channel: str, message: str) -> None:
        await self._call("DELETE", channel, f"/{message}", None)

    @property
    def edit_rate(self) -> float | None:
        """Edits a second that a channel sustains, once Discord has said so."""
        return self._buckets.rate("PATCH")

    async def _call(
        self,
        method: str,
        channel: str,
        tail: str,
        payload: Payload | None,
        upload: Upload | None = None,
    ) -> Any:
        await self._wait_a_moment(method, channel)
        begun = self._clock.monotonic()
        with self._buckets.request(method, channel):
            try:
                path = f"/channels/{channel}/messages{tail}"
                reply = await self._wire(method, path, payload, upload)
            except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                raise self._unreachable(channel, type(exc).__name__) from exc
        self._buckets.learn(method, channel, reply.headers, begun)
        if 200 <= reply.status < 300:
            self._failures.pop(channel, None)
            return reply.body
        raise self._error(method, channel, reply)

    async def _wait_a_moment(self, method: str, channel: str) -> None:
        """Wait for the end of a window that is about to end: the text is hardly older then."""
        wait = self._buckets.wait(method, channel)
        if 0 < wait <= MOMENT:
            await self._clock.sleep(wait)

    def _error(self, method: str, channel: str, reply: Reply) -> SurfaceError:
        code, said = _code(reply.body)
        if reply.status == 429 or code == TOO_MANY_OLD_EDITS:
            return self._refused(method, channel, reply, code)
        if reply.status >= 500:
            return self._unreachable(channel, f"status {reply.status}")
        if reply.status == 404 and (code == UNKNOWN_MESSAGE or method != "POST"):
            return MessageGone(f"channel {channel}: the message no longer exists")
        if reply.status == 403:
            return SurfaceError(
                f"channel {channel}: Discord does not let Parley write there ({code}: {said}). "
                "Give it View Channel, Send Messages and Read Message History there."
            )
        return SurfaceError(f"channel {channel}: {method} was refused ({code}: {said}).")

    def _refused(self, method: str, channel: str, reply: Reply, code: int) -> SurfaceBusy:
        """Discord asks to wait. A 429 without JSON comes from Cloudflare and names no bucket."""
        body = reply.body if isinstance(reply.body, dict) else {}
        told = body.get("retry_after", reply.headers.get("Retry-After"))
        default = OLD_MESSAGE_PAUSE if code == TOO_MANY_OLD_EDITS else LONGEST_BACKOFF
        try:
            seconds = float(told) if told is not None else default
        except (TypeError, ValueError):
            seconds = default
        everywhere = bool(body.get("global")) or "X-RateLimit-Global" in reply.headers
        if code != TOO_MANY_OLD_EDITS:
            self._buckets.pause(method, channel, seconds, everywhere=everywhere or not body)
        return SurfaceBusy(f"channel {channel}: Discord says to wait", retry_after=seconds)

    def _unreachable(self, channel: str, why: str) -> SurfaceBusy:
        """It failed for the moment: wait twice as long each time in a row."""
        failures = self._failures[channel] = self._failures.get(channel, 0) + 1
        seconds = min(LONGEST_BACKOFF, 0.5 * 2.0 ** min(failures, 10))
        return SurfaceBusy(f"channel {channel}: Discord fails ({why})", retry_after=seconds)


def _form(payload: Payload | None, upload: Upload) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)  # Discord does not take "files%5B0%5D"
    form.add_field("payload_json", json.dumps(payload or {}), content_type="application/json")
    form.add_field(
        "files[0]", upload.data, filename=upload.name, content_type="text/markdown; charset=utf-8"
    )
    return form


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _code(body: Any) -> tuple[int, str]:
    """Discord's own code and words for an error; 0 where the body has none."""
    if not isinstance(body, dict):
        return 0, "no reason given"
    code = body.get("code")
    return code if isinstance(code, int) else 0, str(body.get("message", "no reason given"))
