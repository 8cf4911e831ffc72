"""Access to an SQL database: concurrent short reads, a single writer, and SQLite's settings."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.database_url import sqlite_file
from bot.errors import ConfigError, StorageError
from storage.errors import Location
from storage.gaps import descriptors
from storage.scrub import Scrubber
from storage.transactions import (
    READERS,
    InThreads,
    OnLoop,
    Result,
    Transactions,
    Work,
    begin,
)
from storage.writer import Writer

BUSY_SECONDS = 5.0
"""Seconds to wait for another process that holds the write lock of the same SQLite file."""

# synchronous=FULL: a commit is on the disk when it returns, so that it survives a power cut.
# secure_delete: deleted content is overwritten with zeros in the file.
PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")


class Database:
    """Transactions for reading, and a queue for writing."""

    def __init__(self, transactions: Transactions, location: Location) -> None:
        self._transactions = transactions
        self.location = location
        self._closed = False
        self._identity = (0, 0)
        self._scrubber = (
            Scrubber(location.file, location, self._turn) if location.file is not None else None
        )
        self._writer = Writer(self._write, self._outside)

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        return self._transactions.engine

    @property
    def sqlite(self) -> bool:
        """Whether it is an SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the writer while the context lasts; on exit, complete what is queued and close all
        connections. Raises StorageError."""
        with descriptors():
            try:
                with self.location.translated_errors():
                    self._identity = self._identify()
                async with self._writer.running(), self._scrubbing():
                    yield
            finally:
                self._closed = True
                with self.location.translated_errors():
                    await self._transactions.aclose()

    @contextlib.asynccontextmanager
    async def _scrubbing(self) -> AsyncIterator[None]:
        if self._scrubber is None:
            yield
            return
        async with self._scrubber.running():
            yield

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` in a read transaction: one snapshot of the database. Keep it short, because an
        open snapshot keeps deleted text in the write-ahead log. Raises StorageError. Where the
        caller is cancelled, the transaction ends first."""
        with self._usable():
            return await self._transactions.read(work)

    async def write(self, operation: Work[Result]) -> Result:
        """See `Writer.write`."""
        return await self._writer.write(operation)

    async def scrub(self, *, deleted: bool) -> None:
        """Overwrite the copies of deleted rows in an SQLite file and its write-ahead log: see
        `Scrubber.scrub`. Others write meanwhile. On a server this does nothing."""
        if self._scrubber is not None:
            await self._scrubber.scrub(deleted=deleted)

    async def scrub_pending(self) -> bool:
        """Whether deleted rows were not yet overwritten. Raises StorageError."""
        return self._scrubber is not None and await self._scrubber.pending()

    async def truncate_log(self) -> None:
        """The fast part of `scrub`: remove deleted content from the write-ahead log. A warning is
        logged where another process's open snapshot prevents that."""
        if self._scrubber is not None:
            await self._scrubber.truncate_log()

    async def _turn(self, work: Callable[[], Result]) -> Result:
        """Run blocking work in a thread while no operation writes."""
        return await self._writer.outside(work)

    def _identify(self) -> tuple[int, int]:
        """Which file the path names now. Blocking, but takes microseconds."""
        if self.location.file is None:
            return 0, 0
        found = self.location.file.stat()
        return found.st_dev, found.st_ino

    def _check_file(self) -> None:
        """Raise StorageError where the file was moved or replaced: SQLite would go on with the one
        that has no name any more, and what is written there is lost."""
        try:
            same = self._identify() == self._identity
        except FileNotFoundError:
            same = False
        if not same:
            raise StorageError(
                f"the database {self.location.name} was moved, deleted or replaced meanwhile; "
                "stop Parley, put the file back with its -wal file, and start again"
            )

    async def _write(self, work: Work[Result]) -> Result:
        with self._usable():
            return await self._transactions.write(work)

    async def _outside(self, work: Callable[[], Result]) -> Result:
        with self._usable():
            return await self._transactions.outside(work)

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Whatever the database raises in the context is a StorageError; so is one that is closed,
        or whose file is not there any more."""
        if self._closed:
            raise StorageError(
                f"the database {self.location.name} is closed: Parley is shutting down"
            )
        with self.location.translated_errors():
            self._check_file()
            yield


def locate(url: str) -> tuple[URL, Location]:
    """Parse `[storage] url`: SQLAlchemy's URL with the driver, and the location to name in
    messages. Raises ConfigError, without a password in it, where it names no database."""
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise ConfigError(
            f"[storage] url {url.partition(':')[0]!r}… is not a database URL; "
            'write "sqlite:///path/to/file" or "memory://"'
        ) from exc
    if parsed.get_backend_name() != "sqlite":
        return parsed, Location(parsed.render_as_string(hide_password=True))
    if (named := sqlite_file(url)) is None:
        raise ConfigError(
            f'[storage] url "{url}" names no file; write "sqlite:///path/to/file", '
            'or "memory://" to keep nothing'
        )
    file = named.expanduser()
    return URL.create("sqlite", database=str(file)), Location(str(file), file)


def open_transactions(url: URL, *, busy_seconds: float = BUSY_SECONDS) -> Transactions:
    """The database at `url`, not yet connected. Raises ConfigError where its driver is not
    installed."""
    if url.get_backend_name() == "sqlite":
        return InThreads(_file_engine(url, busy_seconds))
    return OnLoop(server_engine(url))


def server_engine(url: URL) -> AsyncEngine:
    """An engine for a database on a server, not yet connected. Raises ConfigError where its driver
    is not installed."""
    try:
        return create_async_engine(
            url, hide_parameters=True, pool_size=READERS + 1, pool_pre_ping=True
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise ConfigError(
            f'[storage] url "{url.drivername}://…" needs a driver that is not installed '
            f'({exc}); for PostgreSQL: pip install "parley-chat[postgres]", and write '
            "postgresql+asyncpg://"
        ) from exc


def _file_engine(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # errors are logged, and must not contain messages
        pool_size=READERS + 1,
        max_overflow=0,
        pool_use_lifo=True,  # the connection used last has its pages and statements at hand
        # isolation_level None: the driver must not begin transactions by itself (see `begin`)
        connect_args={
            "timeout": busy_seconds,
            "isolation_level": None,
            "check_same_thread": False,
        },
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", begin)
    return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    try:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except BaseException:
        connection.close()  # it is not in the pool yet, which would close it
        raise
