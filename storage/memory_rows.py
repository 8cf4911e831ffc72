"""What the store in memory holds: conversations, their questions and their answers."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bot.measures import RecordedPrompt
from bot.messages import Question, Usage
from bot.ports import (
    AnswerState,
    ArchivedAnswer,
    ConversationSettings,
    Snapshot,
    StoredAnswer,
    StoredExchange,
)


@dataclass(slots=True)
class MemoryAnswer:
    id: int
    created_at: datetime
    charged_to: str | None
    state: AnswerState = AnswerState.QUEUED
    delivered: bool = False
    text: str = ""
    usage: Usage = field(default_factory=Usage)
    messages: dict[int, str] = field(default_factory=dict)
    settled: int = 0
    thought: str = ""
    ended: int | None = None
    """The moment at which it ended for the first time; None while it has not, and once its question
    has another text."""
    grown: int | None = None
    """The moment at which it ended after it was continued."""
    kept: int | None = None
    """How many characters the text had when it was continued last."""
    snapshot: Snapshot | None = None
    verdicts: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """People's ratings, and when they were given."""
    prompt: RecordedPrompt | None = None

    @property
    def unfinished(self) -> bool:
        return self.state.open or not self.delivered

    def text_at(self, at: int | None) -> str:
        """The text that the history has of it at a moment."""
        longer = self.grown is not None and at is not None and at < self.grown
        return self.text[: self.kept] if self.state.open or longer else self.text

    def archived(self, *, current: bool) -> ArchivedAnswer:
        return ArchivedAnswer(
            self.state,
            self.text,
            self.created_at,
            current,
            self.given,
            self.thought,
            self.prompt,
            self.usage.model,
        )

    @property
    def given(self) -> tuple[int, ...]:
        """The verdicts, in the order of the people's keys."""
        return tuple(self.verdicts[person][0] for person in sorted(self.verdicts))


@dataclass(slots=True)
class MemoryQuestion:
    id: int
    question: Question
    asked_at: datetime
    answers: list[MemoryAnswer]
    """Oldest first; the last is current."""
    position: int | None = None
    """Its place in the history; None while it has none."""

    def stored(self) -> StoredAnswer:
        answer = self.answers[-1]
        messages = tuple(answer.messages[index] for index in sorted(answer.messages))
        return StoredAnswer(
            answer.id,
            self.id,
            self.question,
            answer.state,
            answer.text,
            messages,
            answer.usage,
            answer.settled,
            answer.thought,
            self.position,
            answer.snapshot,
            answer.kept or 0,
        )

    def exchange(self, at: int | None) -> StoredExchange | None:
        """The exchange as the history has it at a moment, now for None; None where it has none."""
        ended = [
            answer
            for answer in self.answers
            if answer.ended is not None and (at is None or answer.ended <= at)
        ]
        if not ended or self.position is None or (at is not None and self.position > at):
            return None
        text = ended[-1].text_at(at)
        return StoredExchange(
            self.id, self.question, self.asked_at, ended[-1].id, text, self.position
        )


@dataclass(slots=True)
class MemoryConversation:
    questions: list[MemoryQuestion] = field(default_factory=list)
    """In the order of their ids."""
    hidden_to: int = 0
    """The id of the newest question that a reset hid; 0 for none."""
    reset_at: datetime | None = None
    settings: ConversationSettings = field(default_factory=ConversationSettings)
    moment: int = 0
    """How many ends of answers its history has seen."""

    def visible(self) -> Iterator[MemoryQuestion]:
        """Questions since the last reset, newest first."""
        first = bisect.bisect_right(self.questions, self.hidden_to, key=lambda asked: asked.id)
        for index in range(len(self.questions) - 1, first - 1, -1):
            yield self.questions[index]

    def history(self, before: int | None, at: int | None) -> Iterator[StoredExchange]:
        """The history since the last reset, the last position first."""
        placed = [(asked.position, asked) for asked in self.visible() if asked.position is not None]
        for position, asked in sorted(placed, key=lambda one: one[0], reverse=True):
            exchange = asked.exchange(at) if before is None or position < before else None
            if exchange is not None:
                yield exchange

    def place(self, asked: MemoryQuestion, answer: MemoryAnswer) -> None:
        """Put an answer that has ended into the history: at the place of its question, which gets
        the next one where it has none."""
        self.moment += 1
        asked.position = asked.position or self.moment
        if answer.ended is None:
            answer.ended = self.moment
        else:
            answer.grown = self.moment
