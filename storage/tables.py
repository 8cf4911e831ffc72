"""The schema, as SQLAlchemy models.

    conversations ─┬─ settings
                   ├─ questions ── answers ─┬─ shown       the messages that show it
                   │                        ├─ feedback    people's ratings
                   │                        └─ prompts     what the model got, of answers rated -1
                   │                           └─ quoted   the questions in it
                   └─ activity                   use by day and person
    usage (person, day)      events (platform, event)      leftovers      identity (one row)
    progress (platform)      buckets (step, start, …)      history for plots
    sums (by, start, of)     activity added up
    summaries                those that are being written

Deleting a question deletes its answers with all that belongs to them (ON DELETE CASCADE). Ids are
never reused (AUTOINCREMENT): a button on an old message must not reach another person's answer.
A change here needs a migration; a test compares the two.
"""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, MetaData, true
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from bot.ports import AnswerState
from storage.columns import STATE, Instant, RowId, StoredText

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class ConversationRow(Base):
    __tablename__ = "conversations"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str] = mapped_column(StoredText, unique=True)
    """``str`` of the ConversationKey."""
    hidden_to: Mapped[int] = mapped_column(RowId, default=0)
    """The id of the newest question that a reset hid from the model; 0 for none."""
    moment: Mapped[int] = mapped_column(RowId, default=0, server_default="0")
    """How many ends of answers its history has seen: the last number given to a position, `ended`
    or `grown`. Never decreases."""
    reset_at: Mapped[int] = mapped_column(RowId, default=0, server_default="0")
    """The moment of the last reset: what is not hidden has greater positions."""
    reset_time: Mapped[datetime | None] = mapped_column(Instant)
    """When that was; NULL for never."""


class SettingsRow(Base):
    __tablename__ = "settings"

    conversation_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    system_prompt: Mapped[str | None] = mapped_column(StoredText)
    temperature: Mapped[float | None]
    max_new_tokens: Mapped[int | None]
    show_names: Mapped[bool | None]
    muted: Mapped[bool]
    reasoning: Mapped[str | None] = mapped_column(StoredText)
    """A `Reasoning`; NULL is the configuration's."""
    model: Mapped[str | None] = mapped_column(StoredText)
    """A name of ``[models.NAME]``; NULL is the default model."""


