"""Looks at a database without changing anything in it."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bot.errors import StorageError
from storage.engine import new_engine, place_of
from storage.faults import Place

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
    engine = new_engine(parsed)
    try:
        with place.faults():
            async with engine.connect():
                return f"{place.name} answers"
    finally:
        await engine.dispose()


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
    engine = new_engine(parsed)
    try:
        with place.faults():
            async with engine.connect() as connection:
                return Kept(*(await connection.execute(text(COUNT))).one())
    finally:
        await engine.dispose()


def _count(file: Path, place: Place) -> Kept:
    try:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
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
    """SQLite's own check, on a connection that can only read."""
    damaged = (
        f"the database {place.name} is damaged ({{}}); stop Parley, move it away with its -wal "
        "file and restore a backup"
    )
    try:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
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
