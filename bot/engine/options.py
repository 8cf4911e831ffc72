"""What the configuration says to the engine, and what the engine says about itself."""

from dataclasses import dataclass, field

from bot.engine.window import WindowOptions
from bot.messages import ModelInfo
from bot.ports import Quota


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the configuration says to the engine."""

    window: WindowOptions
    slots: int
    """Answers that are generated at the same time."""
    queue: int
    """Questions that may wait."""
    queue_per_person: int
    """Questions of one person that may wait or be answered."""
    quota: Quota
    question_characters: int
    """The longest question."""
    delete_with_question: bool = field(default=False, kw_only=True)
    """Delete the messages that show an answer when its question is deleted; else they only lose
    their buttons."""
    parallel: int = field(default=8, kw_only=True)
    """People of one conversation who are answered at the same time, within `slots`."""
    checkpoint_interval: float
    """Seconds between two checkpoints of an unfinished answer's text."""


@dataclass(frozen=True, slots=True)
class FurtherStatus:
    """One of the further models."""

    name: str
    """That of ``[models.NAME]``."""
    model: ModelInfo | None
    """None as long as its servers never answered."""
    up: bool
    """Whether its servers answered when they were last asked."""
    writing: int
    slots: int
    """Answers that it may generate at the same time."""


@dataclass(frozen=True, slots=True)
class Status:
    """What Parley is doing now."""

    model: ModelInfo
    writing: int
    """Answers that are being generated."""
    waiting: int
    """Questions in the queue."""
    tokens_per_second: float
    """Decoding speed of the answer that ended last; 0.0 before the first."""
    generated: int = 0
    """Tokens that were generated since the start, those of thoughts included."""
    thinking: int = 0
    """How many of them were thought."""
    further: tuple[FurtherStatus, ...] = ()
    """The further models."""
