"""How far the event loop is behind: the time by which a sleep takes longer than asked."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

INTERVAL = 0.25
"""Seconds between two samples."""
KEPT = 1200
"""Samples that `percentile` looks at: five minutes."""


class LoopLag:
    """Samples the lag of the event loop. The clock is monotonic, so that a change of the computer's
    time is no lag."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._samples: deque[float] = deque(maxlen=KEPT)
        self.on_sample: list[Callable[[float], None]] = []
        """Called with each sample, in seconds."""

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            begun = self._now()
            await asyncio.sleep(INTERVAL)
            self.add(max(0.0, self._now() - begun - INTERVAL))

    def add(self, seconds: float) -> None:
        """Take note of one sample."""
        self._samples.append(seconds)
        for tell in self.on_sample:
            tell(seconds)

    def percentile(self, share: float) -> float:
        """The lag, in seconds, that this share of the newest samples does not exceed; 0.0 before
        the first sample."""
        if not self._samples:
            return 0.0
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
