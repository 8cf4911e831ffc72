"""The thread in which an answer is shown is stored, where its conversation is the channel's.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("questions", sa.Column("shown_in", sa.Text(), nullable=False, server_default=""))
