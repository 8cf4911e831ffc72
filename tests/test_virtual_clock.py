"""The clock of the tests can itself be relied upon."""

import asyncio

from tests.virtual_clock import VirtualClock


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock, woken = VirtualClock(start=0.0), list[tuple[str, float]]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        for name, seconds in (("late", 3600.0), ("early", 1.0), ("same", 1.0)):
            tasks.create_task(sleeper(name, seconds))
    assert woken == [("early", 1.0), ("same", 1.0), ("late", 3600.0)]


async def test_time_stands_still_while_somebody_can_run() -> None:
    clock = VirtualClock(start=0.0)
    sleeper = asyncio.create_task(clock.sleep(1.0))
    for _ in range(100):
        await asyncio.sleep(0)
        assert clock.monotonic() == 0.0
    await sleeper
    assert clock.monotonic() == 1.0


async def test_nobody_waits_for_a_sleep_that_was_cancelled() -> None:
    clock = VirtualClock(start=0.0)
    cancelled = asyncio.create_task(clock.sleep(5.0))
    await asyncio.sleep(0)
    cancelled.cancel()
    await clock.sleep(10.0)
    assert clock.monotonic() == 10.0


async def test_time_passes_however_short_the_sleep() -> None:
    clock = VirtualClock(start=1e9)
    await clock.sleep(1e-12)
    assert clock.monotonic() > 1e9
