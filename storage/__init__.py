"""The store of conversations, `bot.ports.Store`, in SQL or in memory. `open_store` opens it.

- `in_memory`: MemoryStore, in plain dictionaries: questions, answers, settings. Its base classes
  are the other parts of the port: `memory_edits` (edited and deleted questions), `memory_missed`
  (catching up), `memory_archive` (listing and deleting), `memory_origins` (threads),
  `memory_summaries`, `memory_personal` and `memory_reports`; `memory_rows` is what they hold.
- `sql`: SqlStore, in one module for each part of the port.
- `database`: reading and writing one database; SQLite's settings.
- `transactions`: runs a transaction, in a thread or on the event loop.
- `writer`: the single task that writes, with group commit.
- `scrub`, `gaps`: overwriting what SQLite leaves of deleted rows in the file.
- `tables`, `columns`: the schema, and its column types.
- `upgrade`, `migrations`: migrating a database to this version's schema when it is opened.
- `prompts`: the form in which the prompt of an answer is kept.
- `rules`: what both stores share: quotas, retention of event ids, text that can be stored.
- `errors`: a database's exceptions as StorageError, with the remedy.
- `inspection`: reading a database's condition without changing it (doctor, status).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.errors import ConfigError
from bot.ports import Store
from storage.rules import Now, utc_now

__all__ = ["open_store"]


@asynccontextmanager
async def open_store(url: str, *, now: Now = utc_now) -> AsyncIterator[Store]:
    """Open the store at `url` for as long as the context lasts; on exit, pending writes complete.

    "sqlite:///path" names a file, which is created with its folder where it does not exist, and
    migrated to this version's schema. "memory://" keeps everything in this process and loses it on
    exit. Any other SQLAlchemy URL names a database on a server (PostgreSQL). `now` returns the
    current time.

    Raises ConfigError where `url` names no database, and StorageError, with the database
    unchanged, where it is locked, damaged, not writable, another program's, or from a newer
    version.
    """
    if url == "memory://":
        from storage.in_memory import MemoryStore

        yield MemoryStore(now)
        return
    if not url:
        raise ConfigError('[storage] url is empty; write "sqlite:///path/to/file" or "memory://"')
    # SQLAlchemy and Alembic take most of a second to import, which "memory://" does without.
    from storage.database import Database, locate, open_transactions
    from storage.sql import open_sql_store
    from storage.upgrade import migrate

    parsed, location = locate(url)
    await migrate(parsed, location)
    database = Database(open_transactions(parsed), location)
    async with database.running():
        yield await open_sql_store(database, now)
