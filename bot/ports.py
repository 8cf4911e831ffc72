"""The interfaces (ports) between the core and everything around it, and the values they exchange.

`Generator` is the chat model, wherever it runs (`bot.generation`). `QuestionStore`, `Origins`,
`QuestionEdits`, `AnswerLedger`, `SettingsStore`, `Missed`, `Archive`, `PersonalData`,
`SummaryLedger` and `Condition` are the database, with `Measures` and `Reports` of `bot.measures`;
`storage/` has two classes that implement them all, in memory and in SQL. `Surface` is a place in
which an answer is shown and `SurfaceFinder` finds it again (`adapters/`).

Unless a method says otherwise:

- Times are timezone-aware `datetime`s in UTC, durations are seconds.
- Every store method raises StorageError where the database fails; nothing of the call is kept
  then. A store method that returned is durable: it survives a crash and a power cut. Concurrent
  calls take effect one after another, in some order; each call is one transaction.
- A store call that is cancelled may take effect or not, but never in part.
- An id that names nothing is no error: reads return nothing, writes change nothing, except where
  NothingToDo is documented.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum, auto
from typing import Protocol

from bot.measures import Measures, RecordedPrompt, Reports
from bot.messages import (
    Completion,
    ConversationKey,
    Finished,
    FinishReason,
    ModelInfo,
    Person,
    Prompt,
    Question,
    Reasoning,
    Sampling,
    Thought,
    Usage,
)

# ---------------------------------------------------------------- the model


class Generator(Protocol):
    """A chat model. Any number of `stream`s may be open at once; how many of them generate at the
    same time is the generator's own affair."""

    async def start(self) -> ModelInfo:
        """Load the model and describe it. Idempotent. Raises ModelError, with the remedy, where it
        cannot be loaded."""

    async def count(self, prompt: Prompt | Completion) -> int:
        """The exact number of tokens that `prompt` takes in the context window, the chat format's
        own tokens included. Raises ModelError where the tokenizer cannot be loaded, and
        GenerationError where a server that has to count fails."""

    def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        """Generate text: yields pieces of text as they are decoded, and one `Finished` last.

        The text pieces joined are the answer; no piece is empty. A model that thinks yields its
        thought first, as `Thought` pieces; the answer that follows has no tags. A thought that
        reaches `Sampling.max_thinking_tokens` is closed, where the generator can do that, and the
        model answers; where it cannot, the stream ends with LENGTH and without an answer. A
        `prompt.thought` without an answer is taken up, or begun anew with ``Thought("",
        whole=True)``. Closing the iterator, or cancelling the
        task that awaits it, stops the model itself within one decoding step. Raises NoRoom where
        the prompt does not fit the context window, WorkerLost where the model's process ends, and
        GenerationError for any other failure; text that was yielded before remains valid. A stream
        may also wait for a model that is being restarted.
        """

    async def aclose(self) -> None:
        """Stop every open stream and unload the model. Idempotent; final."""


# ---------------------------------------------------------------- the store


class AnswerState(StrEnum):
    """The state of an answer. The values are stored and must not change."""

    QUEUED = "queued"
    """Waiting for the model."""
    WRITING = "writing"
    """Being generated."""
    DONE = "done"
    """Complete."""
    CUT = "cut"
    """Ended at the length limit; can be continued."""
    STOPPED = "stopped"
    """Stopped by a person."""
    INTERRUPTED = "interrupted"
    """Parley or the model's process ended during generation, and it was not resumed."""
    FAILED = "failed"
    """Generation failed."""

    @property
    def open(self) -> bool:
        """Whether generation has not ended yet: QUEUED or WRITING."""
        return self in (AnswerState.QUEUED, AnswerState.WRITING)

    @classmethod
    def after(cls, reason: FinishReason) -> "AnswerState":
        """The state of an answer whose generation ended for `reason`."""
        return {
            FinishReason.END: cls.DONE,
            FinishReason.LENGTH: cls.CUT,
            FinishReason.STOPPED: cls.STOPPED,
        }[reason]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The part of its conversation's history that an answer was given: which exchanges, in which
    order. The same after a crash, whatever has ended since."""

    moment: int
    """The history as it was at this moment (`QuestionStore.moment`)."""
    start: int | None = None
    """The position of the first exchange that was kept; None where none is known to be cut."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as the ledger records it, with its question."""

    id: int
    question_id: int
    question: Question
    state: AnswerState
    text: str
    messages: tuple[str, ...] = ()
    """The surface's references of the messages that show it, in the order of its parts."""
    usage: Usage = field(default_factory=Usage)
    settled: int = 0
    """How many of these messages, from the first, are known to show their part in its last form."""
    thought: str = ""
    """What the model thought before `text`; while there is no text, the thought may be
    unfinished."""
    position: int | None = None
    """The question's place in the conversation's history; None while it has none."""
    snapshot: Snapshot | None = None
    """The history that the answer was given; None before it was begun."""
    kept: int = 0
    """How many characters the text had when the answer was continued last; 0 where it never was."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A message that is left on the platform of a deleted question's answer."""

    conversation: ConversationKey
    """The place where the message stands: `Question.shown_at`."""
    message: str
    """The surface's reference."""
    remove: bool
    """To be deleted; else only its buttons are to go."""


