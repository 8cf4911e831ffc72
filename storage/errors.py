"""Translates whatever a driver or SQLAlchemy raises into StorageError: one line that names the
database and the remedy.

SQLite's result codes: https://www.sqlite.org/rescode.html. Exceptions of Parley's own (a refusal)
pass through unchanged.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import StorageError

STATEMENT_ERRORS = (DataError, IntegrityError, ProgrammingError)
"""A server's errors about the statement itself. All others concern reaching the server."""
UNREADABLE = (LookupError, ValueError)
"""What SQLAlchemy raises for a value that its column cannot have, and aiosqlite for a connection
that was closed."""
FULL_BELOW = 1 << 20
"""Bytes. On an I/O error, a disk with less free space than this counts as full."""


class StatementFailed(StorageError):
    """One statement failed, because of what is stored or a defect of Parley; others may work."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a database is, for messages."""

    name: str
    """A file's path, or a server's URL without its password."""
    file: Path | None = None
    """The SQLite file; None for a server."""

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Raise whatever a driver or SQLAlchemy raises in the context as a StorageError that names
        this location."""
        try:
            yield
        except PoolTimeout as exc:
            raise StorageError(
                f"the database {self.name} does not respond; restart Parley"
            ) from exc
        except (SQLAlchemyError, sqlite3.Error, *UNREADABLE) as exc:
            raise self._error(exc) from exc
        except OSError as exc:
            raise StorageError(self._explain_os(exc)) from exc

    def _error(self, exc: Exception) -> StorageError:
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        if isinstance(cause, sqlite3.Error):
            if (line := self._explain_sqlite(cause)) is not None:
                return StorageError(line)
        elif isinstance(exc, DBAPIError) and not isinstance(exc, STATEMENT_ERRORS):
            return StorageError(self._unreachable(cause))
        # A driver's message names tables; that of another error may contain what is stored.
        kind = type(cause).__name__
        told = f"{kind}: {cause}" if isinstance(exc, (DBAPIError, sqlite3.Error)) else kind
        return StatementFailed(
            f"the database {self.name} does not contain what this version of Parley expects "
            f"({' '.join(told.split())}); restart Parley, and if this stays, restore a backup and "
            "report it"
        )

    def _explain_sqlite(self, error: sqlite3.Error) -> str | None:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return (
                    f"the database {self.name} is locked by another program; "
                    "close that program, or let its backup finish, and try again"
                )
            case sqlite3.SQLITE_FULL:
                return self._full()
            case sqlite3.SQLITE_CORRUPT:
                return (
                    f"the database {self.name} is damaged ({error}) and was not changed; "
                    f"stop Parley, move it away with its -wal file, and restore a backup or save "
                    f'what can be read: sqlite3 "{self.name}" .recover | sqlite3 new.sqlite3'
                )
            case sqlite3.SQLITE_NOTADB:
                return (
                    f"{self.name} is not an SQLite database and was not changed; "
                    "move it away and restore a backup, or point [storage] url elsewhere"
                )
            case _ if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_DBMOVED:
                return (
                    f"the database {self.name} was moved or deleted while Parley was running; stop "
                    "Parley, put the file back with its -wal file, and start again"
                )
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
                return self._forbidden()
            case sqlite3.SQLITE_IOERR:
                return self._failing(str(error))
            case _:
                return None

    def _explain_os(self, error: OSError) -> str:
        if self.file is None:
            return self._unreachable(error)
        if error.errno == errno.ENOSPC:
            return self._full()
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return self._forbidden()
        return (
            f"the database {self.name} cannot be created ({error.strerror}); "
            "point [storage] url to a file in a folder that you can write to"
        )

    def _full(self) -> str:
        return (
            f"the disk that holds {self.name} is full; free some space and try again; "
            "what was saved before is intact"
        )

    def _forbidden(self) -> str:
        return (
            f"the database {self.name} cannot be written; make the file and its folder writable "
            "for the user who runs Parley, or point [storage] url elsewhere"
        )

    def _failing(self, error: str) -> str:
        if self.file is not None and _is_full(self.file.parent):
            return self._full()
        return f"reading or writing {self.name} failed ({error}); check the disk that holds it"

    def _unreachable(self, error: object) -> str:
        reason = str(error).partition("\n")[0]
        return (
            f"the database {self.name} cannot be used ({reason}); "
            "check that its server runs and that [storage] url is right"
        )


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < FULL_BELOW
    except OSError:
        return False
