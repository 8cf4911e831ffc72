"""Time as a dependency, so that code which waits can be tested in virtual time."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock and a sleep that agree with each other."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never decreases."""

    async def sleep(self, seconds: float) -> None:
        """Sleep. Where `seconds` is 0 or less, only yield to the event loop once."""


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


async def sleep_unless(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """Sleep until `event` is set, for `seconds` at most. Returns whether it is set.

    Cancelled, it leaves no task behind.
    """
    if event.is_set() or seconds <= 0:
        return event.is_set()
    waits = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return event.is_set()