class QuestionRow(Base):
    __tablename__ = "questions"
    __table_args__ = (
        Index("ix_questions_paging", "conversation_id", "id"),
        Index("ix_questions_message", "conversation_id", "message_id"),
        Index("ix_questions_history", "conversation_id", "position"),
        Index("ix_questions_newest", "conversation_id", "author", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(RowId, ForeignKey("conversations.id"))
    event_id: Mapped[str] = mapped_column(StoredText)
    message_id: Mapped[str] = mapped_column(StoredText)
    author: Mapped[str] = mapped_column(StoredText, index=True)
    """`Person.key`."""
    author_name: Mapped[str] = mapped_column(StoredText)
    author_admin: Mapped[bool]
    direct: Mapped[bool]
    shown_in: Mapped[str] = mapped_column(StoredText, default="", server_default="")
    """The thread of the conversation in which the answer is shown; "" for its own place."""
    asked_at: Mapped[datetime] = mapped_column(Instant, index=True)
    text: Mapped[str] = mapped_column(StoredText)
    pointed: Mapped[int | None] = mapped_column()
    """`Question.pointed`."""
    position: Mapped[int | None] = mapped_column(RowId)
    """Its place in the conversation's history: the moment at which its first answer ended. NULL
    until then."""

    conversation: Mapped[ConversationRow] = relationship(lazy="raise")
    answers: Mapped[list["AnswerRow"]] = relationship(
        lazy="raise", back_populates="question", order_by="AnswerRow.id"
    )


class AnswerRow(Base):
    """The delivery ledger: one row for each answer, current or replaced by a regeneration."""

    __tablename__ = "answers"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    question_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("questions.id", ondelete="CASCADE"), index=True
    )
    current: Mapped[bool] = mapped_column()
    state: Mapped[AnswerState] = mapped_column(STATE)
    unfinished: Mapped[bool] = mapped_column()
    """Open, or closed but its end not yet shown."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    charged_to: Mapped[str | None] = mapped_column(StoredText, index=True)
    """`Person.key` of the person whose quota it is charged to; NULL once that person's data is
    deleted."""
    prompt_tokens: Mapped[int] = mapped_column(default=0)
    cached_tokens: Mapped[int] = mapped_column(default=0)
    completion_tokens: Mapped[int] = mapped_column(default=0)
    first_token_seconds: Mapped[float] = mapped_column(default=0.0)
    total_seconds: Mapped[float] = mapped_column(default=0.0)
    text: Mapped[str] = mapped_column(StoredText)
    """The text as of the last checkpoint, or the whole text once it is closed."""
    settled: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many parts, from the first, are known to be shown in their final form."""

    thought: Mapped[str] = mapped_column(StoredText, default="", server_default="")
    """What the model thought before the text, as of the same moment."""
    thinking_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    """Those of `completion_tokens` that are the thought."""
    model: Mapped[str] = mapped_column(StoredText, default="", server_default="")
    """The name of the model that wrote it; "" for an answer of before this was recorded."""
    ended: Mapped[int | None] = mapped_column(RowId)
    """The moment at which it ended for the first time; NULL while it has not, and once its question
    has another text."""
    grown: Mapped[int | None] = mapped_column(RowId)
    """The moment at which it ended after it was continued."""
    kept: Mapped[int | None] = mapped_column()
    """How many characters the text had when it was continued last: until `grown`, the history has
    only these."""
    context_to: Mapped[int | None] = mapped_column(RowId)
    """`Snapshot.moment`; NULL before it was begun."""
    context_from: Mapped[int | None] = mapped_column(RowId)
    """`Snapshot.start`."""

    question: Mapped[QuestionRow] = relationship(lazy="raise", back_populates="answers")
    shown: Mapped[list["ShownRow"]] = relationship(lazy="raise", order_by="ShownRow.part")
    feedback: Mapped[list["FeedbackRow"]] = relationship(
        lazy="raise", order_by="FeedbackRow.person"
    )
    prompt: Mapped["PromptRow | None"] = relationship(lazy="raise")

    __table_args__ = (
        Index(
            "uq_answers_current",
            question_id,
            unique=True,
            sqlite_where=current == true(),
            postgresql_where=current == true(),
        ),
        # Few answers are unfinished; the cost of finding them depends on their number alone.
        Index(
            "ix_answers_unfinished",
            unfinished,
            question_id,
            sqlite_where=unfinished == true(),
            postgresql_where=unfinished == true(),
        ),
        {"sqlite_autoincrement": True},
    )


class ShownRow(Base):
    """Which of the platform's messages shows which part of an answer."""

    __tablename__ = "shown"
    __table_args__ = (
        Index("ix_shown_message", "message"),
        {"sqlite_with_rowid": False},
    )

    answer_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message: Mapped[str] = mapped_column(StoredText)
    """The surface's reference."""


class FeedbackRow(Base):
    __tablename__ = "feedback"
    __table_args__ = (
        # Everything that reports read.
        Index(
            "ix_feedback_reports", "rated_at", "answer_id", "verdict", "conversation_id", "person"
        ),
        {"sqlite_with_rowid": False},
    )

    answer_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True
    )
    person: Mapped[str] = mapped_column(StoredText, primary_key=True, index=True)
    verdict: Mapped[int]
    rated_at: Mapped[datetime | None] = mapped_column(Instant)
    """For a verdict that was given before this was recorded, when the answer was made."""
    conversation_id: Mapped[int | None] = mapped_column(RowId)
    """The answer's conversation, so that reports read the index alone."""


class PromptRow(Base):
    """The prompt of an answer that somebody rated -1. It is deleted with any of the questions that
    it quotes."""

    __tablename__ = "prompts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    answer_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True
    )
    messages: Mapped[str] = mapped_column(StoredText)
    """JSON, as `storage.prompts` writes it."""
    exact: Mapped[bool]

    quoted: Mapped[list["QuotedRow"]] = relationship(lazy="raise", order_by="QuotedRow.question_id")


class QuotedRow(Base):
    """Which questions a prompt that was kept holds, its own included."""

    __tablename__ = "quoted"
    __table_args__ = ({"sqlite_with_rowid": False},)

    question_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    """May be deleted a moment before the prompt is."""
    answer_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("prompts.answer_id", ondelete="CASCADE"), primary_key=True, index=True
    )


