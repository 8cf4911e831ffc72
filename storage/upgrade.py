"""Migrates a database to this version's schema when it is opened (Alembic).

A database of another program, or of a newer Parley, is never written to. Alembic is imported for
migrations alone: a start that finds nothing to migrate does without its quarter of a second.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, NullPool, create_engine, event, inspect, text

from bot.errors import StorageError
from bot.files import make_private_folder
from storage.database import BUSY_SECONDS, PRAGMAS, server_engine
from storage.errors import Location
from storage.transactions import BEGIN, begin

if TYPE_CHECKING:
    from alembic.config import Config

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x7061726C6579
"""PostgreSQL's lock for migrations: "parley" in ASCII."""

OWN_TABLES = {"conversations", "questions", "answers"}
"""Tables that each version of Parley has."""
VERSIONS = "alembic_version"
RECORDED = "SELECT version_num FROM alembic_version"

_alembic_lock = threading.Lock()
"""Alembic keeps the running migration in module globals, so one runs at a time."""


async def migrate(url: URL, location: Location, *, busy_seconds: float = BUSY_SECONDS) -> None:
    """Create the database, or upgrade it to the newest revision, in one transaction.

    Runs in a thread. Processes that start at the same time wait for each other, up to
    `busy_seconds`. Raises StorageError; a migration that fails leaves the database unchanged.
    """
    await asyncio.to_thread(_in_thread, url, location, busy_seconds)


def _in_thread(url: URL, location: Location, busy_seconds: float) -> None:
    with _alembic_lock, location.translated_errors():
        if location.file is None:
            asyncio.run(_on_server(url, location))
        else:
            _make_file(location.file)
            _in_file(location.file, location, busy_seconds)


def _make_file(file: Path) -> None:
    """Create the file and its folder, readable by their owner only: conversations are private."""
    make_private_folder(file.parent)
    if not file.exists():
        file.touch(mode=0o600)


def _in_file(file: Path, location: Location, busy_seconds: float) -> None:
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(file, busy_seconds),
        poolclass=NullPool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", begin)
    with engine.connect() as connection:
        _revision(connection, location)
        connection.rollback()
        _prepare(connection.execution_options(**{BEGIN: ""}), location)
        connection.rollback()
        _upgrade(connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}), location)


def _connect(file: Path, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=busy_seconds, isolation_level=None)
    try:
        for pragma in (*PRAGMAS, "schema_version"):  # the last reads the file, and fails on garbage
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


async def _on_server(url: URL, location: Location) -> None:
    engine = server_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade, location)
    finally:
        await engine.dispose()


def config_for(connection: Connection) -> "Config":
    """Alembic's configuration, in place of an ini file, to work on `connection`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def revisions() -> tuple[str, ...]:
    """The schema revisions that this version knows, the newest one last. They are numbered, and the
    file of each begins with its number."""
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(file.name.partition("_")[0] for file in files))


def known_revision(
    location: Location, tables: Collection[str], recorded: Iterable[object]
) -> str | None:
    """The schema revision of a database with these tables, of which `recorded` are the rows of
    Alembic's table; None where it is empty. Raises StorageError where it is another program's or a
    newer Parley's, or where the rows cannot be true. Revisions of other programs may have the same
    names, so that tables of Parley have to be there."""
    found = {str(row) for row in recorded}
    if not tables:
        return None
    if not found or not set(tables) >= OWN_TABLES:
        raise StorageError(
            f"{location.name} is the database of another program and was not changed; "
            "point [storage] url elsewhere"
        )
    named = ", ".join(sorted(found))
    if found - set(revisions()):
        raise StorageError(
            f"{location.name} was written by a newer Parley (revision {named}) "
            "and was not changed; upgrade Parley or point [storage] url elsewhere"
        )
    if len(found) > 1:
        raise StorageError(
            f"{location.name} records several schema revisions ({named}) and was not changed; "
            "stop Parley, move it away with its -wal file and restore a backup"
        )
    return found.pop()


def _revision(connection: Connection, location: Location) -> str | None:
    tables = inspect(connection).get_table_names()
    recorded = connection.scalars(text(RECORDED)).all() if VERSIONS in tables else ()
    return known_revision(location, tables, recorded)


def _prepare(connection: Connection, location: Location) -> None:
    # Neither can be changed within a transaction. Foreign keys are off on this connection only: a
    # migration that rebuilds a table would otherwise delete the rows that refer to it.
    connection.execute(text("PRAGMA foreign_keys=OFF"))
    if (mode := connection.scalar(text("PRAGMA journal_mode=WAL"))) != "wal":
        raise StorageError(
            f"{location.name} cannot use a write-ahead log (the journal mode stays {mode!r}); "
            "keep it on a local disk, not on a network drive"
        )


def _upgrade(connection: Connection, location: Location) -> None:
    """Run the migrations in the connection's transaction, which holds the write lock."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
    found = _revision(connection, location)  # again: another process may have upgraded it
    newest = revisions()[-1]
    if found == newest:
        # A write that is rolled back, so that a read-only database fails now and not at the first
        # question.
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        connection.rollback()
        return
    from alembic.command import upgrade

    upgrade(config_for(connection), "head")
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise StorageError(
                f"{location.name} could not be upgraded (rows of {broken[0]!r} would refer to "
                "rows that do not exist) and was not changed; please report this"
            )
    connection.commit()
    logger.info("%s: schema upgraded from %s to %s", location.name, found or "empty", newest)
