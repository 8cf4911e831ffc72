"""Runs transactions, each of which is a plain function of a session.

- `InThreads`, for SQLite: a transaction runs from its beginning to its commit in a thread. Handing
  over each statement by itself costs several times what SQLite takes to execute it.
- `OnLoop`, for a server: the driver waits on the event loop, in the greenlet of SQLAlchemy's
  asyncio extension.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

Result = TypeVar("Result")
Work = Callable[[Session], Result]
"""What a transaction does. It runs in any thread, returns values that need no session, and must not
commit."""

READERS = 4
"""Connections for reading, besides the writer's; with SQLite each has a thread."""
BEGIN = "parley_begin"
"""Execution option: the statement that begins a transaction in SQLite; "" for autocommit."""


class Transactions(Protocol):
    """Runs transactions. A call that is cancelled ends when its transaction has ended: a connection
    that is interrupted in the middle of a statement cannot be used again."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        ...

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` in one snapshot of the database; several at the same time."""
        ...

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` and commit. One at a time."""
        ...

    async def outside(self, work: Callable[[], Result]) -> Result:
        """Run blocking work where `write` runs, without a transaction."""
        ...

    async def aclose(self) -> None:
        """Close all connections, once no call is open."""
        ...


class InThreads:
    """`Transactions` of a driver that blocks."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading = ThreadPoolExecutor(READERS, "storage-reader")
        self._writing = ThreadPoolExecutor(1, "storage-writer")

    async def read(self, work: Work[Result]) -> Result:
        return await _in(self._reading, lambda: self._transaction("BEGIN", work))

    async def write(self, work: Work[Result]) -> Result:
        return await _in(self._writing, lambda: self._transaction("BEGIN IMMEDIATE", work))

    async def outside(self, work: Callable[[], Result]) -> Result:
        return await _in(self._writing, work)

    async def aclose(self) -> None:
        await uninterrupted(asyncio.to_thread(self._close))

    def _transaction(self, begin: str, work: Work[Result]) -> Result:
        with Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={BEGIN: begin})
            result = work(session)
            session.commit()
            return result

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        self.engine.dispose()


class OnLoop:
    """`Transactions` of a driver for asyncio."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine.sync_engine
        self._engine = engine

    async def read(self, work: Work[Result]) -> Result:
        return await uninterrupted(self._transaction(work))

    async def write(self, work: Work[Result]) -> Result:
        return await uninterrupted(self._transaction(work))

    async def outside(self, work: Callable[[], Result]) -> Result:
        return await uninterrupted(asyncio.to_thread(work))

    async def aclose(self) -> None:
        await uninterrupted(self._engine.dispose())

    async def _transaction(self, work: Work[Result]) -> Result:
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            result = await session.run_sync(work)
            await session.commit()
            return result


async def _in(executor: Executor, work: Callable[[], Result]) -> Result:
    return await uninterrupted(asyncio.get_running_loop().run_in_executor(executor, work))


async def uninterrupted(work: Awaitable[Result]) -> Result:
    """Run `work` to its end even where the caller is cancelled, who gets CancelledError then: for
    what must not stop half-way, such as a statement that a driver's thread executes."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # else asyncio reports that nobody looked at it
        raise


def begin(connection: Connection) -> None:
    """Begin a transaction in SQLite with the statement in the execution option `BEGIN`.

    After a plain BEGIN, a read followed by a write fails at once, whatever the timeout, where
    another process has written in between. BEGIN IMMEDIATE takes the write lock first and waits for
    it.
    """
    if statement := connection.get_execution_options().get(BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)
