"""Bringing a database to this version's tables when it is opened.

Nothing is written to a database that is not ours, or that a newer Parley wrote.
"""

import asyncio
import logging
import sqlite3
import threading
from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, NullPool, create_engine, event, inspect, text

from bot.errors import StorageError
from bot.files import make_private_folder
from storage.database import BEGIN, BUSY_SECONDS, PRAGMAS, begin, new_engine
from storage.errors import Place

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x7061726C6579  # "parley"

_one_at_a_time = threading.Lock()
"""Alembic keeps the migration that runs in module globals."""


async def bring_up(url: URL, place: Place, *, busy_seconds: float = BUSY_SECONDS) -> None:
    """Make the file, the tables, or the changes that this version needs.

    Runs in a thread. Two programs that start at once wait for each other. What fails leaves the
    database as it was. Raises StorageError.
    """
    await asyncio.to_thread(_in_thread, url, place, busy_seconds)


def _in_thread(url: URL, place: Place, busy_seconds: float) -> None:
    with _one_at_a_time, place.faults():
        if place.file is None:
            asyncio.run(_on_server(url, place))
        else:
            _make_file(place.file)
            _in_file(place.file, place, busy_seconds)


def _make_file(file: Path) -> None:
    """Conversations are private: what is made here is readable by its owner alone."""
    make_private_folder(file.parent)
    if not file.exists():
        file.touch(mode=0o600)


def _in_file(file: Path, place: Place, busy_seconds: float) -> None:
    # Without aiosqlite: where a file cannot be opened its thread may outlive the loop, and says so.
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(file, busy_seconds),
        poolclass=NullPool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", begin)
    with engine.connect() as connection:
        _revision(connection, place)
        connection.rollback()
        _prepare(connection.execution_options(**{BEGIN: ""}), place)
        connection.rollback()
        _upgrade(connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}), place)


def _connect(file: Path, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=busy_seconds, isolation_level=None)
    try:
        for pragma in (*PRAGMAS, "schema_version"):  # the last reads the file: is it a database?
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


async def _on_server(url: URL, place: Place) -> None:
    engine = new_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade, place)
    finally:
        await engine.dispose()


def config_for(connection: Connection) -> Config:
    """What Alembic needs in place of an ini file: it works on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection, place: Place) -> str | None:
    """The database's revision, None for an empty one. Raises StorageError where it isn't ours."""
    heads = MigrationContext.configure(connection).get_current_heads()
    if not heads:
        if inspect(connection).get_table_names():
            raise StorageError(
                f"{place.name} is the database of another program and was left as it is; "
                "point [storage] url elsewhere"
            )
        return None
    known = {script.revision for script in _scripts(connection).walk_revisions()}
    if unknown := set(heads) - known:
        raise StorageError(
            f"{place.name} was written by a newer Parley (revision {', '.join(sorted(unknown))}) "
            "and was left as it is; upgrade Parley or point [storage] url elsewhere"
        )
    return heads[0]


def _scripts(connection: Connection) -> ScriptDirectory:
    return ScriptDirectory.from_config(config_for(connection))


def _prepare(connection: Connection, place: Place) -> None:
    # Neither can be changed inside of a transaction. Foreign keys are off on this connection
    # only: a migration that rebuilds a table would else delete what refers to its rows.
    connection.execute(text("PRAGMA foreign_keys=OFF"))
    if (mode := connection.scalar(text("PRAGMA journal_mode=WAL"))) != "wal":
        raise StorageError(
            f"{place.name} cannot have a write-ahead log (it stayed in mode {mode!r}); "
            "keep it on a local disk, not on a network drive"
        )


def _upgrade(connection: Connection, place: Place) -> None:
    """In one transaction that is alone in the database."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
    found = _revision(connection, place)  # again: another program may have been at it
    newest = _scripts(connection).get_current_head()
    if found == newest:
        # Written and taken back: a database that is read-only says so now, not to who asks first.
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        connection.rollback()
        return
    upgrade(config_for(connection), "head")
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise StorageError(
                f"{place.name} could not be upgraded (rows of {broken[0]!r} lost what they "
                "belong to) and was left as it is; please report this"
            )
    connection.commit()
    logger.info("%s: tables brought from %s to %s", place.name, found or "nothing", newest)
