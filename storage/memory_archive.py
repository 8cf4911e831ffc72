"""Listing, reading and deleting what the store in memory holds."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from bot.messages import ConversationKey
from bot.ports import ArchivedExchange, ConversationSummary
from storage.memory_origins import MemoryOrigins
from storage.memory_rows import MemoryQuestion
from storage.memory_summaries import MemorySummaries
from storage.rules import Now


class MemoryArchive(MemoryOrigins, MemorySummaries):
    """`bot.ports.Archive`; a base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        super().__init__(now)
        self._asked: dict[int, MemoryQuestion] = {}
        """Questions by the id of each of their answers."""

    async def conversations(self) -> list[ConversationSummary]:
        found = [(key, kept.questions) for key, kept in self._conversations.items()]
        held = [(key, asked) for key, asked in found if asked]
        held.sort(key=lambda one: (max(q.asked_at for q in one[1]), one[1][-1].id), reverse=True)
        return [
            ConversationSummary(
                key, len(asked), min(q.asked_at for q in asked), max(q.asked_at for q in asked)
            )
            for key, asked in held
        ]

    async def archived(self, conversation: ConversationKey) -> AsyncIterator[ArchivedExchange]:
        kept = self._of(conversation)
        for asked in list(kept.questions):
            *old, current = asked.answers
            answers = [answer.archived(current=False) for answer in old]
            answers.append(current.archived(current=True))
            forgotten = asked.id <= kept.hidden_to
            yield ArchivedExchange(asked.question, asked.asked_at, forgotten, tuple(answers))

    async def forget(
        self, *, conversation: ConversationKey | None = None, person: str | None = None
    ) -> int:
        if (conversation is None) == (person is None):
            raise ValueError("forget takes either a conversation or a person")
        if conversation is not None:
            gone = self._drop(lambda asked: asked.question.conversation == conversation)
            self._conversations.pop(conversation, None)
            self._drop_use(lambda _, where, __: where == conversation)
            self._drop_summaries(lambda one: one.conversation == conversation)
            return gone
        assert person is not None
        self._spent.pop(person, None)
        self._drop_use(lambda _, __, who: who == person)
        self._drop_summaries(lambda one: one.person.key == person)
        for answer in [answer for asked in self._all() for answer in asked.answers]:
            answer.verdicts.pop(person, None)
            answer.charged_to = None if answer.charged_to == person else answer.charged_to
        return self._drop(lambda asked: asked.question.author.key == person)

    async def purge(self, before: datetime) -> int:
        if before.tzinfo is None:
            raise ValueError("purge needs a time with a timezone")
        self._drop_use(lambda day, _, __: day < before.date())
        self._drop_days_of_use(before.date())
        self._drop_summaries(lambda one: one.asked_at < before)
        self._drop_buckets(before)
        gone = self._drop(lambda asked: asked.asked_at < before)
        self._drop_resets(before)
        return gone

    def _drop(self, unwanted: Callable[[MemoryQuestion], bool]) -> int:
        """Delete questions with their answers. Returns their number."""
        gone = [asked for asked in self._all() if unwanted(asked)]
        self._drop_prompts(gone)
        for asked in gone:
            self._conversations[asked.question.conversation].questions.remove(asked)
            for answer in asked.answers:
                del self._asked[answer.id]
        return len(gone)
