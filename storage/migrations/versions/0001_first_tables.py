"""The schema of 0.1.0. Types are spelled out: a revision never changes once it is released.

Revision: 0001, after none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _conversations()
    _questions()
    _answers()
    _shown_and_feedback()
    _usage_and_events()


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hidden_to", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.UniqueConstraint("key", name="uq_conversations_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "settings",
        sa.Column("conversation_id", ROW_ID, nullable=False),
        sa.Column("system_prompt", sa.Text()),
        sa.Column("temperature", sa.Double()),
        sa.Column("max_new_tokens", sa.Integer()),
        sa.Column("show_names", sa.Boolean()),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_settings_conversation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_settings"),
    )


def _questions() -> None:
    op.create_table(
        "questions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("conversation_id", ROW_ID, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_admin", sa.Boolean(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_questions_conversation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_questions_paging", "questions", ["conversation_id", "id"])
    op.create_index("ix_questions_message", "questions", ["conversation_id", "message_id"])
    op.create_index("ix_questions_author", "questions", ["author"])
    op.create_index("ix_questions_asked_at", "questions", ["asked_at"])


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("question_id", ROW_ID, nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("unfinished", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("charged_to", sa.Text()),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("first_token_seconds", sa.Double(), nullable=False),
        sa.Column("total_seconds", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name="fk_answers_question_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_answers_question_id", "answers", ["question_id"])
    op.create_index("ix_answers_charged_to", "answers", ["charged_to"])
    _partial_index("uq_answers_current", ["question_id"], where="current", unique=True)
    _partial_index(
        "ix_answers_unfinished", ["unfinished", "question_id"], where="unfinished", unique=False
    )


def _partial_index(name: str, columns: list[str], *, where: str, unique: bool) -> None:
    """An index of only those answers for which the column `where` is true."""
    true = sa.column(where, sa.Boolean()) == sa.true()
    op.create_index(
        name, "answers", columns, unique=unique, sqlite_where=true, postgresql_where=true
    )


def _shown_and_feedback() -> None:
    op.create_table(
        "shown",
        sa.Column("answer_id", ROW_ID, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["answers.id"], name="fk_shown_answer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("answer_id", "part", name="pk_shown"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feedback",
        sa.Column("answer_id", ROW_ID, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["answers.id"], name="fk_feedback_answer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("answer_id", "person", name="pk_feedback"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feedback_person", "feedback", ["person"])


def _usage_and_events() -> None:
    op.create_table(
        "usage",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("tokens", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("person", "day", name="pk_usage"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_day", "usage", ["day"])
    op.create_table(
        "events",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("platform", "event_id", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_events_seen_at", "events", ["seen_at"])
