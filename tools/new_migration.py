"""Writes a draft of the migration from the last revision to what `storage/tables.py` describes now.

    python -m tools.new_migration "What changes"

The draft is written to `storage/migrations/versions/`, and has to be reviewed: Alembic compares
tables, columns and indexes, but does not know how to convert data. Replace the project's own column
types with SQLAlchemy's (`sa.Text()` for `StoredText()`, and so on), so that the revision does not
change when those types do.
"""

import sys

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from storage.upgrade import MIGRATIONS, config_for


def main() -> None:
    """Upgrade an empty in-memory database to the last revision, and write the difference."""
    if len(sys.argv) != 2:
        sys.exit('usage: python -m tools.new_migration "What changes"')
    revisions = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    with create_engine("sqlite://").connect() as connection:
        config = config_for(connection)
        command.upgrade(config, "head")
        command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{len(revisions) + 1:04d}")


if __name__ == "__main__":
    main()
