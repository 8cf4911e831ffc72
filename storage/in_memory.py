"""A store in memory, for trials and tests: all that the SQL store does, except persistence."""

import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import NothingToDo
from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import (
    AnswerState,
    ArchivedExchange,
    ConversationSettings,
    ConversationSummary,
    KnownQuestion,
    Leftover,
    Quota,
    RecentConversation,
    Snapshot,
    Spent,
    StoredAnswer,
    StoredExchange,
)
from storage.memory_origins import MemoryOrigins
from storage.memory_rows import MemoryAnswer, MemoryConversation, MemoryQuestion
from storage.memory_summaries import MemorySummaries
from storage.rules import (
    EVENT_DAYS,
    Now,
    check_quota,
    check_verdict,
    cleaned,
    storable,
    utc_now,
)


class MemoryStore(MemoryOrigins, MemorySummaries):
    """`bot.ports.Store` in plain dictionaries: not durable, and never raises StorageError."""

    def __init__(self, now: Now = utc_now) -> None:
        super().__init__(now)
        self._question_ids = itertools.count(1)
        self._answer_ids = itertools.count(1)
        self._asked: dict[int, MemoryQuestion] = {}
        """Questions by the id of each of their answers."""
        self._leftovers: dict[tuple[ConversationKey, str], Leftover] = {}
        self._handled_to: dict[str, datetime] = {}
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

    async def find_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        asked = self._in_message(conversation, message_id)
        return asked[-1].stored() if asked else None

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        asked = self._in_message(conversation, message_id)
        if not asked:
            return None
        newest = asked[-1]
        newest.question = replace(newest.question, text=storable(text))
        self._drop_prompts([newest])
        return newest.stored()

    async def delete_question(
        self, conversation: ConversationKey, message_id: str, *, remove: bool = False
    ) -> StoredAnswer | None:
        asked = self._in_message(conversation, message_id)
        if not asked:
            return None
        newest = asked[-1].stored()
        for message in newest.messages:
            unread = remove or not newest.text.strip()
            await self.leave(Leftover(newest.question.shown_at, message, unread))
        self._drop(lambda one: any(one is unwanted for unwanted in asked))
        return newest

    async def leftovers(self, platform: str) -> list[Leftover]:
        return [
            leftover
            for leftover in self._leftovers.values()
            if leftover.conversation.platform == platform
        ]

    async def leave(self, leftover: Leftover) -> None:
        self._leftovers.setdefault((leftover.conversation, leftover.message), leftover)

    async def cleared(self, leftover: Leftover) -> None:
        self._leftovers.pop((leftover.conversation, leftover.message), None)

    def _in_message(self, conversation: ConversationKey, message_id: str) -> list[MemoryQuestion]:
        asked = self._of(conversation).questions
        return [one for one in asked if message_id and one.question.message_id == message_id]

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

    # ------------------------------------------------------------ settings, ratings, usage

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

    # ------------------------------------------------------------ missed questions

    async def recent_conversations(
        self, platform: str, since: datetime, *, limit: int
    ) -> list[RecentConversation]:
        newest = [
            (kept.questions[-1], key)
            for key, kept in self._conversations.items()
            if key.platform == platform and kept.questions
        ]
        newest.sort(key=lambda one: one[0].id, reverse=True)
        found = [
            RecentConversation(key, asked.question.direct)
            for asked, key in newest
            if asked.asked_at >= since or asked.question.direct
        ]
        return found[:limit]

    async def known_questions(
        self, conversation: ConversationKey, *, limit: int
    ) -> list[KnownQuestion]:
        found = itertools.islice(self._of(conversation).visible(), limit)
        return [
            KnownQuestion(asked.question.message_id, asked.asked_at, asked.question.shown_in)
            for asked in found
        ]

    async def handled_to(self, platform: str) -> datetime | None:
        return self._handled_to.get(platform)

    async def record_handled(self, platform: str, moment: datetime) -> None:
        self._handled_to[platform] = moment

    # ------------------------------------------------------------ the archive

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
