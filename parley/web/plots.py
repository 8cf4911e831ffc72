"""The plots of the overview: their numbers, read once for several requests, and their pictures."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import find_spec

from bot.clock import Clock
from bot.measures import Measures
from parley.web.periods import Group, Period, Plot, plots
from parley.web.plain import inert

FRESH = 5.0
"""Seconds for which numbers and pictures are used again: a page asks for six pictures at once."""

CAN_DRAW = find_spec("pygal") is not None
"""Whether plots can be drawn; their numbers are shown in any case."""


@dataclass(slots=True)
class _Kept:
    plots: list[Plot]
    until: float
    drawn: dict[str, bytes] = field(default_factory=dict)


class Plots:
    """Plots of one Parley. One is read or drawn at a time, so that many requests cost no more than
    one processor."""

    def __init__(self, clock: Clock, now: Callable[[], datetime]) -> None:
        self._clock = clock
        self._now = now
        self._kept: dict[tuple[Period, Group], _Kept] = {}
        self._one_at_a_time = asyncio.Lock()

    async def of(self, store: Measures, period: Period, group: Group) -> list[Plot]:
        """The plots of the period until now. Raises StorageError."""
        async with self._one_at_a_time:
            return (await self._read(store, period, group)).plots

    async def picture(self, store: Measures, period: Period, group: Group, key: str) -> bytes:
        """The plot with that key as SVG; b"" where there is none. Raises StorageError. Needs
        `CAN_DRAW`."""
        async with self._one_at_a_time:
            kept = await self._read(store, period, group)
            wanted = [plot for plot in kept.plots if plot.key == key]
            if wanted and key not in kept.drawn:
                kept.drawn[key] = await asyncio.to_thread(_drawn, wanted[0])
            return kept.drawn.get(key, b"")

    async def _read(self, store: Measures, period: Period, group: Group) -> _Kept:
        kept = self._kept.get((period, group))
        if kept is None or self._clock.monotonic() >= kept.until:
            found = await plots(store, period, group, self._now())
            kept = _Kept(found, self._clock.monotonic() + FRESH)
            self._kept[period, group] = kept
        return kept


def _drawn(plot: Plot) -> bytes:
    from parley.web.drawing import svg  # pygal takes memory, which nobody else needs

    # Names of models come from files: characters that XML cannot hold must not be in them.
    lines = [replace(line, name=inert(line.name)) for line in plot.lines]
    return svg(replace(plot, lines=lines))
