"""Which model answers in a conversation, and which one wrote an answer.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("settings", sa.Column("model", sa.Text(), nullable=True))
    op.add_column("answers", sa.Column("model", sa.Text(), nullable=False, server_default=""))
