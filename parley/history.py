"""Keeps the history of the plots: what the core tells is counted, and saved every few seconds.

A crash loses what was counted since the last save, `SAVED_EVERY` seconds at most. A database that
fails is tried again with the next save.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from bot.clock import Clock
from bot.errors import StorageError
from bot.measures import Measure, Measures, Series, Step
from bot.observer import AnswerEnded, AnswerRated, Event, Observer, QuestionAccepted

logger = logging.getLogger(__name__)

SAVED_EVERY = 10.0
"""Seconds."""
JUMP = 1800.0
"""Seconds by which the clock of the computer moves otherwise than time, after which it is not
believed for `WARY` seconds."""
WARY = 86_400.0
MOST_WAITING = 2000
"""Measures that wait for a database that fails; of more, the oldest are lost."""

Now = Callable[[], datetime]


class History:
    """An `Observer` that turns events into measures, and passes every event on."""

    def __init__(
        self,
        store: Measures,
        now: Now,
        model: str,
        then: Observer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`model`: of events that name none. `then` is told every event, too."""
        self._store = store
        self._now = now
        self._then = then
        self.model = model
        """The model that questions and verdicts count for."""
        self._waiting: list[tuple[datetime, Measure]] = []
        self._trimmed: datetime | None = None
        self._steady = _Steady(now, monotonic)
        self.failing = False
        """Whether the last attempt to save it failed."""

    def observe(self, event: Event) -> None:
        if self._then is not None:
            self._then.observe(event)
        match event:
            case QuestionAccepted(platform=platform):
                self._count(Measure(Series.QUESTIONS, platform, self.model))
            case AnswerEnded():
                self.model = event.model
                self._ended(event)
            case AnswerRated(platform=platform, verdict=verdict) if verdict:
                series = Series.UP if verdict > 0 else Series.DOWN
                self._count(Measure(series, platform, self.model))

    def _ended(self, event: AnswerEnded) -> None:
        platform, model, usage = event.platform, event.model, event.usage
        self._count(Measure(Series(event.state.value), platform, model))
        if event.waited is not None:
            self._count(Measure.of(Series.QUEUE, platform, model, event.waited))
        if usage.completion_tokens:
            tokens = float(usage.completion_tokens)
            self._count(Measure(Series.TOKENS, platform, model, 1, tokens))
        if usage.first_token_seconds > 0:
            seconds = usage.first_token_seconds
            self._count(Measure.of(Series.FIRST_TOKEN, platform, model, seconds))
        if usage.tokens_per_second > 0:
            self._count(Measure.of(Series.SPEED, platform, model, usage.tokens_per_second))

    def _count(self, measure: Measure) -> None:
        self._waiting.append((Step.MINUTE.start(self._now()), measure))
        del self._waiting[:-MOST_WAITING]

    async def save(self) -> None:
        """Write what was counted; once an hour, delete what is too old. Raises StorageError; what
        could not be written waits."""
        while self._waiting:
            minute = self._waiting[0][0]
            first = [measure for at, measure in self._waiting if at == minute]
            later = [(at, measure) for at, measure in self._waiting if at != minute]
            self._waiting = later
            try:
                await self._store.add_measures(minute, joined(first))
            except StorageError:
                self._waiting = [(minute, measure) for measure in first] + self._waiting
                raise
        hour = Step.HOUR.start(self._now())
        if self._steady.now() and hour != self._trimmed:
            await self._store.trim_measures(self._now())
            self._trimmed = hour


class _Steady:
    """Whether the computer's clock can be believed: it did not jump ahead lately. Otherwise a clock
    that is wrong for an hour would delete the whole history as too old."""

    def __init__(self, now: Now, monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self._last = now(), monotonic()
        self._from = monotonic()

    def now(self) -> bool:
        """Looks at the clock; called regularly."""
        (before, then), (wall, at) = self._last, (self._now(), self._monotonic())
        self._last = wall, at
        jump = (wall - before).total_seconds() - (at - then)
        if abs(jump) > JUMP:
            logger.warning(
                "the computer's clock jumped by %.1f h; plots keep what is too old for a day",
                jump / 3600,
            )
            self._from = at + WARY
        return at >= self._from


def joined(measures: list[Measure]) -> list[Measure]:
    """The same with one measure for each bin."""
    sums: dict[tuple[Series, str, str, int], tuple[int, float]] = {}
    for one in measures:
        key = (one.series, one.platform, one.model, one.bin)
        count, total = sums.get(key, (0, 0.0))
        sums[key] = (count + one.count, total + one.total)
    return [
        Measure(series, platform, model, count, total, position)
        for (series, platform, model, position), (count, total) in sums.items()
    ]


@asynccontextmanager
async def saving(history: History, clock: Clock) -> AsyncIterator[None]:
    """Save `history` regularly while the body runs, and at its end."""
    task = asyncio.create_task(_save_regularly(history, clock))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await _save(history)


async def _save_regularly(history: History, clock: Clock) -> None:
    while True:
        await clock.sleep(SAVED_EVERY)
        await _save(history)


async def _save(history: History) -> None:
    """A failure costs plots at most: it is logged, and nothing else depends on it."""
    try:
        await history.save()
        history.failing = False
    except StorageError as error:
        if not history.failing:  # once, not every few seconds
            logger.warning("the history for plots cannot be saved for now: %s", error)
        history.failing = True
    except Exception:
        logger.exception("the history for plots cannot be saved, by a defect of Parley")
