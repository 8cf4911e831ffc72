"""What is measured over time, and the reports that are made of what is stored.

`Measures` keeps the history of the plots in small buckets: counts and sums for each minute, hour
and day, by platform and model. They hold nothing of a person, a place or a text. `Reports` answers
who used how much, which answers people rated, and lets an operator page through what is stored.
Both are parts of `bot.ports.Store`, with its rules for times, errors and durability.
"""

import bisect
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Protocol

from bot.messages import ConversationKey, Prompt


class Step(IntEnum):
    """The length of a bucket in seconds. The values are stored and must not change."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86400

    def start(self, moment: datetime) -> datetime:
        """The beginning of the bucket that holds `moment`, in UTC."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        whole = int((moment - midnight).total_seconds()) // self * self
        return midnight + timedelta(seconds=whole)


KEPT = {
    Step.MINUTE: timedelta(hours=26),
    Step.HOUR: timedelta(days=40),
    Step.DAY: timedelta(days=750),
}
"""How long the buckets of each length are kept; `[storage] retention_days` shortens it."""

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the bins of durations. Bins are stored by their position and must not change."""
SPEEDS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 250.0)
"""The same for tokens a second."""


class Series(StrEnum):
    """What a bucket counts. The values are stored and must not change."""

    QUESTIONS = "questions"
    DONE = "done"
    CUT = "cut"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    FIRST_TOKEN = "first_token"  # noqa: S105
    """Seconds to the first token."""
    SPEED = "speed"
    """Tokens a second of one answer."""
    QUEUE = "queue"
    """Seconds between a question and the beginning of its answer."""
    TOKENS = "tokens"
    """Generated tokens; the total counts."""
    UP = "up"
    DOWN = "down"

    @property
    def bounds(self) -> tuple[float, ...]:
        """The upper bounds of its bins; () for a series that is only counted. Values above the last
        one are in one bin more."""
        if self in (Series.FIRST_TOKEN, Series.QUEUE):
            return SECONDS
        return SPEEDS if self is Series.SPEED else ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A count and a sum that are to be added to the buckets of one moment."""

    series: Series
    platform: str
    model: str
    count: int = 1
    total: float = 0.0
    bin: int = 0
    """The position in `Series.bounds` of the smallest bound that is not below the value."""

    @classmethod
    def of(cls, series: Series, platform: str, model: str, value: float) -> "Measure":
        """One value of a series with bins."""
        return cls(series, platform, model, 1, value, bisect.bisect_left(series.bounds, value))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was added to one bin of one bucket."""

    start: datetime
    measure: Measure


class Measures(Protocol):
    """The history of the plots."""

    async def add_measures(self, moment: datetime, measures: Sequence[Measure]) -> None:
        """Add these to the buckets that hold `moment`, of every length."""
        ...

    async def buckets(
        self,
        step: Step,
        since: datetime,
        *,
        series: Collection[Series] = tuple(Series),
        platforms: bool = True,
        models: bool = True,
    ) -> list[Bucket]:
        """What is in the buckets of this length that begin at `since` or later, oldest first. With
        ``platforms=False`` or ``models=False`` their sum, whose platform or model is ""."""
        ...

    async def trim_measures(self, now: datetime) -> None:
        """Delete buckets that are older than `KEPT` says."""
        ...


# ---------------------------------------------------------------- reports


class By(StrEnum):
    """What use is summed up by."""

    DAY = "day"
    PLACE = "place"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Use:
    """What was used on one day, in one place or by one person.

    Answers count for the person whose quota was charged, verdicts for the person who gave them.
    Answers whose person's data was deleted do not count any more.
    """

    of: str
    """The day as ISO 8601 (UTC), the conversation's key or the person's key."""
    name: str = ""
    """The name of a person, as of their newest question; "" where none is stored."""
    answers: int = 0
    """Answers that ended, those that failed included."""
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timed: int = 0
    """Answers whose times are known."""
    first_token_seconds: float = 0.0
    """The sum over the timed answers."""
    generating_seconds: float = 0.0
    """The sum of the seconds between first and last token."""
    up: int = 0
    down: int = 0

    @property
    def first_token(self) -> float:
        """The mean time to the first token in seconds; 0.0 where none is known."""
        return self.first_token_seconds / self.timed if self.timed else 0.0

    @property
    def speed(self) -> float:
        """The mean of tokens a second, while tokens came; 0.0 where it is not known."""
        if self.generating_seconds <= 0:
            return 0.0
        return max(0, self.completion_tokens - self.timed) / self.generating_seconds


@dataclass(frozen=True, slots=True)
class RecordedPrompt:
    """The messages that a model got for an answer."""

    prompt: Prompt
    questions: tuple[int, ...]
    """The ids of all questions in it, its own included: with any of them the record is deleted."""
    exact: bool = True
    """False where it was packed again for the record, because Parley was started anew since: the
    settings of the conversation may have changed meanwhile. And where it lacks what people said
    around the question, which is not stored."""


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer with one person's verdict."""

    answer_id: int
    conversation: ConversationKey
    asked_by: str
    """The name of whoever asked."""
    question: str
    answer: str
    verdict: int
    """+1 or -1."""
    rated_at: datetime
    prompt: RecordedPrompt | None = None
    """Kept for verdicts of -1."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One conversation in a list with pages."""

    conversation: ConversationKey
    exchanges: int
    """Not counted beyond `COUNTED`."""
    last_at: datetime
    newest: int
    """The id of its newest question; the next page of the list comes `before` it."""


