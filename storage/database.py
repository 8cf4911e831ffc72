"""Access to an SQL database: concurrent short reads, a single writer, and SQLite's settings."""

import contextlib
import logging
from collections.abc import AsyncIterator

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.database_url import sqlite_file
from bot.errors import ConfigError, StorageError
from storage.errors import Location
from storage.writer import Operation, Result, Writer

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
"""Seconds to wait for another process that holds the write lock of the same SQLite file."""
READERS = 4
"""Connections for reading, besides the writer's; with SQLite each has a thread."""

# synchronous=FULL: a commit is on the disk when it returns, so that it survives a power cut.
# secure_delete: deleted content is overwritten with zeros in the file.
PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")


class Database:
    """Transactions for reading, and a queue for writing, on one engine."""

    def __init__(self, engine: AsyncEngine, location: Location) -> None:
        self._engine = engine
        self.location = location
        self._closed = False
        self._writer = Writer(
            lambda: self._transaction("BEGIN IMMEDIATE"), lambda: self._transaction("")
        )

    @property
    def sqlite(self) -> bool:
        """Whether it is an SQLite file."""
        return self._engine.dialect.name == "sqlite"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the writer while the context lasts; on exit, complete what is queued and close all
        connections."""
        try:
            async with self._writer.running():
                yield
        finally:
            self._closed = True
            with self.location.translated_errors():
                await self._engine.dispose()

    def read(self) -> contextlib.AbstractAsyncContextManager[AsyncSession]:
        """A read transaction: one snapshot of the database. Keep it short, because an open snapshot
        keeps deleted text in the write-ahead log. Raises StorageError."""
        return self._transaction("BEGIN")

    async def write(self, operation: Operation[Result]) -> Result:
        """See `Writer.write`."""
        return await self._writer.write(operation)

    async def scrub(self) -> None:
        """Remove all traces of deleted rows from an SQLite file and its write-ahead log.

        secure_delete zeroes a row in place, but where SQLite moved rows between pages earlier, a
        copy may remain in the unused part of the old page. VACUUM rewrites all pages; then the
        write-ahead log, which holds old pages, is truncated. Takes time and disk space in
        proportion to the file's size. On a server this does nothing.
        """
        if self.sqlite:
            await self._writer.outside(self._rewrite)

    async def truncate_log(self) -> None:
        """The fast part of `scrub`: remove deleted content from the write-ahead log. A warning is
        logged where another process's open snapshot prevents that."""
        if self.sqlite:
            await self._writer.outside(self._checkpoint)

    async def _rewrite(self, session: AsyncSession) -> None:
        await session.execute(text("VACUUM"))
        await self._checkpoint(session)

    async def _checkpoint(self, session: AsyncSession) -> None:
        busy = await session.scalar(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        if busy:
            logger.warning(
                "%s: another program is reading the database. Deleted text is gone from the file, "
                "but remains in its -wal file until both programs have ended",
                self.location.name,
            )

    @contextlib.asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[AsyncSession]:
        if self._closed:
            raise StorageError(
                f"the database {self.location.name} is closed: Parley is shutting down"
            )
        with self.location.translated_errors():
            async with AsyncSession(self._engine, expire_on_commit=False) as session:
                await session.connection(execution_options={BEGIN: begin})
                yield session
                await session.commit()


BEGIN = "parley_begin"
"""Execution option: the statement that begins a transaction in SQLite; "" for autocommit."""


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
    return URL.create("sqlite+aiosqlite", database=str(file)), Location(str(file), file)


def new_engine(url: URL, *, busy_seconds: float = BUSY_SECONDS) -> AsyncEngine:
    """An engine, not yet connected. Raises ConfigError where its driver is not installed."""
    try:
        if url.get_backend_name() != "sqlite":
            return create_async_engine(
                url, hide_parameters=True, pool_size=READERS + 1, pool_pre_ping=True
            )
        engine = create_async_engine(
            url,
            hide_parameters=True,  # errors are logged, and must not contain messages
            pool_size=READERS + 1,
            max_overflow=0,
            # None: the driver must not begin transactions by itself (see `begin`)
            connect_args={"timeout": busy_seconds, "isolation_level": None},
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise ConfigError(
            f'[storage] url "{url.drivername}://…" needs a driver that is not installed '
            f'({exc}); for PostgreSQL: pip install "parley-chat[postgres]", and write '
            "postgresql+asyncpg://"
        ) from exc
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", begin)
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


def begin(connection: Connection) -> None:
    """Begin a transaction in SQLite with the statement in the execution option `BEGIN`.

    After a plain BEGIN, a read followed by a write fails at once, whatever the timeout, where
    another process has written in between. BEGIN IMMEDIATE takes the write lock first and waits for
    it.
    """
    if statement := connection.get_execution_options().get(BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)
