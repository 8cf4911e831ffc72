"""What the core needs from outside: small Protocols, and the values that pass through them.

`Generator` is a model, wherever it runs. `QuestionStore`, `QuestionEdits`, `AnswerLedger`,
`SettingsStore`, `UsageStore` and `Archive` are the database (`storage/` has one class for them
all, in memory and in SQL). `Surface` is a place in which an answer is shown (`adapters/`).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.messages import (
    Completion,
    ConversationKey,
    Finished,
    FinishReason,
    ModelInfo,
    Person,
    Prompt,
    Question,
    Sampling,
    Usage,
)

# ---------------------------------------------------------------- the model


class Generator(Protocol):
    """A chat model."""

    async def start(self) -> ModelInfo:
        """Load the model and say what it is. Idempotent. Raises ModelError, with the remedy."""
        ...

    async def count(self, prompt: Prompt | Completion) -> int:
        """How many tokens the model would read for `prompt`, exactly."""
        ...

    def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Finished]:
        """Text as the model writes it, and one `Finished` last.

        The texts, joined, are the answer; no text is empty. Closing the iterator stops the model
        within one decoding step. Raises GenerationError where the model fails, WorkerLost where
        its process ends; what was yielded before is valid.
        """
        ...

    async def aclose(self) -> None:
        """Stop every answer and let go of the model. Idempotent."""
        ...


# ---------------------------------------------------------------- the store


class AnswerState(StrEnum):
    """How far an answer is."""

    QUEUED = "queued"
    WRITING = "writing"
    DONE = "done"
    CUT = "cut"
    """Ended by its longest length; can be continued."""
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    """Parley or the model went down while it was written, and it was not taken up again."""
    FAILED = "failed"

    @property
    def open(self) -> bool:
        """Still to be written."""
        return self in (AnswerState.QUEUED, AnswerState.WRITING)

    @classmethod
    def after(cls, reason: FinishReason) -> "AnswerState":
        """The state of an answer that ended for `reason`."""
        return {
            FinishReason.END: cls.DONE,
            FinishReason.LENGTH: cls.CUT,
            FinishReason.STOPPED: cls.STOPPED,
        }[reason]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as the ledger has it, with the question that it answers."""

    id: int
    question_id: int
    question: Question
    state: AnswerState
    text: str
    messages: tuple[str, ...] = ()
    """The platform's references of the messages that show it, in order."""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class StoredExchange:
    """A question and its current answer ("" while there is none)."""

    question_id: int
    question: Question
    asked_at: datetime
    answer_id: int
    answer: str
    state: AnswerState


@dataclass(frozen=True, slots=True)
class Quota:
    """What one person may use between two midnights UTC. 0 is without limit."""

    answers_per_day: int = 0
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """What was set for one conversation. None: as the configuration says."""

    system_prompt: str | None = None
    temperature: float | None = None
    max_new_tokens: int | None = None
    show_names: bool | None = None
    muted: bool = False


class QuestionStore(Protocol):
    """Questions and the conversation that they make."""

    async def accept(self, question: Question, quota: Quota) -> StoredAnswer | None:
        """Record the question and a queued answer for it, durably, in one transaction.

        None where `question.event_id` was seen before on this platform: nothing changes then.
        Raises OverQuota (nothing recorded) where the author has used up the day.
        """
        ...

    async def reopen(
        self, answer_id: int, person: Person, quota: Quota, *, anew: bool
    ) -> StoredAnswer:
        """Queue an answer once more and charge `person` for it. With `anew`, a new answer to the
        same question, shown in the same messages, takes the old one's place (the old text stays in
        the archive); else the same answer goes on from its text. Raises OverQuota, or NothingToDo
        where there is no such answer or it is still open."""
        ...

    async def exchanges(
        self, conversation: ConversationKey, *, before: int | None = None, limit: int = 32
    ) -> list[StoredExchange]:
        """The newest exchanges since the last reset, newest first; with `before`, those with a
        smaller question id. Takes as long in a conversation of a million turns as in a new one."""
        ...

    async def reset(self, conversation: ConversationKey) -> int:
        """Let the model forget: `exchanges` starts anew. Gives the number of exchanges that it no
        longer returns. They stay in the archive until they are forgotten or purged."""
        ...


class QuestionEdits(Protocol):
    """Keeping in step with what people do to their questions on the platform."""

    async def find_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        """The current answer of the question in `message_id`, or None where no such question is
        known. Changes nothing."""
        ...

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        """Change the text of the question in `message_id`; its current answer, or None where no
        such question is known."""
        ...

    async def delete_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        """Delete the question in `message_id` with all of its answers; the answer that was
        current, or None where no such question is known."""
        ...


class AnswerLedger(Protocol):
    """What was answered, how far each answer got, and which messages show it."""

    async def checkpoint(self, answer_id: int, state: AnswerState, text: str) -> None:
        """Record how far an open answer is. Overwrites the last checkpoint."""
        ...

    async def shown(self, answer_id: int, index: int, message: str) -> None:
        """Record that part `index` of the answer is shown in the platform's `message`; "" where
        it is not shown any more."""
        ...

    async def close(self, answer_id: int, state: AnswerState, text: str, usage: Usage) -> None:
        """Record the whole answer and charge its tokens to whoever asked for it, durably. It is
        still `unfinished` until `delivered`."""
        ...

    async def delivered(self, answer_id: int) -> None:
        """Record that the end of a closed answer is shown: nothing is left to do for it."""
        ...

    async def answers(
        self,
        *,
        answer_id: int | None = None,
        conversation: ConversationKey | None = None,
        unfinished: bool = False,
        limit: int = 1000,
    ) -> list[StoredAnswer]:
        """Current answers, those of the newest questions first, that meet every condition given.
        `unfinished`: only those that are open (after a crash they are taken up again) or closed and
        not yet delivered (their end is shown then). Answers that `reset` hid are left out where
        `conversation` is given."""
        ...


