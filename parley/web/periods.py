"""What the plots show, as numbers: buckets of a period added up to points."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.measures import Bucket, Measure, Measures, Series, Step


class Period(StrEnum):
    """How far back a plot reaches."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def step(self) -> Step:
        """The length of one of its points."""
        return {Period.HOUR: Step.MINUTE, Period.DAY: Step.HOUR, Period.MONTH: Step.DAY}[self]

    @property
    def points(self) -> int:
        """How many points it has."""
        return {Period.HOUR: 60, Period.DAY: 24, Period.MONTH: 30}[self]

    def starts(self, now: datetime) -> list[datetime]:
        """When its points begin, oldest first; the last one is the one that is not over yet."""
        length = timedelta(seconds=int(self.step))
        last = self.step.start(now)
        return [last - length * back for back in reversed(range(self.points))]

    def label(self, start: datetime) -> str:
        """The time of a point, in UTC."""
        return f"{start:%d %b}" if self is Period.MONTH else f"{start:%H:%M}"


class Group(StrEnum):
    """What a plot tells apart."""

    NOTHING = ""
    PLATFORM = "platform"
    MODEL = "model"

    def of(self, measure: Measure) -> str:
        """The group that a measure belongs to."""
        if self is Group.PLATFORM:
            return measure.platform.capitalize()
        return measure.model if self is Group.MODEL else ""


Point = float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot, or the bars of one colour."""

    name: str
    points: Sequence[Point]
    """One for each start; None where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot's numbers."""

    key: str
    title: str
    unit: str
    bars: bool
    """Whether it counts, so that bars show it; else it measures, and lines do."""
    labels: Sequence[str]
    lines: Sequence[Line] = ()

    @property
    def empty(self) -> bool:
        """Whether it has nothing to show."""
        return not any(point for line in self.lines for point in line.points)

    @property
    def rows(self) -> list[tuple[str, list[Point]]]:
        """The points with their times, for a table; only those that tell something."""
        columns = zip(*(line.points for line in self.lines), strict=True)
        rows = zip(self.labels, map(list, columns), strict=False)
        return [row for row in rows if any(point for point in row[1])]


def _count(measures: Iterable[Measure]) -> Point:
    return float(sum(one.count for one in measures))


def quantile(measures: Iterable[Measure], share: float) -> Point:
    """The value below which `share` of what was measured lies, from the bins, between whose bounds
    values are taken to be spread evenly; None where nothing was measured."""
    counts: dict[int, int] = defaultdict(int)
    series = None
    for one in measures:
        counts[one.bin] += one.count
        series = one.series
    if series is None:
        return None
    bounds = series.bounds
    wanted, below = share * sum(counts.values()), 0
    for position in sorted(counts):
        inside = counts[position]
        if below + inside >= wanted:
            low = bounds[position - 1] if position else 0.0
            high = bounds[position] if position < len(bounds) else bounds[-1] * 2
            return low + (high - low) * (wanted - below) / inside
        below += inside
    return None


def _median(measures: Iterable[Measure]) -> Point:
    return quantile(measures, 0.5)


def _most(measures: Iterable[Measure]) -> Point:
    return quantile(measures, 0.95)


Summary = Callable[[Iterable[Measure]], Point]


@dataclass(frozen=True, slots=True)
class _Kind:
    key: str
    title: str
    unit: str
    parts: tuple[tuple[str, Series, Summary], ...]
    """What it shows where it tells nothing else apart: names, series, and what becomes of them."""

    @property
    def bars(self) -> bool:
        return self.parts[0][2] is _count


KINDS = (
    _Kind("questions", "Questions", "", (("Questions", Series.QUESTIONS, _count),)),
    _Kind(
        "first-token",
        "Time to first token",
        "seconds",
        (("Median", Series.FIRST_TOKEN, _median), ("95 of 100 below", Series.FIRST_TOKEN, _most)),
    ),
    _Kind("speed", "Speed", "tokens a second", (("Median", Series.SPEED, _median),)),
    _Kind(
        "queue",
        "Wait in the queue",
        "seconds",
        (("Median", Series.QUEUE, _median), ("95 of 100 below", Series.QUEUE, _most)),
    ),
    _Kind(
        "failures",
        "Answers that did not end well",
        "",
        (
            ("Failed", Series.FAILED, _count),
            ("Interrupted", Series.INTERRUPTED, _count),
            ("Stopped", Series.STOPPED, _count),
        ),
    ),
    _Kind(
        "verdicts",
        "Verdicts",
        "",
        (("Good", Series.UP, _count), ("Bad", Series.DOWN, _count)),
    ),
)


async def plots(store: Measures, period: Period, group: Group, now: datetime) -> list[Plot]:
    """The plots of the period until `now`."""
    starts = period.starts(now)
    buckets = await store.buckets(
        period.step,
        starts[0],
        series={series for kind in KINDS for _, series, _ in kind.parts},
        platforms=group is Group.PLATFORM,
        models=group is Group.MODEL,
    )
    return await asyncio.to_thread(_plots, buckets, period, group, starts)


def _plots(
    buckets: Iterable[Bucket], period: Period, group: Group, starts: Sequence[datetime]
) -> list[Plot]:
    sorted_out: _Sorted = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for bucket in buckets:
        one = bucket.measure
        sorted_out[one.series][group.of(one)][bucket.start].append(one)
    return [_plot(kind, sorted_out, period, group, starts) for kind in KINDS]


_At = dict[datetime, list[Measure]]
_Sorted = dict[Series, dict[str, _At]]
"""The measures by series, group and beginning of the bucket."""


def _plot(
    kind: _Kind, measures: _Sorted, period: Period, group: Group, starts: Sequence[datetime]
) -> Plot:
    lines = []
    parts = kind.parts if group is Group.NOTHING or kind.bars else kind.parts[:1]
    for name, series, summary in parts:
        for one, at in sorted(measures[series].items()) or [("", {})]:
            points = [summary(at.get(start, ())) for start in starts]
            lines.append(Line(_name(name, one, parts), points))
    labels = [period.label(start) for start in starts]
    return Plot(kind.key, kind.title, kind.unit, kind.bars, labels, lines)


def _name(part: str, group: str, parts: Sequence[object]) -> str:
    if not group:
        return part
    return f"{part}, {group}" if len(parts) > 1 else group
