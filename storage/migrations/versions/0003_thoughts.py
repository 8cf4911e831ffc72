"""What a model thought before its answer, and how much it should think, are stored.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answers", sa.Column("thought", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "answers", sa.Column("thinking_tokens", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("settings", sa.Column("reasoning", sa.Text(), nullable=True))
