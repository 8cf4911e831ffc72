"""When a conversation was reset, and an index that finds the answer that a message shows.

Revision: 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("conversations", sa.Column("reset_time", INSTANT, nullable=True))
    # of an earlier reset only the newest question that it hid is known: it came before
    op.execute(
        "UPDATE conversations SET reset_time = "
        "(SELECT asked_at FROM questions WHERE questions.id = conversations.hidden_to) "
        "WHERE hidden_to > 0"
    )
    op.create_index("ix_shown_message", "shown", ["message"])
