"""What was used, added up by day and month, and the conversation of a verdict beside it, so that
reports on a long time read few rows.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SUMMED = (
    "answers",
    "failed",
    "prompt_tokens",
    "completion_tokens",
    "timed",
    "first_token_seconds",
    "generating_seconds",
)


def upgrade() -> None:
    _verdicts()
    op.create_table(
        "sums",
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("monthly", sa.Boolean(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", ROW_ID, nullable=False),
        sa.Column("completion_tokens", ROW_ID, nullable=False),
        sa.Column("timed", sa.Integer(), nullable=False),
        sa.Column("first_token_seconds", sa.Double(), nullable=False),
        sa.Column("generating_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("by", "monthly", "start", "of", name="pk_sums"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_sums_empty",
        "sums",
        ["answers"],
        sqlite_where=sa.text("answers <= 0"),
        postgresql_where=sa.text("answers <= 0"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    month = "date(day, 'start of month')" if sqlite else "CAST(date_trunc('month', day) AS date)"
    for by, monthly, start, of in (
        ("day", False, "day", "''"),
        ("person", False, "day", "person"),
        ("person", True, month, "person"),
        ("place", False, "day", "conversations.key"),
        ("place", True, month, "conversations.key"),
    ):
        _add_up(by, monthly, start, of)


def _verdicts() -> None:
    op.add_column("feedback", sa.Column("conversation_id", ROW_ID, nullable=True))
    op.execute(
        "UPDATE feedback SET conversation_id = (SELECT questions.conversation_id FROM answers "
        "JOIN questions ON questions.id = answers.question_id "
        "WHERE answers.id = feedback.answer_id)"
    )
    op.drop_index("ix_feedback_rated_at", "feedback")
    columns = ["rated_at", "answer_id", "verdict", "conversation_id", "person"]
    op.create_index("ix_feedback_reports", "feedback", columns)


def _add_up(by: str, monthly: bool, start: str, of: str) -> None:
    sums = ", ".join(f"sum({name})" for name in SUMMED)
    op.execute(
        f'INSERT INTO sums ("by", monthly, start, "of", {", ".join(SUMMED)}) '  # noqa: S608
        f"SELECT '{by}', {str(monthly).lower()}, {start}, {of}, {sums} FROM activity "
        "JOIN conversations ON conversations.id = activity.conversation_id "
        f"GROUP BY {start}{f', {of}' if by != 'day' else ''}"  # PostgreSQL groups by no constant
    )