@dataclass(frozen=True, slots=True)
class StoredExchange:
    """A question and an answer that has ended, at its place in the conversation's history."""

    question_id: int
    question: Question
    asked_at: datetime
    answer_id: int
    answer: str
    position: int
    """Exchanges are in the order in which their answers ended for the first time. One that is
    answered again, or edited, keeps its place."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What one person may use per day (UTC). 0 means unlimited."""

    answers_per_day: int = 0
    tokens_per_day: int = 0
    """Prompt and completion tokens together. Checked before an answer, charged at its end: the last
    answer of a day may exceed it."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a person used on one day (UTC)."""

    answers: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """The settings of one conversation. None inherits the value of the configuration."""

    system_prompt: str | None = None
    temperature: float | None = None
    max_new_tokens: int | None = None
    show_names: bool | None = None
    """Whether the model is given the authors' names."""
    muted: bool = False
    """The bot answers nothing here."""
    reasoning: Reasoning | None = None
    """How much the model should think."""
    model: str | None = None
    """Which of the further models answers (``[models.NAME]``); "default" in a thread that does not
    follow its channel."""


class QuestionStore(Protocol):
    """Questions, and the conversation history that they form."""

    async def accept(self, question: Question, quota: Quota) -> StoredAnswer | None:
        """Record the question with a QUEUED answer, and charge the author for one answer.

        Idempotent per `question.event_id` and platform: None, and nothing changes, where the event
        was accepted in the last seven days, even if its question was deleted since. Raises
        OverQuota, with nothing recorded, where the author's quota of the day is used up. Text that
        no database can hold (lone surrogates, NUL) is replaced by U+FFFD; the result shows it.
        """

    async def check_quota(self, person: Person, quota: Quota) -> None:
        """Raise OverQuota where the person's quota of the day is used up. Changes nothing."""

    async def spent(self, person: Person) -> Spent:
        """What the person has used today, as quotas count it."""
        ...

    async def reopen(
        self, answer_id: int, person: Person, quota: Quota, *, anew: bool, edited: bool = False
    ) -> StoredAnswer:
        """Queue a current answer again and charge `person` for it, now and for its tokens.

        With `anew` (regenerate), a new answer to the same question replaces it as the current one
        and takes over its messages; the old text stays in the archive, and in the history until
        the new answer has ended. Otherwise (continue), the same answer is queued and keeps its
        text. `edited`: the question has another text now, which no earlier answer answers, so that
        the history loses them; where the last one was INTERRUPTED before it ended, the new one gets
        a place of its own. Raises OverQuota, or NothingToDo where the id names no current answer or
        one that is still open; nothing changes then.
        """

    async def moment(self, conversation: ConversationKey) -> int:
        """The present of this conversation's history, for `exchanges`: it grows with every answer
        that ends."""
        ...

    async def exchanges(
        self,
        conversation: ConversationKey,
        *,
        before: int | None = None,
        at: int | None = None,
        limit: int = 32,
    ) -> list[StoredExchange]:
        """Up to `limit` exchanges of the conversation's history since the last reset, the last
        position first; with `before`, only those at a smaller position, for paging. Each has the
        newest of its answers that have ended; what is saved of an open answer is never in it.

        With `at`, the history as it was at that `moment`: without what ended later, be it a
        question's first answer, a regenerated or a continued one. Deleted and edited questions are
        deleted and edited in it, too, and what a reset hides is hidden. The cost does not depend on
        the conversation's length."""

    async def reset(self, conversation: ConversationKey) -> int:
        """Start the history anew: `exchanges` no longer returns what was asked before, so the model
        no longer sees it, nor a thread's `Origin`. Returns how many questions became hidden; 0
        where there were none. They stay stored, and in the archive, until `forget` or `purge`
        deletes them."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The question of a channel that a thread was opened on: on its message, or on one that shows
    its answer."""

    question: Question
    asked_at: datetime
    exchange: StoredExchange | None
    """The question with its newest answer that has ended; None while it has none. Its position is
    one of the channel's history."""
    hidden: bool
    """A reset of the channel, or of the thread, hides it from the thread's prompts."""


