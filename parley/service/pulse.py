"""The signs of life of `parley run`: for systemd's watchdog, and for `parley health`."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from bot.clock import Clock
from parley.locks import StatusFiles
from parley.service.notify import Notifier
from parley.service.readiness import Readiness

INTERVAL = 10.0
"""Seconds between two signs of life, unless the watchdog wants them sooner."""
STARTING = 6 * INTERVAL
"""Seconds by which each sign of life extends the limit for starting and stopping."""


class Pulse:
    """Gives signs of life from a task on the event loop, so that they end when the loop is blocked.

    Until `readiness` is reached each sign extends systemd's limit for the start: loading and
    converting a large model takes many minutes, and a platform that cannot be reached is no reason
    to be killed.
    """

    def __init__(
        self, notifier: Notifier, files: StatusFiles, readiness: Readiness, clock: Clock
    ) -> None:
        self._notifier = notifier
        self._files = files
        self._readiness = readiness
        self._clock = clock

    async def beat(self) -> None:
        """Give signs of life until cancelled; then tell systemd that the end has begun."""
        watchdog = self._notifier.watchdog
        interval = min(INTERVAL, watchdog / 2) if watchdog else INTERVAL
        try:
            while True:
                self._notifier.alive()
                if not self._readiness.ready:
                    self._notifier.extend(STARTING)
                await asyncio.to_thread(self._files.beat)
                await self._clock.sleep(interval)
        finally:
            self._notifier.stopping()
            self._notifier.status("Stopping: unfinished answers are saved")

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` while this beats, and end both together. Raises what `work` raises."""
        tasks = [asyncio.create_task(work), asyncio.create_task(self.beat(), name="pulse")]
        try:
            await asyncio.wait(tasks[:1])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        tasks[0].result()
