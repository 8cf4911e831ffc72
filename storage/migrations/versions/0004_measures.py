"""History for plots, who used how much, when a verdict was given, and the prompts of answers that
were rated as bad.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("feedback", sa.Column("rated_at", INSTANT, nullable=True))
    op.create_index("ix_feedback_rated_at", "feedback", ["rated_at"])
    op.execute(
        "UPDATE feedback SET rated_at = "
        "(SELECT created_at FROM answers WHERE answers.id = feedback.answer_id)"
    )
    op.create_table(
        "buckets",
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("start", INSTANT, nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False),
        sa.Column("count", ROW_ID, nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "step", "start", "series", "platform", "model", "bin", name="pk_buckets"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prompts",
        sa.Column("answer_id", ROW_ID, nullable=False),
        sa.Column("first_question", ROW_ID, nullable=False),
        sa.Column("messages", sa.Text(), nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["answers.id"], name="fk_prompts_answer_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("answer_id", name="pk_prompts"),
        sqlite_with_rowid=False,
    )
    _activity()


def _activity() -> None:
    op.create_table(
        "activity",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("conversation_id", ROW_ID, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", ROW_ID, nullable=False),
        sa.Column("completion_tokens", ROW_ID, nullable=False),
        sa.Column("timed", sa.Integer(), nullable=False),
        sa.Column("first_token_seconds", sa.Double(), nullable=False),
        sa.Column("generating_seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_activity_conversation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("day", "conversation_id", "person", name="pk_activity"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_activity_person", "activity", ["person"])
    op.create_index("ix_activity_conversation_id", "activity", ["conversation_id"])
    # What the answers so far used, so that the reports do not begin with an upgrade.
    op.execute(
        """
        INSERT INTO activity (day, conversation_id, person, answers, failed, prompt_tokens,
                              completion_tokens, timed, first_token_seconds, generating_seconds)
        SELECT date(answers.created_at), questions.conversation_id, answers.charged_to, count(*),
               sum(CASE WHEN answers.state = 'failed' THEN 1 ELSE 0 END),
               sum(answers.prompt_tokens), sum(answers.completion_tokens),
               sum(CASE WHEN answers.total_seconds > 0 THEN 1 ELSE 0 END),
               sum(answers.first_token_seconds),
               sum(answers.total_seconds - answers.first_token_seconds)
        FROM answers JOIN questions ON questions.id = answers.question_id
        WHERE answers.charged_to IS NOT NULL AND answers.state NOT IN ('queued', 'writing')
        GROUP BY date(answers.created_at), questions.conversation_id, answers.charged_to
        """
    )
