"""Where conversations are kept: in a database, or in memory. `open_store` opens it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.errors import ConfigError
from bot.ports import Store
from storage.rules import Clock, utc_now

__all__ = ["open_store"]


@asynccontextmanager
async def open_store(url: str, *, now: Clock = utc_now) -> AsyncIterator[Store]:
    """The store at `url`, open while the body runs; what waits to be written is written then.

    "sqlite:///path" is a file (made, with its folder, where there is none; brought to this
    version's tables), "memory://" keeps nothing, and any other address of SQLAlchemy's goes to
    that database. `now` gives the time in UTC.

    Raises ConfigError where `url` names no database, and StorageError, with the database as it
    was, where it is locked, damaged, not writable, not ours, or from a newer version. Every
    method of the store raises StorageError where the database fails.
    """
    if url == "memory://":
        from storage.in_memory import MemoryStore

        yield MemoryStore(now)
        return
    if not url:
        raise ConfigError('[storage] url is empty; write "sqlite:///path/to/file" or "memory://"')
    # SQLAlchemy and Alembic take most of a second to load: not for those who keep nothing.
    from storage.database import Database, new_engine, place_of
    from storage.sql import SqlStore
    from storage.upgrade import bring_up

    parsed, place = place_of(url)
    await bring_up(parsed, place)
    database = Database(new_engine(parsed), place)
    async with database.running():
        yield SqlStore(database, now)
