"""Overwrites what SQLite leaves of deleted rows in the unused parts of a database file's pages.

With secure_delete, SQLite zeroes a deleted row and each freed page. But where it moved rows between
pages earlier, copies remain in the unused gap of a b-tree page, between the cell pointers and the
cell content (https://www.sqlite.org/fileformat2.html#b_tree_pages). VACUUM would remove them, but
it holds the write lock until the whole file is rewritten. A pass of this module zeroes the gaps in
the file itself, some megabytes at a time, and other writers get their turn after each chunk:

1. Under the write lock, the pages that others wrote since the last chunk are read from the log: a
   page that was scrubbed before may have received the content of one that was not, because SQLite
   exchanges the numbers of pages when it rebalances a tree.
2. A checkpoint copies the log to the file and truncates it, so that the file alone is the database.
3. Under the write lock again, zeros are written into the gaps of the chunk and of these pages.
   Readers may read meanwhile: nothing in a gap has a meaning, so a power cut does no harm either.
4. A commit, which rewrites the user version as it is, makes all connections drop the pages in their
   caches, which would otherwise bring back the gaps as they were.

The user version (`PRAGMA user_version`) counts the transactions that deleted something and that no
complete pass has followed yet, so that a pass that a crash interrupts is made at the next start.

The file is read through a descriptor of our own. Closing it would release the POSIX locks that
SQLite holds on the file in this process (https://www.sqlite.org/howtocorrupt.html, 2.2), so
descriptors stay open until no database is open in this process (`descriptors`).

Everything here blocks; `storage.scrub` runs it in threads.
"""

import contextlib
import os
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import text
from sqlalchemy.orm import Session

CHUNK = 4 << 20
"""Bytes of the file that are scrubbed at a time, which bounds how long a writer waits."""
BUSY_SECONDS = 0.05
"""Seconds to wait, in the writer's turn, for readers and for other processes that write."""

HEADER_SIZES = {2: 12, 5: 12, 10: 8, 13: 8}
"""The size of the header by a b-tree page's type. The first byte of an overflow or trunk page is
part of a page number, and never one of these in a file of at most `MOST_PAGES` pages."""
MOST_PAGES = 0x01FFFFFF
LOCK_BYTE = 1 << 30
"""Offset of the page that holds locks and no data; Windows refuses to read it."""
LOG_HEADER, FRAME_HEADER = 32, 24
"""Sizes in the write-ahead log: https://www.sqlite.org/fileformat2.html#walformat"""


class Busy(Exception):
    """A reader's snapshot, or another process that writes, prevents it at the moment."""


class TrackLost(Exception):
    """What others wrote since the last chunk is not known: begin the pass again."""


class UnknownFormat(Exception):
    """The file is of a kind whose pages are not scrubbed; VACUUM does it."""


def count_deletion(session: Session) -> None:
    """Record, in the session's transaction, that a pass must follow. On a server does nothing."""
    if session.get_bind().dialect.name == "sqlite":
        version = session.scalar(text("PRAGMA user_version")) or 0
        session.execute(text(f"PRAGMA user_version = {version + 1}"))


def unused_gap(page: bytes, header: int = 0) -> tuple[int, int]:
    """Start and end of the gap in a b-tree page whose header is at the offset `header`; equal
    where it has none, or is no b-tree page."""
    if (size := HEADER_SIZES.get(page[header])) is None:
        return 0, 0
    cells, content = struct.unpack_from(">HH", page, header + 3)
    start, end = header + size + 2 * cells, content or 65536
    return (start, end) if start < end <= len(page) else (0, 0)


# ---------------------------------------------------------------- descriptors

_lock = threading.Lock()
_databases = 0
_descriptors: dict[tuple[int, int], BinaryIO] = {}


@contextlib.contextmanager
def descriptors() -> Iterator[None]:
    """Keep descriptors of database files open in the context. They are closed when no such context
    is left in this process; SQLite's connections must be closed before."""
    global _databases
    with _lock:
        _databases += 1
    try:
        yield
    finally:
        with _lock:
            _databases -= 1
            if not _databases:
                for opened in _descriptors.values():
                    opened.close()
                _descriptors.clear()


def _descriptor(file: Path) -> BinaryIO:
    with _lock:
        found = file.stat()
        key = found.st_dev, found.st_ino
        if key not in _descriptors:
            _descriptors[key] = file.open("r+b", buffering=0)
        return _descriptors[key]


# ---------------------------------------------------------------- one pass


