"""A clock for tests that talk over sockets: real time, only faster."""

import asyncio
import time


class ScaledClock:
    """Time that runs `factor` times as fast as the wall's. A server and its client that share it
    see the same minutes pass, and what a request takes passes for both."""

    def __init__(self, factor: float = 60.0) -> None:
        self.factor = factor

    def monotonic(self) -> float:
        return time.monotonic() * self.factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.factor)
