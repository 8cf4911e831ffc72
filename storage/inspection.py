"""Inspects a database without changing anything: for ``parley doctor`` and ``parley status``."""

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
from storage.database import locate, server_engine
from storage.errors import Location
from storage.upgrade import RECORDED, VERSIONS, known_revision

FULL_BELOW = 100_000_000
"""Bytes. A disk with less free space than this is reported as full."""

TABLES = """
    SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
"""
COUNT = "SELECT count(DISTINCT conversation_id), count(*) FROM questions"
NEWEST = 1000
"""Answers whose tokens are added up, as `TOKENS` says: a large database takes no longer."""
TOKENS = """
    SELECT coalesce(sum(completion_tokens), 0), coalesce(sum(thinking_tokens), 0) FROM
    (SELECT completion_tokens, thinking_tokens FROM answers ORDER BY id DESC LIMIT 1000) AS newest
"""
BEFORE_THOUGHTS = """
    SELECT coalesce(sum(completion_tokens), 0), 0 FROM
    (SELECT completion_tokens FROM answers ORDER BY id DESC LIMIT 1000) AS newest
"""
"""The same for a database of 0.1.0, which no start has upgraded yet."""
HAS_THOUGHTS = (
    "SELECT count(*) FROM information_schema.columns"
    " WHERE table_name = 'answers' AND column_name = 'thinking_tokens'"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """How much a database holds."""

    conversations: int
    exchanges: int
    tokens: int = 0
    """That the newest `NEWEST` answers have, their thoughts included."""
    thinking_tokens: int = 0
    """How many of them are thoughts."""


def name_of(url: str) -> str:
    """The database's path or URL without its password. Raises ConfigError where it is none."""
    return "memory://" if url == "memory://" else locate(url)[1].name


async def inspect_database(url: str) -> str:
    """One line about the database at `url`. Writes and creates nothing.

    Runs SQLite's quick integrity check on a file. Raises ConfigError where `url` names no database,
    and StorageError, with the remedy, where it cannot be used.
    """
    if url == "memory://":
        return "conversations are lost when Parley ends (memory://)"
    parsed, location = locate(url)
    if location.file is not None:
        return await asyncio.to_thread(_inspect_file, location.file, location)
    async with _connect(parsed, location):
        return f"{location.name} responds"


async def count_kept(url: str) -> Kept | None:
    """How much is stored at `url`; None where there is no database yet. Writes and creates nothing.
    Raises ConfigError where `url` names no database, StorageError where it cannot be read."""
    if url == "memory://":
        return None
    parsed, location = locate(url)
    if location.file is not None:
        if not location.file.exists():
            return None
        return await asyncio.to_thread(_count, location.file, location)
    async with _connect(parsed, location) as connection:
        found = await connection.execute(text(HAS_THOUGHTS))
        tokens = TOKENS if found.scalar() else BEFORE_THOUGHTS
        counted = (await connection.execute(text(COUNT))).one()
        return Kept(*counted, *(await connection.execute(text(tokens))).one())


@asynccontextmanager
async def _connect(url: URL, location: Location) -> AsyncIterator[AsyncConnection]:
    """A connection to a server's database. Raises StorageError, in the context too."""
    engine = server_engine(url)
    try:
        with location.translated_errors():
            async with engine.connect() as connection:
                yield connection
    finally:
        await engine.dispose()


def _read_only(file: Path) -> closing[sqlite3.Connection]:
    """A read-only connection, closed at the end of the context. Raises sqlite3.Error."""
    uri = f"{file.resolve().as_uri()}?mode=ro"
    return closing(sqlite3.connect(uri, uri=True, timeout=5))


def _count(file: Path, location: Location) -> Kept:
    try:
        with _read_only(file) as connection:
            columns = {row[1] for row in connection.execute("PRAGMA table_info(answers)")}
            tokens = TOKENS if "thinking_tokens" in columns else BEFORE_THOUGHTS
            counted = connection.execute(COUNT).fetchone()
            return Kept(*counted, *connection.execute(tokens).fetchone())
    except sqlite3.Error as exc:
        raise StorageError(
            f"the database {location.name} cannot be read ({exc}); run parley doctor"
        ) from exc


def _inspect_file(file: Path, location: Location) -> str:
    try:
        existing = next(path for path in (file, *file.parents) if path.exists())
        free = shutil.disk_usage(existing).free
    except OSError as exc:
        raise StorageError(f"{file} cannot be inspected: {exc.strerror}") from exc
    if free < FULL_BELOW:
        raise StorageError(f"the disk of {file} is full ({free / 1e6:.0f} MB free); make room")
    if existing != file:
        _require_writable(existing)
        return f"{file} will be created at the first start"
    _require_writable(file)
    _require_writable(file.parent)
    return f"{file}, {_checked(file, location)}"


def _require_writable(path: Path) -> None:
    wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    if not os.access(path, wanted):
        raise StorageError(
            f"you cannot write to {path}; change its permissions, or point [storage] url elsewhere"
        )


def _checked(file: Path, location: Location) -> str:
    """The file's size, if SQLite's quick check and the revision are all right. Raises
    StorageError."""
    damaged = (
        f"the database {location.name} is damaged ({{}}); stop Parley, move it away with its -wal "
        "file and restore a backup"
    )
    try:
        with _read_only(file) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {row[0] for row in connection.execute(TABLES)}
            recorded = connection.execute(RECORDED).fetchall() if VERSIONS in tables else []
    except sqlite3.OperationalError as exc:
        raise StorageError(f"the database {location.name} cannot be read now ({exc})") from exc
    except sqlite3.DatabaseError as exc:
        raise StorageError(damaged.format(exc)) from exc
    if verdict != "ok":
        raise StorageError(damaged.format(verdict))
    known_revision(location, tables, (row[0] for row in recorded))
    return f"{file.stat().st_size / 1e6:.1f} MB, intact"
