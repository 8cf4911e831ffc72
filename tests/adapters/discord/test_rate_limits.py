"""Rate limits are known from headers, and no request is made that would be refused."""

import pytest

from adapters.discord.rate_limits import MARGIN, Buckets
from bot.errors import SurfaceBusy
from tests.virtual_clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start=100.0)


def headers(limit: int, remaining: int, reset_after: float, name: str = "h") -> dict[str, str]:
    return {
        "X-RateLimit-Bucket": name,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset-After": str(reset_after),
    }


def may(buckets: Buckets, route: str = "PATCH", channel: str = "c") -> bool:
    try:
        with buckets.request(route, channel):
            return True
    except SurfaceBusy:
        return False


async def test_what_is_unknown_is_allowed(clock: VirtualClock) -> None:
    assert may(Buckets(clock))


async def test_an_empty_bucket_refuses_until_its_window_ends(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    begun = clock.monotonic()
    await clock.sleep(0.3)  # the answer's way
    buckets.learn("PATCH", "c", headers(5, 0, 4.0), begun)
    with pytest.raises(SurfaceBusy) as caught, buckets.request("PATCH", "c"):
        pass
    assert caught.value.foreseen
    assert caught.value.retry_after == pytest.approx(4.0 + MARGIN - 0.3)
    await clock.sleep(3.7 + MARGIN)
    assert may(buckets)


async def test_requests_under_way_count(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    buckets.learn("PATCH", "c", headers(5, 2, 4.0), clock.monotonic())
    with buckets.request("PATCH", "c"), buckets.request("PATCH", "c"):
        assert not may(buckets)
    assert may(buckets)


async def test_channels_and_routes_have_buckets_of_their_own(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    buckets.learn("PATCH", "c", headers(5, 0, 4.0, "edits"), clock.monotonic())
    assert may(buckets, "POST", "c")
    assert may(buckets, "PATCH", "d")


async def test_routes_with_one_hash_share_a_bucket(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    buckets.learn("POST", "c", headers(5, 4, 4.0, "one"), clock.monotonic())
    buckets.learn("PATCH", "c", headers(5, 0, 4.0, "one"), clock.monotonic())
    assert not may(buckets, "POST", "c")


async def test_a_refusal_empties_the_bucket_even_without_headers(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    buckets.pause("PATCH", "c", 3.0, everywhere=False)
    assert not may(buckets)
    assert may(buckets, "POST", "c")
    await clock.sleep(3.0)
    assert may(buckets)


async def test_a_global_limit_counts_for_every_route_and_channel(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    buckets.pause("PATCH", "c", 3.0, everywhere=True)
    assert not may(buckets, "POST", "d")
    await clock.sleep(3.0)
    assert may(buckets, "POST", "d")


async def test_the_rate_is_learned_from_the_first_request_of_a_window(clock: VirtualClock) -> None:
    buckets = Buckets(clock)
    assert buckets.rate("PATCH") is None
    buckets.learn("PATCH", "c", headers(5, 2, 1.0), clock.monotonic())
    assert buckets.rate("PATCH") is None  # the window had begun before
    buckets.learn("PATCH", "c", headers(5, 4, 5.0), clock.monotonic())
    assert buckets.rate("PATCH") == pytest.approx(1.0)


@pytest.mark.parametrize("broken", [{}, {"X-RateLimit-Limit": "many"}])
async def test_odd_headers_change_nothing(clock: VirtualClock, broken: dict[str, str]) -> None:
    buckets = Buckets(clock)
    buckets.learn("PATCH", "c", broken, clock.monotonic())
    assert may(buckets)
