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
    verdicts: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """People's ratings, and when they were given."""
    prompt: RecordedPrompt | None = None

    @property
    def unfinished(self) -> bool:
        return self.state.open or not self.delivered

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
        )

    def exchange(self) -> StoredExchange:
        answer = self.answers[-1]
        return StoredExchange(
            self.id, self.question, self.asked_at, answer.id, answer.text, answer.state
        )


@dataclass(slots=True)
class MemoryConversation:
    questions: list[MemoryQuestion] = field(default_factory=list)
    """In the order of their ids."""
    hidden_to: int = 0
    """The id of the newest question that a reset hid; 0 for none."""
    settings: ConversationSettings = field(default_factory=ConversationSettings)

    def position(self, after: int) -> int:
        """The index of the first question with an id greater than `after`."""
        return bisect.bisect_right(self.questions, after, key=lambda asked: asked.id)

    def visible(self, before: int | None = None) -> Iterator[MemoryQuestion]:
        """Questions since the last reset, newest first; with `before`, those with a smaller id."""
        last = len(self.questions) if before is None else self.position(before - 1)
        for index in range(last - 1, self.position(self.hidden_to) - 1, -1):
            yield self.questions[index]
