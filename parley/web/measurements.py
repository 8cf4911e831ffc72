"""The numbers of a running Parley since it started. They hold no text and nobody's name."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.observer import (
    AnswerEnded,
    CallKind,
    CallMade,
    CallRefused,
    Event,
    PlatformConnected,
    PlatformLost,
    QuestionAccepted,
    QuestionRefused,
    RateLimitPaused,
    ServersAnswer,
    ServersFailed,
    WorkerEnded,
    WorkerStarted,
)
from bot.ports import AnswerState

RECENT = 300.0
"""Seconds for which answers that failed tell something about the model now."""


class ModelState(StrEnum):
    """The state of the model's process, or of the servers that have the model."""

    NONE = "none"
    """Nothing was told yet."""
    UP = "up"
    UNREACHABLE = "unreachable"
    """No model server answers."""
    RESTARTING = "restarting"
    GIVEN_UP = "given up"
    """It ended several times in a row. The next question tries once more."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was counted since the start."""

    seconds: float
    """Since the start."""
    questions: int
    questions_refused: int
    answers: Mapping[AnswerState, int]
    """Answers that ended, by how."""
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens, those found in the KV cache."""
    completion_tokens: int
    thinking_tokens: int
    """Of the completion tokens, those of thoughts."""
    posts: int
    edits: int
    calls_refused: int
    pauses: int
    """Rate-limit pauses."""
    restarts: int
    """Of the model's process."""
    model_state: ModelState
    failures: int
    """Answers that failed in a row, the last one within `RECENT` seconds."""
    connected: Mapping[str, bool] = field(default_factory=dict)
    """Whether each configured platform is connected now."""
    further: Mapping[str, ModelState] = field(default_factory=dict)
    """The states of the servers of further models that were told, by name."""


class Recorder:
    """An `Observer` that counts."""

    def __init__(
        self, platforms: Iterable[str] = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._started = now()
        self._counts: Counter[str] = Counter()
        self._answers: Counter[AnswerState] = Counter()
        self._model = ModelState.NONE
        self._further: dict[str, ModelState] = {}
        self._failures = 0
        self._failed_at = self._started
        self._connected = dict.fromkeys(platforms, False)

    def observe(self, event: Event) -> None:
        match event:
            case QuestionAccepted():
                self._counts["questions"] += 1
            case QuestionRefused():
                self._counts["questions_refused"] += 1
            case AnswerEnded():
                self._answer(event)
            case CallMade(kind=kind):
                self._counts["posts" if kind is CallKind.POST else "edits"] += 1
            case CallRefused():
                self._counts["calls_refused"] += 1
            case RateLimitPaused():
                self._counts["pauses"] += 1
            case WorkerStarted(again=again):
                self._model = ModelState.UP
                self._counts["restarts"] += again
            case WorkerEnded(given_up=given_up):
                self._model = ModelState.GIVEN_UP if given_up else ModelState.RESTARTING
            case ServersFailed(model=name):
                self._set_model(name, ModelState.UNREACHABLE)
            case ServersAnswer(model=name):
                self._set_model(name, ModelState.UP)
            case PlatformConnected(platform=platform):
                self._connected[platform] = True
            case PlatformLost(platform=platform):
                self._connected[platform] = False

    def _set_model(self, name: str, state: ModelState) -> None:
        if name:
            self._further[name] = state
        else:
            self._model = state

    def _answer(self, ended: AnswerEnded) -> None:
        usage = ended.usage
        self._answers[ended.state] += 1
        self._counts["prompt_tokens"] += usage.prompt_tokens
        self._counts["cached_tokens"] += usage.cached_tokens
        self._counts["completion_tokens"] += usage.completion_tokens
        self._counts["thinking_tokens"] += usage.thinking_tokens
        if ended.further:  # its failures are no sign of the default model
            return
        if ended.state is AnswerState.FAILED:
            self._failures += 1
            self._failed_at = self._now()
        elif ended.state in (AnswerState.DONE, AnswerState.CUT):
            self._failures = 0

    def now(self) -> Measurements:
        """The numbers up to this moment."""
        counts, recent = self._counts, self._now() - self._failed_at < RECENT
        return Measurements(
            seconds=self._now() - self._started,
            questions=counts["questions"],
            questions_refused=counts["questions_refused"],
            answers=dict(self._answers),
            prompt_tokens=counts["prompt_tokens"],
            cached_tokens=counts["cached_tokens"],
            completion_tokens=counts["completion_tokens"],
            thinking_tokens=counts["thinking_tokens"],
            posts=counts["posts"],
            edits=counts["edits"],
            calls_refused=counts["calls_refused"],
            pauses=counts["pauses"],
            restarts=counts["restarts"],
            model_state=self._model,
            failures=self._failures if recent else 0,
            further=dict(self._further),
            connected=dict(self._connected),
        )
