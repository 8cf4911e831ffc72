"""Time, handed in, so that whatever paces itself can be tried in virtual time."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, and waiting for them."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; at once (but after every task that is ready) where `seconds` is not positive."""
        ...


class SystemClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


async def sleep_unless(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """Sleep until `event` is set, `seconds` at most; whether it is set."""
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
