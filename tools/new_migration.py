"""Write the migration that brings the database to what `storage/tables.py` describes now.

    python -m tools.new_migration "What changes"

The draft lands in `storage/migrations/versions/`. Read it: Alembic sees columns, indexes and
tables, but no meaning. Spell out types of our own (`sa.Text()` for `StoredText()`, and so on), so
that the revision stays the same when they change.
"""

import sys

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from storage.upgrade import MIGRATIONS, config_for


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit('usage: python -m tools.new_migration "What changes"')
    revisions = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    with create_engine("sqlite://").connect() as connection:
        config = config_for(connection)
        command.upgrade(config, "head")
        command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{len(revisions) + 1:04d}")


if __name__ == "__main__":
    main()
