"""Discord's responses are mapped to errors, and no request sleeps for a rate limit."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from adapters.discord.api import (
    LONGEST_BACKOFF,
    OLD_MESSAGE_PAUSE,
    MessageWrites,
    Payload,
    Refused,
    Response,
    Upload,
)
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from tests.virtual_clock import VirtualClock


class ScriptedWire:
    """Responds with `replies`, in order."""

    def __init__(self, *replies: Response | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[tuple[str, str]] = []

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        self.requests.append((method, path))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def refusing(
    status: int, code: int = 0, headers: Mapping[str, str] | None = None, **body: Any
) -> Response:
    return Response(status, headers or {}, {"code": code, "message": "said", **body})


async def failure(*replies: Response | Exception, method: str = "edit") -> SurfaceError:
    """The error of the last of several calls that get these responses."""
    clock = VirtualClock()
    writes = MessageWrites(ScriptedWire(*replies), clock)
    error: SurfaceError | None = None
    for _ in replies:
        with pytest.raises(SurfaceError) as caught:
            await (writes.edit("c", "m", {}) if method == "edit" else writes.create("c", {}))
        error = caught.value
        await clock.sleep(60.0)
    assert error is not None
    return error


async def test_a_message_is_posted_edited_and_deleted_at_its_address() -> None:
    wire = ScriptedWire(Response(200, {}, {"id": "7"}), Response(200, {}, {}), Response(204))
    writes = MessageWrites(wire, VirtualClock())
    assert await writes.create("c", {}) == "7"
    await writes.edit("c", "7", {})
    await writes.delete("c", "7")
    assert wire.requests == [
        ("POST", "/channels/c/messages"),
        ("PATCH", "/channels/c/messages/7"),
        ("DELETE", "/channels/c/messages/7"),
    ]


async def test_a_missing_message_raises_message_gone() -> None:
    assert isinstance(await failure(refusing(404, 10008)), MessageGone)


async def test_a_missing_channel_raises_message_gone_too() -> None:
    assert isinstance(await failure(refusing(404, 10003), method="create"), MessageGone)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_proxys_page_says_nothing_of_the_message(status: int) -> None:
    error = await failure(Response(status, {}, "<html>"))
    assert isinstance(error, Refused)
    assert not error.code


async def test_a_missing_permission_names_the_remedy() -> None:
    error = await failure(refusing(403, 50013))
    assert isinstance(error, Refused)
    assert "Give it View Channel, Send Messages" in str(error)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (refusing(429, retry_after=2.5), 2.5),
        (Response(429, {"Retry-After": "7"}, "<html>"), 7.0),
        (Response(429, {}, "<html>"), LONGEST_BACKOFF),
        (refusing(429, retry_after="soon"), LONGEST_BACKOFF),
        (refusing(400, 30046), OLD_MESSAGE_PAUSE),
    ],
)
async def test_a_rate_limit_says_how_long_to_wait(reply: Response, seconds: float) -> None:
    error = await failure(reply)
    assert isinstance(error, SurfaceBusy)
    assert error.retry_after == seconds
    assert not error.foreseen


async def test_after_a_429_no_request_is_made_until_the_wait_is_over() -> None:
    clock = VirtualClock()
    wire = ScriptedWire(refusing(429, retry_after=2.5), Response(200, {}, {}))
    writes = MessageWrites(wire, clock)
    for _ in range(3):
        with pytest.raises(SurfaceBusy):
            await writes.edit("c", "m", {})
    assert len(wire.requests) == 1
    await clock.sleep(2.5)
    await writes.edit("c", "m", {})


@pytest.mark.parametrize(
    "reply",
    [
        Response(429, {}, {"global": True, "retry_after": 2.5}),
        refusing(429, headers={"X-RateLimit-Global": "true"}, retry_after=2.5),
        Response(429, {"Retry-After": "2.5"}, "<html>"),
    ],
)
async def test_the_global_rate_limit_applies_to_every_channel(reply: Response) -> None:
    clock = VirtualClock()
    writes = MessageWrites(ScriptedWire(reply, Response(200, {}, {})), clock)
    for channel in ("c", "d"):
        with pytest.raises(SurfaceBusy):
            await writes.edit(channel, "m", {})
    await clock.sleep(2.5)
    await writes.edit("d", "m", {})


async def test_the_rate_limit_of_one_channel_does_not_apply_to_others() -> None:
    wire = ScriptedWire(refusing(429, retry_after=2.5), Response(200, {}, {}))
    writes = MessageWrites(wire, VirtualClock())
    with pytest.raises(SurfaceBusy):
        await writes.edit("c", "m", {})
    await writes.edit("d", "m", {})


async def test_a_window_that_is_about_to_end_is_waited_for() -> None:
    clock = VirtualClock(start=0.0)
    wire = ScriptedWire(refusing(429, retry_after=1.0), Response(200, {}, {}))
    writes = MessageWrites(wire, clock)
    with pytest.raises(SurfaceBusy):
        await writes.edit("c", "m", {})
    await clock.sleep(0.9)
    await writes.edit("c", "m", {})
    assert clock.monotonic() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "trouble", [refusing(500), refusing(503), aiohttp.ClientError("reset"), TimeoutError()]
)
async def test_transient_failures_are_retried_with_growing_backoff(
    trouble: Response | Exception,
) -> None:
    first, second = await failure(trouble), await failure(trouble, trouble)
    assert isinstance(first, SurfaceBusy)
    assert isinstance(second, SurfaceBusy)
    assert 0 < first.retry_after < second.retry_after <= LONGEST_BACKOFF


async def test_a_response_without_a_message_id_is_transient() -> None:
    assert isinstance(await failure(Response(200, {}, "odd"), method="create"), SurfaceBusy)


async def test_an_invalid_payload_is_a_permanent_error() -> None:
    error = await failure(refusing(400, 50035))
    assert isinstance(error, Refused)
    assert "50035" in str(error)
