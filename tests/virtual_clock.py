"""A clock for tests: hours pass in no time, in the same order on each run."""

import asyncio
import heapq
import math
from itertools import count


class VirtualClock:
    """Time that stands still while any task of the loop can run, and then jumps to the earliest
    moment that somebody sleeps for. Works in any running asyncio loop, one clock at a time in each;
    needs no start or stop.

    What happens outside the loop (threads, sockets) takes no virtual time.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._watching = False

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        # However short the sleep, time passes, as it does on any real clock.
        moment = max(self._now + seconds, math.nextafter(self._now, math.inf))
        heapq.heappush(self._sleepers, (moment, next(self._order), woken))
        if not self._watching:
            self._watching = True
            loop.call_soon(self._watch, loop)
        await woken

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run as the loop's last callback of a round; advance when it was the only one."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            self._watching = False
            return
        if not getattr(loop, "_ready"):  # noqa: B009 - the loop's own queue; not in its type
            self._now, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)
        loop.call_soon(self._watch, loop)
