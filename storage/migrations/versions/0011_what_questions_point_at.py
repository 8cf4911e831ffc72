"""How much of a question's text quotes what it points at, so that an edit keeps it.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # of questions that were asked before it is not known
    op.add_column("questions", sa.Column("pointed", sa.Integer(), nullable=True))
