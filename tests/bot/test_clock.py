"""Sleeping for a time or until an event, whichever comes first."""

import asyncio

import pytest

from bot.clock import SystemClock, sleep_unless
from tests.virtual_clock import VirtualClock


async def test_it_sleeps_for_as_long_as_nothing_happens() -> None:
    clock = VirtualClock(start=0.0)
    assert not await sleep_unless(clock, 5.0, asyncio.Event())
    assert clock.monotonic() == 5.0


async def test_an_event_ends_the_sleep() -> None:
    clock, event = VirtualClock(start=0.0), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        woken = tasks.create_task(sleep_unless(clock, 5.0, event))
        await clock.sleep(2.0)
        event.set()
    assert woken.result()
    assert clock.monotonic() == 2.0


async def test_there_is_nothing_to_wait_for() -> None:
    clock, event = VirtualClock(start=0.0), asyncio.Event()
    assert not await sleep_unless(clock, -1.0, event)
    event.set()
    assert await sleep_unless(clock, 5.0, event)
    assert clock.monotonic() == 0.0


async def test_cancelled_it_leaves_no_task_behind() -> None:
    clock = VirtualClock()
    sleeper = asyncio.create_task(sleep_unless(clock, 5.0, asyncio.Event()))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_system_clock_does_not_go_back() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(-1.0)
    assert clock.monotonic() >= before
