"""A store in memory, for trials and tests: all that the SQL store does, except persistence."""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import NothingToDo
from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import (
    AnswerState,
    ConversationSettings,
    Quota,
    Snapshot,
    Spent,
    StoredAnswer,
    StoredExchange,
)
from storage.memory_edits import MemoryEdits
from storage.memory_missed import MemoryMissed
from storage.memory_rows import MemoryAnswer, MemoryConversation, MemoryQuestion
from storage.rules import (
    EVENT_DAYS,
    Now,
    check_quota,
    check_verdict,
    cleaned,
    storable,
    utc_now,
)


class MemoryStore(MemoryEdits, MemoryMissed):
    """`bot.ports.Store` in plain dictionaries: not durable, and never raises StorageError.
    Questions, answers, settings and ratings are here; its base classes are the rest of the port."""

    def __init__(self, now: Now = utc_now) -> None:
        super().__init__(now)
        self._question_ids = itertools.count(1)
        self._answer_ids = itertools.count(1)
        self.tag = secrets.token_hex(4)

    def _in(self, conversation: ConversationKey) -> MemoryConversation:
        """The conversation to write to, created where there is none."""
        return self._conversations.setdefault(conversation, MemoryConversation())

    # ------------------------------------------------------------ questions

    async def accept(self, question: Question, quota: Quota) -> StoredAnswer | None:
        now = self._now()
        event = (question.conversation.platform, question.event_id)
        self._forget_events(now - timedelta(days=EVENT_DAYS))
        if event in self._events:
            return None
        self._charge_answer(question.author.key, quota)
        self._events[event] = now
        answer = MemoryAnswer(next(self._answer_ids), now, question.author.key)
        asked = MemoryQuestion(next(self._question_ids), cleaned(question), now, [answer])
        self._in(question.conversation).questions.append(asked)
        self._asked[answer.id] = asked
        return asked.stored()

    def _forget_events(self, until: datetime) -> None:
        for event, _ in list(
            itertools.takewhile(lambda item: item[1] <= until, self._events.items())
        ):
            del self._events[event]

    async def spent(self, person: Person) -> Spent:
        return self._spent_today(person.key)

    async def check_quota(self, person: Person, quota: Quota) -> None:
        check_quota(quota, self._spent_today(person.key))

    async def reopen(
        self, answer_id: int, person: Person, quota: Quota, *, anew: bool, edited: bool = False
    ) -> StoredAnswer:
        asked = self._asked.get(answer_id)
        if asked is None or asked.answers[-1].id != answer_id:
            raise NothingToDo("There is no such answer any more.")
        answer = asked.answers[-1]
        if answer.state.open:
            raise NothingToDo("This answer is still being written.")
        self._charge_answer(person.key, quota)
        if edited:
            _withdraw(asked)
        if anew:
            messages, answer.messages = answer.messages, {}
            answer = MemoryAnswer(
                next(self._answer_ids), self._now(), person.key, messages=messages
            )
            asked.answers.append(answer)
            self._asked[answer.id] = asked
        else:
            answer.kept = len(answer.text)
        answer.state = AnswerState.QUEUED
        answer.delivered = False
        answer.charged_to = person.key
        return asked.stored()

    async def moment(self, conversation: ConversationKey) -> int:
        return self._of(conversation).moment

    async def exchanges(
        self,
        conversation: ConversationKey,
        *,
        before: int | None = None,
        at: int | None = None,
        limit: int = 32,
    ) -> list[StoredExchange]:
        return list(itertools.islice(self._of(conversation).history(before, at), limit))

    async def reset(self, conversation: ConversationKey) -> int:
        kept = self._in(conversation)
        kept.reset_at = self._now()
        hidden = sum(1 for _ in kept.visible())
        if hidden:
            kept.hidden_to = kept.questions[-1].id
        return hidden

    # ------------------------------------------------------------ the ledger

    def _answer(self, answer_id: int) -> MemoryAnswer | None:
        asked = self._asked.get(answer_id)
        if asked is None:
            return None
        return next(answer for answer in asked.answers if answer.id == answer_id)

    async def checkpoint(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        if not state.open:
            raise ValueError(f"a checkpoint needs an open state, not {state}")
        answer = self._answer(answer_id)
        if answer is not None and answer.state.open:
            answer.state, answer.text, answer.thought = state, storable(text), storable(thought)
            answer.snapshot = snapshot or answer.snapshot

    async def shown(
        self, answer_id: int, index: int, message: str, *, settled: int | None = None
    ) -> None:
        answer = self._answer(answer_id)
        if answer is None:
            return
        if settled is not None:
            answer.settled = settled
        if message:
            answer.messages[index] = message
        else:
            answer.messages.pop(index, None)

    async def settle(self, answer_id: int, settled: int) -> None:
        answer = self._answer(answer_id)
        if answer is not None:
            answer.settled = settled

    async def close(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        if state.open:
            raise ValueError(f"an answer cannot be closed as {state}")
        answer = self._answer(answer_id)
        if answer is None or not answer.state.open:
            return
        usage = replace(usage, model=storable(usage.model))
        answer.state, answer.text, answer.usage = state, storable(text), usage
        answer.thought, answer.snapshot = storable(thought), snapshot or answer.snapshot
        asked = self._asked[answer_id]
        where = asked.question.conversation
        if answer.snapshot is not None or text.strip():
            self._in(where).place(asked, answer)
        if answer.charged_to is not None:
            self._charge(answer.charged_to, Spent(tokens=usage.tokens))
            self._count_use(where, answer.charged_to, state, usage)

    async def delivered(self, answer_id: int) -> None:
        answer = self._answer(answer_id)
        if answer is not None and not answer.state.open:
            answer.delivered = True

    async def answers(
        self,
        *,
        answer_id: int | None = None,
        conversation: ConversationKey | None = None,
        person: str | None = None,
        unfinished: bool = False,
        limit: int = 1000,
    ) -> list[StoredAnswer]:
        found = self._current(conversation)
        wanted = (
            asked
            for asked in found
            if (answer_id is None or asked.answers[-1].id == answer_id)
            and (person is None or asked.question.author.key == person)
            and (asked.answers[-1].unfinished or not unfinished)
        )
        return [asked.stored() for asked in itertools.islice(wanted, limit)]

    def _current(self, conversation: ConversationKey | None) -> Iterator[MemoryQuestion]:
        """Newest first; of one conversation, only questions since the last reset."""
        if conversation is not None:
            return self._of(conversation).visible()
        return iter(sorted(self._all(), key=lambda asked: asked.id, reverse=True))

    # ------------------------------------------------------------ settings and ratings

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        return self._of(conversation).settings

    async def change_settings(
        self, conversation: ConversationKey, settings: ConversationSettings
    ) -> None:
        if settings.system_prompt is not None:
            settings = replace(settings, system_prompt=storable(settings.system_prompt))
        self._in(conversation).settings = settings

    async def rate(
        self,
        answer_id: int,
        person: Person,
        verdict: int,
        prompt: RecordedPrompt | None = None,
    ) -> None:
        check_verdict(verdict)
        answer = self._answer(answer_id)
        if answer is None:
            raise NothingToDo("There is no such answer any more.")
        if verdict:
            answer.verdicts[person.key] = (verdict, self._now())
        else:
            answer.verdicts.pop(person.key, None)
        if verdict < 0 and prompt is not None:
            if {asked.id for asked in self._all()}.issuperset(prompt.questions):
                answer.prompt = answer.prompt or prompt
        elif -1 not in answer.given:
            answer.prompt = None

    # ------------------------------------------------------------ condition

    async def check_writable(self) -> None:
        """Memory can always be written."""

    async def size(self) -> int:
        return 0


def _withdraw(asked: MemoryQuestion) -> None:
    """Take the answers of a question that has another text now out of the history; and its place,
    where only an interrupted answer gave it one."""
    last = asked.answers[-1]
    if last.state is AnswerState.INTERRUPTED and last.ended == asked.position:
        asked.position = None
    for answer in asked.answers:
        answer.ended = None
