"""A token bucket admits its burst at once and its rate in the long run, and never more."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.token_bucket import TokenBucket
from tests.virtual_clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start=0.0)


def taken(bucket: TokenBucket) -> int:
    """How many tokens can be taken now."""
    number = 0
    while bucket.take():
        number += 1
    return number


async def test_the_burst_goes_at_once_and_then_it_refills_at_the_rate(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=2.0, burst=3)
    assert taken(bucket) == 3
    await clock.sleep(0.49)
    assert not bucket.take()
    await clock.sleep(0.01)
    assert taken(bucket) == 1
    await clock.sleep(3600.0)
    assert taken(bucket) == 3


async def test_wait_is_the_time_until_a_token_can_be_taken(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=0.3, burst=1)
    assert bucket.wait() == 0.0
    assert bucket.take()
    assert bucket.wait() == pytest.approx(1 / 0.3)
    await clock.sleep(bucket.wait())
    assert bucket.wait() == 0.0
    assert bucket.take()


async def test_reservations_return_in_their_order_at_the_rate(clock: VirtualClock) -> None:
    bucket, returned = TokenBucket(clock, rate=1.0, burst=2), list[tuple[int, float]]()

    async def one(number: int) -> None:
        await bucket.reserve()
        returned.append((number, round(clock.monotonic(), 6)))

    await asyncio.gather(*(one(number) for number in range(5)))
    assert returned == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0)]


async def test_nothing_overtakes_a_reservation(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=1)
    assert bucket.take()
    reserved = asyncio.create_task(bucket.reserve())
    await asyncio.sleep(0)
    assert bucket.balance == pytest.approx(-1.0)
    await clock.sleep(0.5)
    assert not bucket.take()
    assert bucket.wait() == pytest.approx(1.5)
    await reserved
    assert not bucket.take()


async def test_a_cancelled_reservation_gives_its_token_back(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=1)
    assert bucket.take()
    reserved = asyncio.create_task(bucket.reserve())
    await asyncio.sleep(0)
    reserved.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reserved
    await clock.sleep(1.0)
    assert bucket.take()


async def test_a_token_given_back_can_be_taken_again_but_never_exceeds_the_burst(
    clock: VirtualClock,
) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=2)
    assert bucket.take()
    bucket.give_back()
    bucket.give_back()
    assert taken(bucket) == 2


async def test_a_pause_admits_and_refills_nothing(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=5)
    assert [bucket.take() for _ in range(3)] == [True] * 3
    bucket.pause(10.0)
    assert bucket.paused
    assert bucket.wait() == 10.0
    await clock.sleep(9.0)
    assert not bucket.take()
    await clock.sleep(1.0)
    assert not bucket.paused
    assert taken(bucket) == 2


async def test_what_was_refilled_before_a_pause_is_kept(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=5)
    assert taken(bucket) == 5
    await clock.sleep(3.0)
    bucket.pause(10.0)
    await clock.sleep(10.0)
    assert taken(bucket) == 3


async def test_of_two_pauses_the_longer_counts(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=1)
    bucket.pause(10.0)
    bucket.pause(2.0)
    assert bucket.wait() == 10.0
    bucket.pause(20.0)
    assert bucket.wait() == 20.0


async def test_draining_discards_tokens_and_leaves_reservations(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=2)
    bucket.drain()
    assert bucket.wait() == pytest.approx(1.0)
    reserved = asyncio.create_task(bucket.reserve())
    await asyncio.sleep(0)
    bucket.drain()
    assert bucket.balance == pytest.approx(-1.0)
    await reserved
    assert clock.monotonic() == pytest.approx(1.0)


async def test_another_limit_applies_from_now_on(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=10)
    assert taken(bucket) == 10
    await clock.sleep(4.0)
    bucket.change(rate=0.5, burst=2)
    assert bucket.balance == 2.0
    assert taken(bucket) == 2
    assert bucket.wait() == pytest.approx(2.0)


async def test_full_means_as_good_as_new(clock: VirtualClock) -> None:
    bucket = TokenBucket(clock, rate=1.0, burst=1)
    assert bucket.full
    bucket.pause(1.0)
    assert not bucket.full
    await clock.sleep(1.0)
    assert bucket.full
    assert bucket.take()
    assert not bucket.full


@given(
    rate=st.floats(0.05, 50.0),
    burst=st.integers(1, 20),
    steps=st.lists(st.tuples(st.floats(0.0, 10.0), st.booleans()), max_size=60),
)
def test_no_interval_admits_more_than_burst_and_rate_allow(
    rate: float, burst: int, steps: list[tuple[float, bool]]
) -> None:
    admitted: list[float] = []

    async def calls() -> None:
        clock = VirtualClock(start=0.0)
        bucket = TokenBucket(clock, rate, burst)
        for pause, reserves in steps:
            await clock.sleep(pause)
            if reserves:
                await bucket.reserve()
            elif not bucket.take():
                continue
            admitted.append(clock.monotonic())

    asyncio.run(calls())
    for first, begun in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - begun) + 1e-6


class ExactClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps")


async def test_a_wait_is_never_too_short_for_the_clock_to_move() -> None:
    clock = ExactClock()
    bucket = TokenBucket(clock, rate=40 / 60, burst=1)
    assert bucket.take()
    for step in range(2000):  # every remainder around the point at which a token counts as whole
        clock.now = 1000.0 + 1.5 - 1.5e-9 + (step - 1000) * math.ulp(1000.0)
        wait = bucket.wait()
        assert wait == 0.0 or clock.now + wait > clock.now