class DatabaseFile:
    """A connection of its own to an SQLite file, with a short busy timeout. Blocking. Not for
    several threads at once. Methods raise Busy, sqlite3.Error and OSError."""

    def __init__(self, file: Path) -> None:
        self.path = file
        self.log = file.with_name(f"{file.name}-wal")
        self.connection = sqlite3.connect(
            file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        # NORMAL: losing a commit of this connection in a power cut costs another pass, no more.
        for pragma in ("secure_delete=ON", "synchronous=NORMAL"):
            self.connection.execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        self.connection.close()

    def pragma(self, name: str) -> int:
        """An integer PRAGMA's value."""
        (value,) = self.connection.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock in a transaction, which is committed."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def truncate_log(self) -> None:
        """Copy the write-ahead log to the file and truncate it. Raises Busy where a snapshot still
        needs the log."""
        if self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise Busy

    def vacuum(self) -> None:
        """Rewrite the whole file; afterwards no pass is pending."""
        self._execute("VACUUM")
        self.truncate_log()
        self.connection.execute("PRAGMA user_version = 0")

    def _execute(self, statement: str) -> sqlite3.Cursor:
        try:
            return self.connection.execute(statement)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Busy from exc
            raise


class ScrubPass:
    """One pass over the whole file, a chunk with each `turn`. Blocking; runs in threads."""

    def __init__(self, file: Path) -> None:
        self._raw = _descriptor(file)
        self._file = DatabaseFile(file)
        self._next = 1
        """The first page that was not scrubbed yet."""
        self._page_size = 0
        self._seen: bytes | None = None
        """The log's salts after the last turn: while these are the same, it was not restarted."""
        self._deletions = 0
        self._unsynced = False
        self.zeroed = 0
        """Pages in which a gap was overwritten."""

    def close(self) -> None:
        """Close the connection, whose cache of pages must not outlive the pass."""
        self._file.close()

    def prepare(self) -> None:
        """Outside the write lock: flush what was written, and read the next chunk into the
        operating system's cache."""
        if self._unsynced:
            os.fsync(self._raw.fileno())
            self._unsynced = False
        if self._page_size:
            for first, count in self._parts(self._next, CHUNK // self._page_size):
                self._read(first, count)

    def turn(self) -> bool:
        """Scrub the next chunk; whether it was the last. Holds the write lock for some
        milliseconds. Raises Busy, where it may be called again, and TrackLost and UnknownFormat."""
        with self._file.locked():
            version = self._file.pragma("data_version")
            again = self._written()
        self._file.truncate_log()
        with self._file.locked():
            if self._file.pragma("data_version") != version or self._log_size():
                raise TrackLost
            last = self._scrub(again)
            user_version = self._file.pragma("user_version")
            self._file.connection.execute(f"PRAGMA user_version = {user_version}")
        self._seen = self._salts()
        if self._file.pragma("data_version") != version:
            raise TrackLost
        return last

    def finish(self) -> None:
        """After the last turn and `prepare`: record that no pass is pending, unless something was
        deleted since this one began."""
        with self._file.locked():
            if self._file.pragma("user_version") == self._deletions:
                self._file.connection.execute("PRAGMA user_version = 0")

    def _scrub(self, again: set[int]) -> bool:
        pages = self._check_format()
        if self._next == 1:
            self._deletions = self._file.pragma("user_version")
        count = min(max(1, CHUNK // self._page_size), pages + 1 - self._next)
        for first, number in self._parts(self._next, count):
            self._zero(first, self._read(first, number))
        for page in again:
            if page < self._next:
                self._zero(page, self._read(page, 1))
        self._next += count
        return self._next > pages

    def _check_format(self) -> int:
        """The number of pages. https://www.sqlite.org/fileformat2.html#the_database_header"""
        self._raw.seek(0)
        header = self._raw.read(100)
        size, reserved = struct.unpack_from(">H", header, 16)[0], header[20]
        self._page_size = 65536 if size == 1 else size
        pages = self._raw.seek(0, os.SEEK_END) // self._page_size
        vacuums = struct.unpack_from(">I", header, 52)[0]  # then there are pointer-map pages
        if not header.startswith(b"SQLite format 3\0") or reserved or vacuums or pages > MOST_PAGES:
            raise UnknownFormat
        return pages

    def _parts(self, first: int, count: int) -> Iterator[tuple[int, int]]:
        """The range of pages without the one that holds locks."""
        lock = LOCK_BYTE // self._page_size + 1
        if not first <= lock < first + count:
            yield first, count
            return
        yield first, lock - first
        yield lock + 1, first + count - lock - 1

    def _read(self, first: int, count: int) -> bytes:
        self._raw.seek((first - 1) * self._page_size)
        return self._raw.read(count * self._page_size)

    def _zero(self, first: int, content: bytes) -> None:
        zeros = bytes(self._page_size)
        for at in range(0, len(content), self._page_size):
            page = content[at : at + self._page_size]
            offset = (first - 1) * self._page_size + at
            start, end = unused_gap(page, 0 if offset else 100)
            if page[start:end] != zeros[: end - start]:
                self._raw.seek(offset + start)
                self._raw.write(zeros[: end - start])
                self.zeroed += 1
                self._unsynced = True

    def _log_size(self) -> int:
        return self._file.log.stat().st_size

    def _salts(self) -> bytes:
        with self._file.log.open("rb") as log:
            return log.read(LOG_HEADER)[16:24]

    def _written(self) -> set[int]:
        """Pages that were written since the last turn. Raises TrackLost where the log was begun
        anew in between. SQLite locks nothing in the log itself, so it may be closed here."""
        if self._next == 1:
            return set()
        if self._salts() != self._seen:
            raise TrackLost
        pages = set()
        with self._file.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            for at in range(LOG_HEADER, size, FRAME_HEADER + self._page_size):
                log.seek(at)
                pages.add(int.from_bytes(log.read(4), "big"))
        return pages


def scrub_pending(file: Path) -> bool:
    """Whether a deletion was not followed by a complete pass. Blocking."""
    with contextlib.closing(DatabaseFile(file)) as opened:
        return opened.pragma("user_version") != 0
