"""The database as the store uses it: short reads side by side, one writer, SQLite's settings."""

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
from storage.errors import Place
from storage.writer import Result, Work, Writer

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
"""How long to wait for another program that writes to the same SQLite file."""
READERS = 4
"""Connections beside the writer's; in SQLite each has a thread."""

# synchronous=FULL: a commit is on the disk when it returns, a power cut included.
# secure_delete: what is deleted is overwritten with zeros in the file.
PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")


class Database:
    """Sessions for reading, and the way to write."""

    def __init__(self, engine: AsyncEngine, place: Place) -> None:
        self._engine = engine
        self.place = place
        self._closed = False
        self._writer = Writer(
            lambda: self._transaction("BEGIN IMMEDIATE"), lambda: self._transaction("")
        )

    @property
    def sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The writer serves while the body runs; then all connections are closed."""
        try:
            async with self._writer.running():
                yield
        finally:
            self._closed = True
            with self.place.faults():
                await self._engine.dispose()

    def read(self) -> contextlib.AbstractAsyncContextManager[AsyncSession]:
        """One snapshot of the database, for a few selects. Keep it short: an open one keeps
        deleted text from being overwritten. Raises StorageError."""
        return self._transaction("BEGIN")

    async def write(self, work: Work[Result]) -> Result:
        """See `Writer.write`."""
        return await self._writer.write(work)

    async def scrub(self) -> None:
        """Leave nothing of deleted rows in the files, as far as their programs allow.

        secure_delete zeroes a row where it is, but when SQLite moves rows between pages it may
        leave a copy in the free part of the old one. VACUUM writes all pages afresh; then the
        write-ahead log, which holds old pages, is emptied.
        """
        if self.sqlite:
            await self._writer.outside(self._rewrite)

    async def empty_log(self) -> None:
        """The quick part of `scrub`: nothing that was deleted is left in the -wal file."""
        if self.sqlite:
            await self._writer.outside(self._checkpoint)

    async def _rewrite(self, session: AsyncSession) -> None:
        await session.execute(text("VACUUM"))
        await self._checkpoint(session)

    async def _checkpoint(self, session: AsyncSession) -> None:
        busy = await session.scalar(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        if busy:
            logger.warning(
                "%s: another program reads the database; what was deleted is gone from it, but "
                "not yet from its -wal file. It goes when both programs have ended",
                self.place.name,
            )

    @contextlib.asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[AsyncSession]:
        if self._closed:
            raise StorageError(f"the database {self.place.name} was closed; Parley is ending")
        with self.place.faults():
            async with AsyncSession(self._engine, expire_on_commit=False) as session:
                await session.connection(execution_options={BEGIN: begin})
                yield session
                await session.commit()


BEGIN = "parley_begin"
"""Execution option: how a transaction begins in SQLite; "" begins none."""


def place_of(url: str) -> tuple[URL, Place]:
    """The database that `[storage] url` names. Raises ConfigError."""
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise ConfigError(
            f"[storage] url {url.partition(':')[0]!r}… is no address; "
            'write "sqlite:///path/to/file" or "memory://"'
        ) from exc
    if parsed.get_backend_name() != "sqlite":
        return parsed, Place(parsed.render_as_string(hide_password=True))
    if (named := sqlite_file(url)) is None:
        raise ConfigError(
            f'[storage] url "{url}" names no file; write "sqlite:///path/to/file", '
            'or "memory://" to keep nothing'
        )
    file = named.expanduser()
    return URL.create("sqlite+aiosqlite", database=str(file)), Place(str(file), file)


def new_engine(url: URL, *, busy_seconds: float = BUSY_SECONDS) -> AsyncEngine:
    """An engine that has not connected yet. Raises ConfigError where its driver is missing."""
    try:
        if url.get_backend_name() != "sqlite":
            return create_async_engine(
                url, hide_parameters=True, pool_size=READERS + 1, pool_pre_ping=True
            )
        engine = create_async_engine(
            url,
            hide_parameters=True,  # errors are logged; what people wrote is not
            pool_size=READERS + 1,
            max_overflow=0,
            # None: the driver begins no transaction by itself (see `begin`)
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
        connection.close()  # the pool does not know of it yet
        raise


def begin(connection: Connection) -> None:
    """Begin a transaction in SQLite as its execution option `BEGIN` says.

    A plain BEGIN that reads and then writes may find the file changed in between, and fails at
    once whatever the timeout is; BEGIN IMMEDIATE waits for its turn.
    """
    if statement := connection.get_execution_options().get(BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)
