"""The schema of 0.2.0: which parts of an answer are shown in their final form, messages that are
left of deleted questions, up to when a platform's messages were handled, and the database's own
identity, by which a button knows its database.

Revision: 0002, after 0001.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of answers of 0.1.0 nothing is known: they are edited once more when they are resumed.
    op.add_column("answers", sa.Column("settled", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "leftovers",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("remove", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", "message", name="pk_leftovers"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "progress",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("handled_to", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", name="pk_progress"),
        sqlite_with_rowid=False,
    )
    identity = op.create_table(
        "identity",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tag", name="pk_identity"),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(identity, [{"tag": secrets.token_hex(4)}])