class Origins(Protocol):
    """What a thread hangs on, and which of a platform's messages are known. Nothing is copied: it
    is looked up for each prompt, so that edits, deletions, resets and `Archive.forget` follow."""

    async def origin(self, thread: ConversationKey) -> Origin | None:
        """The question of the thread's channel whose message, or one of whose current answer's
        messages, has the id that the thread carries. None where there is none, and for a key
        without a thread. Found by indexes."""
        ...

    async def reset_at(self, conversation: ConversationKey) -> datetime | None:
        """When the conversation was reset last; None for never. `forget` of the conversation
        deletes it, and where no question is left `purge` does, in its time."""
        ...

    async def known_messages(
        self, conversation: ConversationKey, messages: Collection[str], events: Collection[str]
    ) -> set[str]:
        """Those of `messages` that hold a question of the conversation, hidden ones included, and
        those of `events` (`Question.event_id`, of its platform) that were accepted as a question in
        the last seven days, deleted ones included."""
        ...


class QuestionEdits(Protocol):
    """Applying edits and deletions that people make to their messages on the platform.

    Where several questions came in one message, the newest is edited, and all are deleted."""

    async def find_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        """The current answer of the question in `message_id`, or None where no such question is
        known. Changes nothing."""
        ...

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        """Replace the text of the question in the platform's message `message_id`. Returns its
        current answer, or None where no question is known by that message ("" never is)."""

    async def delete_question(
        self, conversation: ConversationKey, message_id: str, *, remove: bool = False
    ) -> StoredAnswer | None:
        """Delete the question in `message_id` with all of its answers, for good. Returns the answer
        that was current, or None where no question is known by that message.

        In the same transaction the messages that show it become `leftovers`: to be removed with
        `remove`, or where no text of the answer was saved yet; else to lose their buttons.
        """

    async def leftovers(self, platform: str) -> list[Leftover]:
        """The messages of this platform that are left of deleted questions."""

    async def leave(self, leftover: Leftover) -> None:
        """Record another leftover. Idempotent."""

    async def cleared(self, leftover: Leftover) -> None:
        """Nothing is left to do for this message. Idempotent."""


