"""Discord's answers become ours, once, and no call waits."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from adapters.discord.api import (
    LONGEST_BACKOFF,
    OLD_MESSAGE_PAUSE,
    MessageWrites,
    Payload,
    Reply,
    Upload,
)
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from tests.virtual_clock import VirtualClock


class ScriptedWire:
    """Answers with what it was given, in order."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[tuple[str, str]] = []

    async def __call__(
        self, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Reply:
        self.requests.append((method, path))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def refusing(
    status: int, code: int = 0, headers: Mapping[str, str] | None = None, **body: Any
) -> Reply:
    return Reply(status, headers or {}, {"code": code, "message": "said", **body})


async def failure(*replies: Reply | Exception, method: str = "edit") -> SurfaceError:
    """What comes of a call that meets these, one after the other."""
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
    wire = ScriptedWire(Reply(200, {}, {"id": "7"}), Reply(200, {}, {}), Reply(204))
    writes = MessageWrites(wire, VirtualClock())
    assert await writes.create("c", {}) == "7"
    await writes.edit("c", "7", {})
    await writes.delete("c", "7")
    assert wire.requests == [
        ("POST", "/channels/c/messages"),
        ("PATCH", "/channels/c/messages/7"),
        ("DELETE", "/channels/c/messages/7"),
    ]


async def test_a_message_that_is_gone_is_known_as_such() -> None:
    assert isinstance(await failure(refusing(404, 10008)), MessageGone)


async def test_a_channel_that_is_gone_is_no_missing_message() -> None:
    error = await failure(refusing(404, 10003), method="create")
    assert type(error) is SurfaceError


async def test_a_missing_permission_names_the_remedy() -> None:
    error = await failure(refusing(403, 50013))
    assert type(error) is SurfaceError
    assert "Give it View Channel, Send Messages" in str(error)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (refusing(429, retry_after=2.5), 2.5),
        (Reply(429, {"Retry-After": "7"}, "<html>"), 7.0),
        (Reply(429, {}, "<html>"), LONGEST_BACKOFF),
        (refusing(429, retry_after="soon"), LONGEST_BACKOFF),
        (refusing(400, 30046), OLD_MESSAGE_PAUSE),
    ],
)
async def test_a_refusal_says_how_long_to_wait(reply: Reply, seconds: float) -> None:
    error = await failure(reply)
    assert isinstance(error, SurfaceBusy)
    assert error.retry_after == seconds
    assert not error.foreseen


async def test_after_a_refusal_nothing_is_asked_until_the_time_is_over() -> None:
    clock = VirtualClock()
    wire = ScriptedWire(refusing(429, retry_after=2.5), Reply(200, {}, {}))
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
        Reply(429, {}, {"global": True, "retry_after": 2.5}),
        refusing(429, headers={"X-RateLimit-Global": "true"}, retry_after=2.5),
        Reply(429, {"Retry-After": "2.5"}, "<html>"),
    ],
)
async def test_a_global_refusal_counts_in_every_channel(reply: Reply) -> None:
    clock = VirtualClock()
    writes = MessageWrites(ScriptedWire(reply, Reply(200, {}, {})), clock)
    for channel in ("c", "d"):
        with pytest.raises(SurfaceBusy):
            await writes.edit(channel, "m", {})
    await clock.sleep(2.5)
    await writes.edit("d", "m", {})


async def test_a_refusal_in_one_channel_says_nothing_of_others() -> None:
    wire = ScriptedWire(refusing(429, retry_after=2.5), Reply(200, {}, {}))
    writes = MessageWrites(wire, VirtualClock())
    with pytest.raises(SurfaceBusy):
        await writes.edit("c", "m", {})
    await writes.edit("d", "m", {})


async def test_a_window_that_is_about_to_end_is_waited_for() -> None:
    clock = VirtualClock(start=0.0)
    wire = ScriptedWire(refusing(429, retry_after=1.0), Reply(200, {}, {}))
    writes = MessageWrites(wire, clock)
    with pytest.raises(SurfaceBusy):
        await writes.edit("c", "m", {})
    await clock.sleep(0.9)
    await writes.edit("c", "m", {})
    assert clock.monotonic() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "trouble", [refusing(500), refusing(503), aiohttp.ClientError("reset"), TimeoutError()]
)
async def test_trouble_for_the_moment_is_waited_out_ever_longer(trouble: Reply | Exception) -> None:
    first, second = await failure(trouble), await failure(trouble, trouble)
    assert isinstance(first, SurfaceBusy)
    assert isinstance(second, SurfaceBusy)
    assert 0 < first.retry_after < second.retry_after <= LONGEST_BACKOFF


async def test_a_new_message_without_an_id_is_asked_for_again() -> None:
    assert isinstance(await failure(Reply(200, {}, "odd"), method="create"), SurfaceBusy)


async def test_what_discord_will_never_take_is_for_good() -> None:
    error = await failure(refusing(400, 50035))
    assert type(error) is SurfaceError
    assert "50035" in str(error)
