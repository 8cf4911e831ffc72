"""What happens while Parley answers, told to whoever counts and times it (metrics, health).

The core tells an `Observer` each `Event`; it knows nothing of what becomes of it. Events hold no
text, and no id or name of a person or place.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.messages import Usage
from bot.ports import AnswerState


class CallKind(StrEnum):
    """What a call to a platform does."""

    POST = "post"
    """Posts a new message."""
    EDIT = "edit"
    """Changes or deletes one that is there."""


@dataclass(frozen=True, slots=True)
class QuestionAccepted:
    """A question was recorded and waits for its answer."""

    platform: str


@dataclass(frozen=True, slots=True)
class QuestionRefused:
    """A question was refused, with nothing recorded."""

    platform: str
    reason: str
    """The name of the `bot.errors.Refusal`: "Busy", "OverQuota", "TooLong" …"""


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """An answer ended in this run of Parley; its end may not be shown yet. An answer that is
    interrupted by the end of the program is not told: the next run continues it."""

    answer_id: int
    platform: str
    model: str
    state: AnswerState
    usage: Usage
    waited: float | None
    """Seconds in the queue; None where it never left the queue."""
    window: int
    """The context window that the prompt was packed for, in tokens; 0 where none was packed."""
    further: bool = False
    """Whether `model` is one of ``[models.NAME]``, not the default one."""


@dataclass(frozen=True, slots=True)
class AnswerRated:
    """A person gave a verdict on an answer."""

    platform: str
    verdict: int
    """+1 or -1; 0 takes an earlier one back."""


@dataclass(frozen=True, slots=True)
class CallMade:
    """A platform accepted a call that shows an answer."""

    platform: str
    kind: CallKind


@dataclass(frozen=True, slots=True)
class CallRefused:
    """A platform refused such a call, or could not be reached."""

    platform: str
    kind: CallKind
    busy: bool
    """Whether it asked to try again later (a rate limit, a failed connection)."""


@dataclass(frozen=True, slots=True)
class RateLimitPaused:
    """No call that draws on one rate limit is made for some time: the platform asked for that, or
    said beforehand that the limit is used up."""

    platform: str
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """The model's process is ready."""

    again: bool
    """Whether another one ran before: this is a restart."""


@dataclass(frozen=True, slots=True)
class WorkerEnded:
    """The model's process ended unexpectedly, or could not be started again."""

    given_up: bool
    """Whether it is not started again by itself; the next question tries once more."""


@dataclass(frozen=True, slots=True)
class ServersFailed:
    """None of the model servers answers any more."""

    model: str = ""
    """Which of ``[models.NAME]`` they serve; "" for the default model."""


@dataclass(frozen=True, slots=True)
class ServersAnswer:
    """At least one of the model servers answers again."""

    model: str = ""
    """As in `ServersFailed`."""


@dataclass(frozen=True, slots=True)
class PlatformConnected:
    """The connection to a platform stands, at first or again."""

    platform: str


@dataclass(frozen=True, slots=True)
class PlatformLost:
    """The connection to a platform is lost; it is being made again."""

    platform: str


Event = (
    QuestionAccepted
    | QuestionRefused
    | AnswerEnded
    | AnswerRated
    | CallMade
    | CallRefused
    | RateLimitPaused
    | WorkerStarted
    | WorkerEnded
    | ServersFailed
    | ServersAnswer
    | PlatformConnected
    | PlatformLost
)


class Observer(Protocol):
    """Is told what happens, on the event loop."""

    def observe(self, event: Event) -> None:
        """Take note of `event`. Neither blocks nor raises."""


class NoObserver:
    """Nobody watches."""

    def observe(self, event: Event) -> None:
        """Does nothing."""