class UsageRow(Base):
    """What a person used on one day (UTC), for quotas."""

    __tablename__ = "usage"
    __table_args__ = ({"sqlite_with_rowid": False},)

    person: Mapped[str] = mapped_column(StoredText, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    answers: Mapped[int] = mapped_column(default=0)
    tokens: Mapped[int] = mapped_column(RowId, default=0)


class ActivityRow(Base):
    """What a person used in a conversation on one day (UTC), for reports. Kept as long as usage."""

    __tablename__ = "activity"
    __table_args__ = ({"sqlite_with_rowid": False},)

    day: Mapped[date] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    person: Mapped[str] = mapped_column(StoredText, primary_key=True, index=True)
    answers: Mapped[int]
    failed: Mapped[int]
    prompt_tokens: Mapped[int] = mapped_column(RowId)
    completion_tokens: Mapped[int] = mapped_column(RowId)
    timed: Mapped[int]
    first_token_seconds: Mapped[float]
    generating_seconds: Mapped[float]


class SumRow(Base):
    """`ActivityRow` added up over a day or a month, so that a report on a year reads few rows.
    Every change of that table is made here, too, in the same transaction (`storage.sql.sums`)."""

    __tablename__ = "sums"

    by: Mapped[str] = mapped_column(StoredText, primary_key=True)
    """A `By`."""
    monthly: Mapped[bool] = mapped_column(primary_key=True)
    start: Mapped[date] = mapped_column(primary_key=True)
    """The day (UTC), or the first day of the month."""
    of: Mapped[str] = mapped_column(StoredText, primary_key=True)
    """The conversation's key or the person's; "" for the sum of a day."""
    answers: Mapped[int] = mapped_column()
    failed: Mapped[int]
    prompt_tokens: Mapped[int] = mapped_column(RowId)
    completion_tokens: Mapped[int] = mapped_column(RowId)
    timed: Mapped[int]
    first_token_seconds: Mapped[float]
    generating_seconds: Mapped[float]

    __table_args__ = (
        # Rows from which everything was subtracted, until they are deleted.
        Index(
            "ix_sums_empty",
            answers,
            sqlite_where=answers <= 0,
            postgresql_where=answers <= 0,
        ),
        {"sqlite_with_rowid": False},
    )


class BucketRow(Base):
    """Counts and sums of one minute, hour or day. Holds nothing of a person or a place."""

    __tablename__ = "buckets"
    __table_args__ = ({"sqlite_with_rowid": False},)

    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """A `Step`: the length in seconds."""
    start: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    series: Mapped[str] = mapped_column(StoredText, primary_key=True)
    platform: Mapped[str] = mapped_column(StoredText, primary_key=True)
    model: Mapped[str] = mapped_column(StoredText, primary_key=True)
    bin: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(RowId)
    total: Mapped[float]


class EventRow(Base):
    """An accepted event of a platform, for deduplication when it is delivered again."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_with_rowid": False},)

    platform: Mapped[str] = mapped_column(StoredText, primary_key=True)
    event_id: Mapped[str] = mapped_column(StoredText, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(Instant, index=True)


class ProgressRow(Base):
    """Up to which moment the messages of a platform were handled. Where Parley looks for what it
    missed begins there."""

    __tablename__ = "progress"
    __table_args__ = ({"sqlite_with_rowid": False},)

    platform: Mapped[str] = mapped_column(StoredText, primary_key=True)
    handled_to: Mapped[datetime] = mapped_column(Instant)
    """By the platform's clock."""


class LeftoverRow(Base):
    """A message that is left of a deleted question's answer, until its buttons, or the message
    itself, are removed from the platform. Holds no text and no person."""

    __tablename__ = "leftovers"
    __table_args__ = ({"sqlite_with_rowid": False},)

    conversation: Mapped[str] = mapped_column(StoredText, primary_key=True)
    """``str`` of the ConversationKey of the place where the message stands."""
    message: Mapped[str] = mapped_column(StoredText, primary_key=True)
    """The surface's reference."""
    remove: Mapped[bool]
    """Delete the message; else only its buttons are removed."""


class SummaryRow(Base):
    """A summary that is being written. Holds no text of a message."""

    __tablename__ = "summaries"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    conversation: Mapped[str] = mapped_column(StoredText)
    """``str`` of the ConversationKey."""
    person: Mapped[str] = mapped_column(StoredText, index=True)
    """`Person.key`."""
    person_name: Mapped[str] = mapped_column(StoredText)
    first_message: Mapped[str] = mapped_column(StoredText)
    last_message: Mapped[str] = mapped_column(StoredText)
    asked_at: Mapped[datetime] = mapped_column(Instant)


class IdentityRow(Base):
    """One row, written when the table is made: which database this is. Buttons carry it, so that
    one of another database (made anew, or of a trial) reaches no answer of this one."""

    __tablename__ = "identity"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tag: Mapped[str] = mapped_column(StoredText, primary_key=True)