class SettingsStore(Protocol):
    """Per-conversation settings and people's verdicts on answers."""

    async def settings(self, conversation: ConversationKey) -> ConversationSettings: ...

    async def change_settings(
        self, conversation: ConversationKey, settings: ConversationSettings
    ) -> None:
        """Replace the conversation's settings. A reset keeps them."""
        ...

    async def rate(self, answer_id: int, person: Person, verdict: int) -> None:
        """Record +1 or -1; a person's last verdict on an answer wins, 0 takes it back. Raises
        NothingToDo where there is no such answer."""
        ...


@dataclass(frozen=True, slots=True)
class Spent:
    """What a person used today (UTC)."""

    answers: int = 0
    tokens: int = 0


class UsageStore(Protocol):
    """What people have used."""

    async def spent(self, person: Person) -> Spent: ...


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One line of `parley history list`."""

    conversation: ConversationKey
    exchanges: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """One answer in an export; `current` is False for one that was regenerated."""

    state: AnswerState
    text: str
    created_at: datetime
    current: bool
    verdicts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchivedExchange:
    """A question with all of its answers, oldest first; `forgotten` where a reset hid it."""

    question: Question
    asked_at: datetime
    forgotten: bool
    answers: tuple[ArchivedAnswer, ...]


class Archive(Protocol):
    """The operator's view: all that is kept, for listing, export and deletion."""

    async def conversations(self) -> list[ConversationSummary]:
        """Every conversation that holds anything, the last used first."""
        ...

    def archived(self, conversation: ConversationKey) -> AsyncIterator[ArchivedExchange]:
        """All exchanges, oldest first, read in pages: memory does not grow with the length."""
        ...

    async def forget(
        self, *, conversation: ConversationKey | None = None, person: str | None = None
    ) -> int:
        """Delete for good a conversation with its settings, or every question of a person
        (`Person.key`) with the answers, verdicts and usage. Exactly one of both. Gives the number
        of exchanges that are gone. What is deleted is overwritten in the file."""
        ...

    async def purge(self, before: datetime) -> int:
        """Delete for good every exchange asked before then; gives their number."""
        ...


class Store(
    QuestionStore, QuestionEdits, AnswerLedger, SettingsStore, UsageStore, Archive, Protocol
):
    """All of the above in one object, which `storage.open_store` makes."""


# ---------------------------------------------------------------- where answers are shown


@dataclass(frozen=True, slots=True)
class Part:
    """One message of an answer, as it should look now."""

    answer_id: int
    index: int
    """0 for the first message of the answer."""
    text: str
    """What to show; never empty. Code fences that the split cut are closed and reopened here."""
    state: AnswerState
    """Of the answer, so that a surface can choose its buttons; DONE for a part with a successor."""
    last: bool
    """This is the answer's last message so far: the one that carries the buttons."""
    note: str = ""
    """A line about the answer that is not part of it ("Two questions are before yours")."""

    @property
    def key(self) -> str:
        """The same for every attempt to post this part: with it, a platform that can (Discord's
        nonce) makes one message of two attempts. At most 25 characters."""
        return f"{self.answer_id}.{self.index}"


@dataclass(frozen=True, slots=True)
class SurfaceLimits:
    """What a surface can show, and how fast."""

    max_units: int
    """The longest text of a part, in `units`; notes and buttons are the surface's own affair."""
    units: Callable[[str], int] = len
    """How the platform measures text (Discord: UTF-16 code units)."""
    budget: str = ""
    """Answers with the same name draw on the same rate limit and share it fairly."""
    edits_per_second: float = 1.0
    """Sends and edits together that this budget sustains."""
    burst: int = 1
    """How many of them may be made at once after a pause."""
    posts_burst: int = 0
    """Where new messages draw on a limit of their own, as fast as that of the edits: how many of
    them may be posted at once. 0: they draw on the same."""

    @property
    def of_posts(self) -> "SurfaceLimits":
        """The limits of new messages."""
        if not self.posts_burst:
            return self
        return replace(self, budget=f"{self.budget} posts", burst=self.posts_burst, posts_burst=0)


class Surface(Protocol):
    """Where one answer is shown: a channel and the place in it. Calls do not overlap.

    All of them raise SurfaceBusy (wait and try again), MessageGone, or SurfaceError (for good).
    A connection that fails for the moment is SurfaceBusy too.
    """

    @property
    def limits(self) -> SurfaceLimits: ...

    async def send(self, part: Part) -> str:
        """Post a new message; its reference, with which `edit` finds it even after a restart."""
        ...

    async def edit(self, message: str, part: Part) -> None: ...

    async def remove(self, message: str) -> None:
        """Delete a message that an answer no longer needs. One that is gone already is fine."""
        ...

    async def attach(self, name: str, text: str) -> str | None:
        """Post the whole answer as a file beside its messages; the reference of that message, or
        None where the place takes no files."""
        ...


class SurfaceFinder(Protocol):
    """How the engine finds the surface of an answer whose adapter object is gone (a restart, a
    button on an old message). Each platform's adapter registers one."""

    async def __call__(self, answer: StoredAnswer) -> Surface | None:
        """The surface, or None where the place no longer exists or may not be written to."""
        ...
