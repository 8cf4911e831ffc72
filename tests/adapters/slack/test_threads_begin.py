"""Waiting for a thread's first message."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Gateway
from adapters.slack.rate_limits import Tiers
from adapters.slack.threads import Threads
from tests.virtual_clock import VirtualClock


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def threads(clock: VirtualClock) -> AsyncIterator[Threads]:
    async with aiohttp.ClientSession() as session:
        gateway = Gateway(AsyncWebClient(session=session), session, clock)
        yield Threads(gateway, Tiers(clock), frozenset({"UBOT"}))


async def test_the_first_message_ends_the_waiting_for_its_own_thread_alone(
    threads: Threads, clock: VirtualClock
) -> None:
    ended: list[str] = []

    async def wait(thread: str) -> None:
        await threads.begins("C1", thread, clock, 60.0)
        ended.append(f"{thread} at {clock.monotonic():g}")

    async with asyncio.TaskGroup() as tasks:
        for thread in ("1.0", "2.0", "2.0"):
            tasks.create_task(wait(thread))
        tasks.create_task(_replies(threads, clock))
    assert ended == ["2.0 at 1010", "2.0 at 1010", "1.0 at 1060"]
    await threads.begins("C1", "2.0", clock, 60.0)
    assert clock.monotonic() == 1060.0, "it has begun"


async def _replies(threads: Threads, clock: VirtualClock) -> None:
    await clock.sleep(10.0)
    threads.replied("C1", "2.0", "UBOT")
