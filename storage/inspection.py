"""Looks at a database without changing anything in it."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from storage.database import new_engine, place_of
from storage.errors import Place

NO_ROOM = 100_000_000
"""Bytes: a disk with less free is as good as full."""

COUNT = "SELECT count(DISTINCT conversation_id), count(*) FROM questions"


@dataclass(frozen=True, slots=True)
class Kept:
    """How much a database holds."""

    conversations: int
    exchanges: int


def name_of(url: str) -> str:
    """The database in words for its owner: no password in it. Raises ConfigError."""
    return "memory://" if url == "memory://" else place_of(url)[1].name


async def inspect_database(url: str) -> str:
    """What there is at `url`, in words: nothing is written or made. Raises ConfigError where `url`
    names no database, StorageError with the remedy where it cannot be used."""
    if url == "memory://":
        return "nothing is kept (memory://)"
    parsed, place = place_of(url)
    if place.file is not None:
        return await asyncio.to_thread(_look_at, place.file, place)
    async with _connected(parsed, place):
        return f"{place.name} answers"


async def count_kept(url: str) -> Kept | None:
    """What is kept at `url`; None where nothing is yet. Nothing is written or made. Raises
    ConfigError where `url` names no database, StorageError where it cannot be read."""
    if url == "memory://":
        return None
    parsed, place = place_of(url)
    if place.file is not None:
        if not place.file.exists():
            return None
        return await asyncio.to_thread(_count, place.file, place)
    async with _connected(parsed, place) as connection:
        return Kept(*(await connection.execute(text(COUNT))).one())


@asynccontextmanager
async def _connected(url: URL, place: Place) -> AsyncIterator[AsyncConnection]:
    """A connection to a server's database for the body, whose faults are explained."""
    engine = new_engine(url)
    try:
        with place.faults():
            async with engine.connect() as connection:
                yield connection
    finally:
        await engine.dispose()


def _read_only(file: Path) -> closing[sqlite3.Connection]:
    """A connection that can only read. Raises sqlite3.Error."""
    uri = f"{file.resolve().as_uri()}?mode=ro"
    return closing(sqlite3.connect(uri, uri=True, timeout=5))


def _count(file: Path, place: Place) -> Kept:
    try:
        with _read_only(file) as connection:
            return Kept(*connection.execute(COUNT).fetchone())
    except sqlite3.Error as exc:
        raise StorageError(
            f"the database {place.name} cannot be read ({exc}); parley doctor examines it"
        ) from exc


def _look_at(file: Path, place: Place) -> str:
    try:
        existing = next(path for path in (file, *file.parents) if path.exists())
        free = shutil.disk_usage(existing).free
    except OSError as exc:
        raise StorageError(f"{file} cannot be looked at: {exc.strerror}") from exc
    if free < NO_ROOM:
        raise StorageError(f"the disk of {file} is full ({free / 1e6:.0f} MB free); make room")
    if existing != file:
        _require_writable(existing)
        return f"{file} will be made at the first start"
    _require_writable(file)
    _require_writable(file.parent)
    return f"{file}, {_whole(file, place)}"


def _require_writable(path: Path) -> None:
    wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    if not os.access(path, wanted):
        raise StorageError(
            f"{path} is not writable for you; make it so, or point [storage] url elsewhere"
        )


def _whole(file: Path, place: Place) -> str:
    """SQLite's own check."""
    damaged = (
        f"the database {place.name} is damaged ({{}}); stop Parley, move it away with its -wal "
        "file and restore a backup"
    )
    try:
        with _read_only(file) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            found = _revisions(connection) if "alembic_version" in tables else set()
    except sqlite3.OperationalError as exc:
        raise StorageError(f"the database {place.name} cannot be read now ({exc})") from exc
    except sqlite3.DatabaseError as exc:
        raise StorageError(damaged.format(exc)) from exc
    if verdict != "ok":
        raise StorageError(damaged.format(verdict))
    if tables and "alembic_version" not in tables:
        raise StorageError(
            f"{place.name} is the database of another program; point [storage] url elsewhere"
        )
    if unknown := found - known_revisions():
        raise StorageError(
            f"{place.name} was written by a newer Parley (revision {', '.join(sorted(unknown))}); "
            "upgrade Parley or point [storage] url elsewhere"
        )
    return f"{file.stat().st_size / 1e6:.1f} MB, whole"


def _revisions(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}


def known_revisions() -> set[str]:
    """The revisions that this version can bring up to date."""
    from alembic.script import ScriptDirectory

    from storage.upgrade import MIGRATIONS

    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