class AnswerLedger(Protocol):
    """The delivery ledger: how far each answer got, and which messages show it. From it an answer
    is resumed in its own messages after a crash.

    An answer goes QUEUED → WRITING → closed (any state that is not `open`) → delivered. What comes
    out of order (a checkpoint after the close) changes nothing.
    """

    async def checkpoint(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        """Save the whole text and thought so far of an open answer, in place of the last
        checkpoint, and what history it was given; None leaves that as it is. Raises ValueError
        where `state` is not open."""

    async def shown(
        self, answer_id: int, index: int, message: str, *, settled: int | None = None
    ) -> None:
        """Record that the surface's message `message` shows part `index` of the answer; "" removes
        the record. `settled`: that many parts, from the first, are shown in their final form; None
        leaves that as it is. Idempotent."""

    async def settle(self, answer_id: int, settled: int) -> None:
        """Record how many parts, from the first, are shown in their final form. Idempotent."""

    async def close(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        """Save the final text, thought and state of an open answer, and what history it was given
        (None leaves that as it is), and charge its tokens to the person who asked for it. With the
        first end of an answer that was begun, its question gets the next position in the
        conversation's history. It stays `unfinished` until `delivered`. Idempotent: the first
        close counts. Raises ValueError where `state` is open."""

    async def delivered(self, answer_id: int) -> None:
        """Record that the end of a closed answer is shown, so that nothing is left to do for it.
        Idempotent."""

    async def answers(
        self,
        *,
        answer_id: int | None = None,
        conversation: ConversationKey | None = None,
        person: str | None = None,
        unfinished: bool = False,
        limit: int = 1000,
    ) -> list[StoredAnswer]:
        """Up to `limit` current answers that meet every condition given, newest question first.

        `answer_id`: only that one. `conversation`: only those of that conversation since its last
        reset. `person`: only those of questions that this person (`Person.key`) asked.
        `unfinished`: only those that are open (to be resumed after a crash) or closed and
        not yet delivered (their end is still to be shown).
        """


class SettingsStore(Protocol):
    """The settings of conversations, and people's ratings of answers."""

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        """The conversation's settings; the default ones where none were saved."""

    async def change_settings(
        self, conversation: ConversationKey, settings: ConversationSettings
    ) -> None:
        """Replace all settings of the conversation. `reset` keeps them, `forget` deletes them."""

    async def rate(
        self,
        answer_id: int,
        person: Person,
        verdict: int,
        prompt: RecordedPrompt | None = None,
    ) -> None:
        """Save a person's rating of an answer, +1 or -1, in place of an earlier one; 0 deletes it.
        With -1, `prompt` is kept for the operator, unless one is kept already or a question that it
        quotes is deleted; it is deleted with the last -1 of the answer, and with any of the
        questions that it quotes. Raises NothingToDo where there is no such answer, ValueError for
        other verdicts."""


@dataclass(frozen=True, slots=True)
class RecentConversation:
    """A conversation in which questions that Parley missed are looked for."""

    conversation: ConversationKey
    direct: bool
    """`Question.direct` of its newest question."""


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A question that was accepted, whether it is answered or not."""

    message_id: str
    asked_at: datetime
    shown_in: str = ""
    """`Question.shown_in`."""


class Missed(Protocol):
    """Where to look for questions that came while Parley was not connected, and from when on."""

    async def recent_conversations(
        self, platform: str, since: datetime, *, limit: int
    ) -> list[RecentConversation]:
        """Up to `limit` conversations of the platform whose newest question was asked at `since` or
        later, or is a direct message's, the most recently used first. Those that a reset hid
        count. The cost depends on the number of conversations, not on their length."""
        ...

    async def known_questions(
        self, conversation: ConversationKey, *, limit: int
    ) -> list[KnownQuestion]:
        """Up to `limit` questions of the conversation since its last reset, newest first."""
        ...

    async def handled_to(self, platform: str) -> datetime | None:
        """The moment that `record_handled` saved last; None before the first."""
        ...

    async def record_handled(self, platform: str, moment: datetime) -> None:
        """Save that every message of the platform up to `moment`, by the platform's own clock, was
        handled: answered, refused or ignored."""
        ...


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One conversation in a list, such as that of ``parley history list``."""

    conversation: ConversationKey
    exchanges: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """One answer in an export; `current` is False for one that a regeneration replaced."""

    state: AnswerState
    text: str
    created_at: datetime
    current: bool
    verdicts: tuple[int, ...] = ()
    """People's ratings, +1 or -1 each."""
    thought: str = ""
    """What the model thought before it."""
    prompt: RecordedPrompt | None = None
    """What the model got for it, where it was kept (`SettingsStore.rate`)."""
    model: str = ""
    """The name of the model that wrote it; "" where it is not known."""


@dataclass(frozen=True, slots=True)
class ArchivedExchange:
    """A question with all of its answers, oldest first; `forgotten` where a reset hid it from the
    model."""

    question: Question
    asked_at: datetime
    forgotten: bool
    answers: tuple[ArchivedAnswer, ...]


class Archive(Protocol):
    """All that is stored, for listing, export and permanent deletion."""

    async def conversations(self) -> list[ConversationSummary]:
        """Every conversation that has exchanges, the most recently used first."""

    def archived(self, conversation: ConversationKey) -> AsyncIterator[ArchivedExchange]:
        """All exchanges, oldest first, those that a reset hid included. Read in pages, so that
        memory use does not grow with the length; pages are separate transactions."""

    async def forget(
        self, *, conversation: ConversationKey | None = None, person: str | None = None
    ) -> int:
        """Permanently delete a conversation with its settings, or all data of a person
        (`Person.key`): their questions with the answers, their ratings and their usage, and every
        prompt that was kept and quotes one of them. Exactly one of the two is given; else
        ValueError. Returns the number of exchanges deleted.

        An SQLite file holds no deleted text when this returns. Long deletions are several
        transactions, so that other writers get their turns; one that fails or is cancelled may be
        incomplete, and calling it again completes it.
        """

    async def purge(self, before: datetime) -> int:
        """Permanently delete every exchange whose question was asked before `before`, usage of
        earlier days, and buckets that began earlier. Returns the number of exchanges deleted.
        Raises ValueError where `before` has no timezone. Transactions as for `forget`."""


@dataclass(frozen=True, slots=True)
class GivenRating:
    """A person's rating of an answer, whoever asked the question."""

    answer_id: int
    conversation: ConversationKey
    verdict: int
    """+1 or -1."""
    rated_at: datetime | None
    """None for one from before the time was recorded."""


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """What a person used on one day (UTC), as quotas count it."""

    day: date
    answers: int
    tokens: int


class PersonalData(Protocol):
    """All that is stored of one person (`Person.key`), for their own export. Read in pages, so that
    memory use does not grow with its amount; pages are separate transactions."""

    def asked_by(self, person: str) -> AsyncIterator[ArchivedExchange]:
        """What they asked, in every conversation, oldest first, with all answers and what a reset
        hid. `ArchivedAnswer.verdicts` holds only their own rating; `prompt` is None, since it
        quotes others."""
        ...

    def ratings_by(self, person: str) -> AsyncIterator[GivenRating]:
        """Their ratings, those of answers to others included, by the answer's age."""
        ...

    def use_by(self, person: str) -> AsyncIterator[DayOfUse]:
        """Each day on which they used something, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class PendingSummary:
    """A summary that somebody asked for and did not get yet. Holds nobody's text: the messages are
    read again where it is taken up."""

    id: int
    conversation: ConversationKey
    """The place whose messages are summed up."""
    person: Person
    """Who asked; without rights."""
    first: str
    """The platform's id of the oldest message that is summed up."""
    last: str
    """That of the newest."""
    asked_at: datetime


class SummaryLedger(Protocol):
    """Summaries that are being written, so that after a crash they are taken up, or told as ended.
    What they say is never stored."""

    async def begin_summary(
        self, conversation: ConversationKey, person: Person, first: str, last: str, quota: Quota
    ) -> PendingSummary:
        """Record a summary, and charge the person for one answer. Raises OverQuota, with nothing
        recorded, where their quota of the day is used up."""
        ...

    async def charge_tokens(self, person: Person, tokens: int) -> None:
        """Charge what a step of a summary cost."""
        ...

    async def end_summary(self, summary_id: int) -> None:
        """It was delivered, stopped, or given up. Idempotent."""
        ...

    async def pending_summaries(self, platform: str) -> list[PendingSummary]:
        """Those of a platform that have not ended, oldest first. `Archive.forget` and `purge`
        delete them, too."""
        ...


class Condition(Protocol):
    """How the database is, for health checks and metrics."""

    async def check_writable(self) -> None:
        """Raise StorageError where nothing can be written now. Writes, and changes nothing."""

    async def size(self) -> int:
        """The bytes that the database takes on its disk; 0 where it is in memory."""
        ...


class Store(
    QuestionStore,
    Origins,
    QuestionEdits,
    AnswerLedger,
    SettingsStore,
    Missed,
    Archive,
    PersonalData,
    SummaryLedger,
    Condition,
    Measures,
    Reports,
    Protocol,
):
    """The whole database in one object, which `storage.open_store` opens."""

    @property
    def tag(self) -> str:
        """Which database this is: a few characters that no other database has, so that buttons of
        another one are recognised. The same for as long as the database exists."""


# ---------------------------------------------------------------- where answers are shown


class Form(IntEnum):
    """How much a message shows besides its text: the steps down that delivery takes where a
    platform refuses a message."""

    FULL = 0
    NO_BUTTONS = 1
    PLAIN = 2
    """The text alone, in the simplest way that the platform has."""


@dataclass(frozen=True, slots=True)
class Part:
    """The desired content of one message of an answer."""

    answer_id: int
    index: int
    """0 for the first message of the answer."""
    text: str
    """Markdown; never empty. A code fence that spans two parts is closed in one and reopened in the
    next."""
    state: AnswerState
    """The answer's state, which decides about buttons; DONE for every part but the last."""
    last: bool
    """Whether it is the answer's last part so far: the one that has the buttons."""
    note: str = ""
    """A line about the answer that is not part of it, such as the place in the queue."""
    form: Form = Form.FULL
    attempt: int = 0
    """How many messages of this part could not be edited any more, and were replaced by another."""
    tag: str = ""
    """Of the database (`Store.tag`); buttons carry it beside `answer_id`."""
    thought: str = ""
    """The beginning of what the model thought before this answer, plain words in lines, where
    thoughts are shown; "" where they are hidden, or there was none. With `SurfaceLimits.quote` the
    text has it already."""
    saved: bool = False
    """Where `SurfaceLimits.found_by_text` asks for it: whether the ledger has the text."""

    @property
    def key(self) -> str:
        """An idempotency key, the same for every attempt to post this part: a platform that
        supports one (Discord's nonce) posts a single message for repeated attempts. At most 25
        characters."""
        again = f"r{self.attempt}" if self.attempt else ""
        return f"{self.answer_id}.{self.index}{again}"


class Dialect(Enum):
    """How a platform reads Markdown, as far as it matters where a text is cut in two."""

    COMMONMARK = auto()
    """A code fence is a line of its own, and one that is not closed reaches to the end."""
    DISCORD = auto()
    """Three backticks anywhere open a code block, which ends at the next three; what is not closed
    is shown literally; ``||`` encloses a spoiler."""


@dataclass(frozen=True, slots=True)
class SurfaceLimits:
    """The length and rate limits of a surface."""

    max_units: int
    """The greatest length of a part's text, in `units`; the surface must have room for notes and
    buttons besides."""
    units: Callable[[str], int] = len
    """How the platform measures length (Discord: UTF-16 code units). Must be additive:
    ``units(a + b) == units(a) + units(b)``."""
    budget: str = ""
    """The name of the rate limit: answers with the same name share it fairly."""
    edits_per_second: float = 1.0
    """The rate of sends and edits together that the limit sustains, above 0."""
    burst: int = 1
    """How many of them may be made at once after a pause, at least 1."""
    window_seconds: float = 0.0
    """Above 0 where the platform counts the calls in a window of so many seconds: `burst` calls in
    any of them, and `edits_per_second` has no effect."""
    posts_burst: int = 0
    """Above 0 where new messages have a rate limit of their own, with this burst. 0: they share the
    limit of edits."""
    posts_per_second: float = 0.0
    """Of new messages that have a rate limit of their own; 0 means the rate of edits."""
    note_seconds: float = 0.0
    """How long a note lasts that `Surface.send` has shown without a message; 0 means for ever."""
    markdown: Dialect = Dialect.COMMONMARK
    """What closes and reopens what a cut goes through."""
    quote: str = ""
    """The mark of a quoted small line, in which a folded thought stands above the answer; "" where
    the surface itself shows `Part.thought`."""

    found_by_text: bool = False
    """A new message may bear nothing but its text by which `Surface.find` could tell it: the ledger
    is to have the text before it is posted (`Part.saved`)."""

    @property
    def of_posts(self) -> "SurfaceLimits":
        """The limits that apply to new messages."""
        if not self.posts_burst:
            return self
        return replace(
            self,
            budget=f"{self.budget} posts",
            edits_per_second=self.posts_per_second or self.edits_per_second,
            burst=self.posts_burst,
            window_seconds=0.0,
            posts_burst=0,
        )


class Surface(Protocol):
    """Where one answer is shown: a channel, thread or terminal. The caller makes one call at a
    time.

    Every call raises SurfaceBusy where it should be repeated later (a rate limit, a connection
    that failed); MessageGone where the platform itself says that the message or its channel no
    longer exists; and SurfaceError where it refuses the call, for whatever reason: delivery then
    tries simpler forms of the message. A call that raised or was cancelled may still have taken
    effect.
    """

    @property
    def limits(self) -> SurfaceLimits:
        """The limits that apply now; they may change between calls."""

    async def send(self, part: Part) -> str:
        """Post a new message. Returns its reference, which is stored: with it `edit` and `remove`
        find the message even after a restart. Returns "" where the part, which has no text yet, is
        shown without a message (as a status): `send` is called again when it changes, and after
        `SurfaceLimits.note_seconds`."""

    async def edit(self, message: str, part: Part) -> None:
        """Replace the content of a message by `part`. Idempotent."""

    async def remove(self, message: str) -> None:
        """Delete a message that the answer no longer needs. Idempotent: one that is gone already is
        no error."""

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """Search the platform's history, after the messages `known` (or after the question), for a
        message that an earlier run posted for this part and did not record. None where there is
        none, or where it bears nothing by which the platform could tell."""

    async def retire(self, message: str) -> None:
        """Remove the buttons of a message whose question was deleted, and leave its text as it is.
        Idempotent: a message that is gone already is no error."""

    async def leave(self) -> None:
        """Nothing more is shown of the answer: end what the platform shows of it beside its
        messages, such as a status. Idempotent."""

    async def whisper(self, text: str) -> None:
        """Tell whoever asked something that nobody else sees, by another way than the answer's
        messages. Does nothing where the platform has none."""

    async def attach(self, name: str, text: str) -> str | None:
        """Post `text`, the whole answer, as a file named `name` after its messages. Returns the
        reference of that message, or None where files cannot be posted."""


class SurfaceFinder(Protocol):
    """Recreates the surface of an answer that was shown earlier (before a restart, or an old
    message whose button is pressed). Each platform's adapter registers one."""

    async def __call__(self, answer: StoredAnswer) -> Surface | None:
        """The surface, or None where the channel is known to be gone or closed to the bot. Where
        the platform cannot be asked at the moment, the surface: its own calls will tell. Raises
        nothing."""


# ---------------------------------------------------------------- where a conversation takes place


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """What people named the place of a conversation, and the bot in it, as the platform has it:
    any text, of any length. "" where there is no such name, or it cannot be read."""

    server: str = ""
    """Discord's server, or Slack's workspace."""
    channel: str = ""
    """The channel; of a thread its channel, of a forum's post the forum."""
    topic: str = ""
    """The channel's topic, or a forum's guidelines."""
    bot: str = ""
    """How the bot is called there."""
    direct: bool = False
    """One person alone with the bot: there is no channel."""


class PlaceNamesFinder(Protocol):
    """Looks up the names for `bot.engine.variables.PromptVariables`. Each platform's adapter
    registers one."""

    async def __call__(self, conversation: ConversationKey) -> PlaceNames:
        """The names of a conversation of this platform. May take its time, and raise
        anything: the caller bounds both, and remembers what was found."""
        ...


# ---------------------------------------------------------------- what is said around a question


@dataclass(frozen=True, slots=True)
class Remark:
    """A message that somebody posted, and that was not meant for Parley."""

    message_id: str
    event_id: str
    """What `Question.event_id` would be, had it been a question."""
    author: str
    """The display name."""
    text: str
    """As people see it; "" where it has no text, or it may not be read."""
    at: datetime
    """When it was posted, by the platform's clock."""
    files: tuple[str, ...] = ()
    """The names of the files beside it, which are not read."""

    @property
    def empty(self) -> bool:
        """Whether it has neither text nor files."""
        return not (self.text.strip() or self.files)


@dataclass(frozen=True, slots=True)
class Around:
    """What was said before a question, as the platform shows it now. Parley's own messages, and
    those that mention it, are not in it: what was asked and answered is history."""

    remarks: tuple[Remark, ...] = ()
    """Oldest first."""
    older: bool = False
    """There are more before the first."""
    starter: Remark | None = None
    """The message that the thread was opened on; not in `remarks`."""
    starter_gone: bool = False
    """The thread was opened on a message that is deleted, or on one of Parley's own."""
    lacking: str = ""
    """`Unreadable.lacking` for what is missing in this; "" where nothing is known to be."""


class Surroundings(Protocol):
    """Reads what people said around a question. Each platform's adapter registers one with
    `Engine.read_surroundings`; it works from the moment on when answers are resumed.

    `messages` and `characters` bound what is read, the newest first; a few calls are made at most.
    Nothing is stored. Raises Unreadable where a permission is missing, SurfaceError where
    the platform refuses for another reason, SurfaceBusy where it cannot be asked now.
    """

    async def thread(self, question: Question, *, messages: int, characters: int) -> Around:
        """What was said before `question` in its thread."""
        ...

    async def channel(self, question: Question, *, messages: int, characters: int) -> Around:
        """What was said before the message of `question` in its channel, threads aside."""
        ...
