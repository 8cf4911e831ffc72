"""Slack's rate limits, kept on this side, in virtual time."""

import asyncio

import pytest

from adapters.slack.rate_limits import MINUTE, Tiers
from tests.slack_loopback.state import POSTS_PER_CHANNEL, TIERS, Window
from tests.virtual_clock import VirtualClock


@pytest.mark.parametrize("method", ["chat.update", "chat.startStream", "chat.stopStream"])
async def test_as_many_calls_as_turns_stay_below_a_tier(method: str) -> None:
    clock = VirtualClock()
    tiers, window = Tiers(clock), Window(clock, *TIERS[method])
    for _ in range(200):
        await tiers.turn(method)
        window.take()


async def test_posts_are_counted_for_each_channel_alone() -> None:
    clock = VirtualClock()
    tiers = Tiers(clock)
    windows = {name: Window(clock, *POSTS_PER_CHANNEL) for name in ("C1", "C2")}
    began = clock.monotonic()

    async def post(channel: str) -> None:
        for _ in range(30):
            await tiers.turn("chat.postMessage", channel)
            windows[channel].take()

    await asyncio.gather(post("C1"), post("C2"))
    assert clock.monotonic() - began == pytest.approx(28)


async def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    tiers, came = Tiers(VirtualClock()), list[int]()

    async def one(number: int) -> None:
        await tiers.turn("chat.startStream")
        came.append(number)

    await asyncio.gather(*(one(number) for number in range(10)))
    assert came == list(range(10))


async def test_a_call_is_taken_only_while_there_is_room() -> None:
    clock = VirtualClock()
    tiers = Tiers(clock)
    assert [tiers.take("chat.startStream") for _ in range(21)] == [True] * 20 + [False]
    await clock.sleep(MINUTE)
    assert tiers.take("chat.startStream")


async def test_how_long_to_wait_is_known() -> None:
    clock = VirtualClock()
    tiers = Tiers(clock)
    assert tiers.wait("chat.startStream") == 0.0
    while tiers.take("chat.startStream"):
        pass
    await clock.sleep(tiers.wait("chat.startStream") + 1e-6)
    assert tiers.take("chat.startStream")
    tiers.pause("chat.startStream", 30)
    await clock.sleep(tiers.wait("chat.startStream") + 1e-6)
    assert tiers.take("chat.startStream")


async def test_after_a_refusal_nothing_goes_for_as_long_as_slack_says() -> None:
    clock = VirtualClock()
    tiers = Tiers(clock)
    tiers.pause("chat.startStream", 30)
    await clock.sleep(29)
    assert not tiers.take("chat.startStream")
    began = clock.monotonic()
    await tiers.turn("chat.startStream")
    assert clock.monotonic() - began == pytest.approx(1 + MINUTE / 20)


async def test_who_gives_up_waiting_gives_the_turn_back() -> None:
    clock = VirtualClock()
    tiers = Tiers(clock)
    for _ in range(20):
        await tiers.turn("chat.startStream")
    waiting = asyncio.create_task(tiers.turn("chat.startStream"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await clock.sleep(MINUTE)
    assert [tiers.take("chat.startStream") for _ in range(21)] == [True] * 20 + [False]


async def test_methods_without_a_limit_of_ours_never_wait() -> None:
    tiers = Tiers(VirtualClock())
    for _ in range(1000):
        assert tiers.take("chat.delete")
        await tiers.turn("chat.delete")
