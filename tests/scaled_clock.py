"""An accelerated clock for tests that use sockets."""

import asyncio
import time


class ScaledClock:
    """A `bot.clock.Clock` that runs `factor` times as fast as real time. A server and its client
    must share it, so that both see the same time."""

    def __init__(self, factor: float = 60.0) -> None:
        self.factor = factor

    def monotonic(self) -> float:
        return time.monotonic() * self.factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.factor)
