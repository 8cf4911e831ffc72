"""A conversation's history in the order in which answers ended, what part of it an answer was
given, and which questions a kept prompt quotes.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in ("moment", "reset_at"):
        op.add_column("conversations", sa.Column(name, ROW_ID, nullable=False, server_default="0"))
    op.add_column("questions", sa.Column("position", ROW_ID, nullable=True))
    for name in ("ended", "grown", "context_to", "context_from"):
        op.add_column("answers", sa.Column(name, ROW_ID, nullable=True))
    op.add_column("answers", sa.Column("kept", sa.Integer(), nullable=True))
    _fill()
    op.create_index("ix_questions_history", "questions", ["conversation_id", "position"])
    op.create_index("ix_questions_newest", "questions", ["conversation_id", "author", "id"])
    _quoted()


def _fill() -> None:
    """Until now questions were answered one after the other, in the order of their ids."""
    op.execute("UPDATE questions SET position = id")
    op.execute(
        "UPDATE answers SET ended = question_id WHERE current AND state NOT IN ('queued','writing')"
    )
    op.execute(
        "UPDATE conversations SET reset_at = hidden_to, moment = coalesce((SELECT max(id) FROM "
        "questions WHERE questions.conversation_id = conversations.id), hidden_to)"
    )
    # questions that a reset hid may have been deleted since
    op.execute("UPDATE conversations SET moment = reset_at WHERE moment < reset_at")


def _quoted() -> None:
    op.create_table(
        "quoted",
        sa.Column("question_id", ROW_ID, nullable=False),
        sa.Column("answer_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["prompts.answer_id"], name="fk_quoted_answer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("question_id", "answer_id", name="pk_quoted"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_quoted_answer_id", "quoted", ["answer_id"])
    op.execute(
        """
        INSERT INTO quoted (question_id, answer_id)
        SELECT earlier.id, prompts.answer_id
        FROM prompts JOIN answers ON answers.id = prompts.answer_id
        JOIN questions ON questions.id = answers.question_id
        JOIN questions AS earlier ON earlier.conversation_id = questions.conversation_id
        WHERE earlier.id BETWEEN prompts.first_question AND questions.id
        """
    )
    op.drop_column("prompts", "first_question")
