"""Which model answers in a conversation, and which one wrote an answer.

Revision: 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("settings", sa.Column("model", sa.Text(), nullable=True))
    op.add_column("answers", sa.Column("model", sa.Text(), nullable=False, server_default=""))