COUNTED = 10_000
"""Exchanges of one conversation that a list counts: the cost of a page must not grow with it."""


@dataclass(frozen=True, slots=True)
class ReadExchange:
    """A question with its current answer, as an operator reads it."""

    question_id: int
    conversation: ConversationKey
    person: str
    """`Person.key`."""
    name: str
    asked_at: datetime
    question: str
    state: str
    """An `AnswerState`."""
    answer: str
    hidden: bool
    """A reset hid it from the model."""
    verdicts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, newest first."""

    exchanges: list[ReadExchange] = field(default_factory=list)
    older: int | None = None
    """Where the search is to be continued (`before`); None where everything was looked at."""
    back_to: datetime | None = None
    """When the oldest question was asked that was looked at; None where everything was."""


class Reports(Protocol):
    """Reading what is stored, for an operator. The cost of a call depends on what it returns, or on
    the limits that it names, and not on how much is stored."""

    async def use(
        self,
        by: By,
        since: date,
        *,
        within: ConversationKey | None = None,
        limit: int = 100,
    ) -> list[Use]:
        """Up to `limit` sums of the days from `since` on: the newest day first, or the place or
        person with the most answers. `within`: only a conversation, with its threads where it is a
        channel."""
        ...

    async def rated(
        self, verdict: int, *, before: datetime | None = None, limit: int = 50
    ) -> list[RatedAnswer]:
        """Up to `limit` answers with this verdict (+1, -1, or 0 for both), the newest verdict
        first; with `before`, only those that were given earlier."""
        ...

    async def listed(self, *, before: int | None = None, limit: int = 50) -> list[Listed]:
        """Up to `limit` conversations, the most recently used first. The cost depends on the number
        of conversations."""
        ...

    async def read(
        self, conversation: ConversationKey, *, before: int | None = None, limit: int = 50
    ) -> list[ReadExchange]:
        """Up to `limit` exchanges of a conversation, newest first, those that a reset hid
        included; with `before`, only those whose question id is smaller."""
        ...

    async def search(
        self, text: str, *, before: int | None = None, examined: int = 20_000, limit: int = 50
    ) -> Found:
        """Exchanges whose question, answer or author's name contains `text`, whatever its case
        (of other letters than a to z, as the database does it). Looks at the newest `examined`
        questions (with `before`, at those with a smaller id) and returns up to `limit`."""
        ...
