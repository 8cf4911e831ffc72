"""A virtual clock for tests: hours of sleep take no time, and the order is deterministic."""

import asyncio
import heapq
import math
from itertools import count


class VirtualClock:
    """A `bot.clock.Clock` whose time stands still while any task of the event loop can run, and
    then jumps to the earliest time for which a task sleeps. One clock at a time per event loop;
    needs no start or stop.

    Work outside the event loop (threads, sockets) takes no virtual time.
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
        # Any sleep advances the time, however short it is, as on a real clock.
        moment = max(self._now + seconds, math.nextafter(self._now, math.inf))
        heapq.heappush(self._sleepers, (moment, next(self._order), woken))
        if not self._watching:
            self._watching = True
            loop.call_soon(self._watch, loop)
        await woken

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs as the last callback of each iteration of the loop; advances the time where no other
        callback is ready."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        if not self._sleepers:
            self._watching = False
            return
        if not getattr(loop, "_ready"):  # noqa: B009 - the loop's own queue; not in its type
            self._now, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)
        loop.call_soon(self._watch, loop)
