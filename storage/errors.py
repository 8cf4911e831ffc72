"""A database's own errors become StorageErrors here, each with what to do about it.

SQLite's result codes: https://www.sqlite.org/rescode.html. Whatever is not named below is a
defect of ours and goes through as it is.
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

OURS = (DataError, IntegrityError, ProgrammingError)
"""What a server answers to a statement that is wrong; all else is about reaching it."""
NO_ROOM = 1 << 20
"""A disk with fewer bytes free than this is full, whatever the error was called."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, in words for its owner: no password in it."""

    name: str
    file: Path | None = None

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Let a database's errors out as StorageErrors that name this place."""
        try:
            yield
        except DBAPIError as exc:
            if (line := self._explain(exc)) is None:
                raise
            raise StorageError(line) from exc
        except PoolTimeout as exc:
            raise StorageError(f"the database {self.name} does not answer; restart Parley") from exc
        except OSError as exc:
            raise StorageError(self._explain_os(exc)) from exc

    def _explain(self, exc: DBAPIError) -> str | None:
        if isinstance(exc.orig, sqlite3.Error):
            return self._explain_sqlite(exc.orig)
        if isinstance(exc, OURS):
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
                    f"the database {self.name} is damaged ({error}) and was left as it is; "
                    f"stop Parley, move it away with its -wal file, and restore a backup or save "
                    f'what can be read: sqlite3 "{self.name}" .recover | sqlite3 new.sqlite3'
                )
            case sqlite3.SQLITE_NOTADB:
                return (
                    f"{self.name} is not an SQLite database and was left as it is; "
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
            f"the database {self.name} cannot be made ({error.strerror}); "
            "point [storage] url to a file in a folder of yours"
        )

    def _full(self) -> str:
        return (
            f"the disk that holds {self.name} is full; free some space and try again; "
            "what was saved before is whole"
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
        return shutil.disk_usage(folder).free < NO_ROOM
    except OSError:
        return False
