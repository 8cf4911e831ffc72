import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call_window import CallWindow
from tests.virtual_clock import VirtualClock


async def taken(window: CallWindow, clock: VirtualClock, seconds: float) -> list[float]:
    """The moments at which calls are admitted, to whoever always wants one."""
    begun, moments = clock.monotonic(), list[float]()
    while clock.monotonic() - begun < seconds:
        if window.take():
            moments.append(clock.monotonic() - begun)
        else:
            await clock.sleep(window.wait())
    return moments


async def test_the_whole_limit_is_used_at_once_and_again_when_the_window_has_passed() -> None:
    clock = VirtualClock()
    moments = await taken(CallWindow(clock, 5, 60.0), clock, 150.0)
    assert moments == pytest.approx([0.0] * 5 + [60.0] * 5 + [120.0] * 5)


async def test_a_call_that_was_not_made_does_not_count() -> None:
    window = CallWindow(VirtualClock(), 1, 60.0)
    assert window.take()
    window.give_back()
    assert window.take()
    assert not window.take()


async def test_reserved_calls_come_in_their_order_and_nobody_overtakes_them() -> None:
    clock = VirtualClock()
    window = CallWindow(clock, 2, 60.0)
    served = list[tuple[int, float]]()

    async def call(number: int) -> None:
        await window.reserve()
        served.append((number, clock.monotonic() - 1000.0))

    async with asyncio.TaskGroup() as tasks:
        for number in range(4):
            tasks.create_task(call(number))
        await asyncio.sleep(0)
        assert not window.take()
        assert window.balance == -2.0
    assert served == [(0, 0.0), (1, 0.0), (2, 60.0), (3, 60.0)]


async def test_a_cancelled_reservation_leaves_its_place() -> None:
    clock = VirtualClock()
    window = CallWindow(clock, 1, 60.0)
    assert window.take()
    waiting = asyncio.ensure_future(window.reserve())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert window.wait() == pytest.approx(60.0)


async def test_after_a_refusal_calls_are_admitted_one_by_one() -> None:
    clock = VirtualClock()
    window = CallWindow(clock, 6, 60.0)
    window.pause(30.0)
    window.drain()
    moments = await taken(window, clock, 65.0)
    assert moments == pytest.approx([40.0, 50.0, 60.0])


async def test_a_window_without_calls_is_as_good_as_new() -> None:
    clock = VirtualClock()
    window = CallWindow(clock, 2, 60.0)
    assert window.full
    window.take()
    assert not window.full
    await clock.sleep(60.0)
    assert window.full


async def test_another_limit_holds_from_now_on() -> None:
    window = CallWindow(VirtualClock(), 5, 60.0)
    for _ in range(3):
        window.take()
    window.change(3)
    assert not window.take()


async def test_evenly_spaced_calls_use_the_limit_to_the_full() -> None:
    clock = VirtualClock()
    window = CallWindow(clock, 50, 60.0)
    for _ in range(200):
        assert window.spacing(0) == pytest.approx(1.2)
        await clock.sleep(window.spacing(0))
        assert window.take()


@given(
    gaps=st.lists(st.floats(0.0, 30.0), max_size=40),
    most=st.integers(2, 20),
    reserve=st.integers(0, 1),
)
def test_whatever_came_before_even_calls_are_never_held_up(
    gaps: list[float], most: int, reserve: int
) -> None:
    async def run() -> None:
        clock = VirtualClock()
        window = CallWindow(clock, most, 60.0)
        for gap in gaps:
            await clock.sleep(gap)
            window.take()
        interval, begun = window.spacing(reserve), clock.monotonic()
        for number in range(1, int(60.0 / interval) + 1):
            await clock.sleep(begun + number * interval + 1e-6 - clock.monotonic())
            assert window.take()

    asyncio.run(run())
