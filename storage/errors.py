"""Translates a database's exceptions into StorageError: one line that names the database and the
remedy.

SQLite's result codes: https://www.sqlite.org/rescode.html. An exception that is not translated
here (a constraint, wrong SQL) is a bug in Parley and passes through unchanged.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import StorageError

BUGS = (DataError, IntegrityError, ProgrammingError)
"""A server's errors about the statement itself. All others concern reaching the server."""
FULL_BELOW = 1 << 20
"""Bytes. On an I/O error, a disk with less free space than this counts as full."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a database is, for messages."""

    name: str
    """A file's path, or a server's URL without its password."""
    file: Path | None = None
    """The SQLite file; None for a server."""

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Raise a database error in the context as a StorageError that names this location."""
        try:
            yield
        except DBAPIError as exc:
            if (line := self._explain(exc)) is None:
                raise
            raise StorageError(line) from exc
        except PoolTimeout as exc:
            raise StorageError(
                f"the database {self.name} does not respond; restart Parley"
            ) from exc
        except OSError as exc:
            raise StorageError(self._explain_os(exc)) from exc

    def _explain(self, exc: DBAPIError) -> str | None:
        if isinstance(exc.orig, sqlite3.Error):
            return self._explain_sqlite(exc.orig)
        if isinstance(exc, BUGS):
            return None
        return self._unreachable(exc.orig)

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
