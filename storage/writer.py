"""The single writer: all write operations go through one task, which commits them in groups.

SQLite allows one writer at a time, and with synchronous=FULL each commit waits for the disk. So
operations queue here instead of meeting each other as "database is locked", and all that are
waiting when the disk is free share one transaction (group commit). Where an operation raises (a
refusal, say), the transaction is rolled back and each operation of the group is run again in a
transaction of its own, so that only that one fails.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import StorageError
from storage.errors import StatementFailed

Result = TypeVar("Result")
Operation = Callable[[AsyncSession], Awaitable[Result]]
"""Changes rows. Must not commit, must have no effect outside the session, and may be run again
from the start after a rollback."""
Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]
"""Opens a session; commits it at the end of the context, or rolls back where it raises."""

MAX_GROUP = 256
"""Operations in one transaction, which bounds how long one of them waits for the others."""


async def uninterrupted(work: Coroutine[Any, Any, Result]) -> Result:
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


@dataclass(slots=True)
class _Job:
    operation: Operation[Any]
    alone: bool
    done: asyncio.Future[Any]


class Writer:
    """Runs write operations in the order of the calls, within transactions."""

    def __init__(self, transaction: Transaction, autocommit: Transaction) -> None:
        """`transaction` opens a session in a transaction, `autocommit` one without."""
        self._transaction = transaction
        self._autocommit = autocommit
        self._waiting: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def write(self, operation: Operation[Result]) -> Result:
        """Run `operation` in a transaction; returns its result once that is committed.

        Cancelled while it waits in the queue, the operation does not run; once it has begun, it is
        completed all the same. Raises what the operation raises, or StorageError where the database
        fails or is closed; nothing of the operation is kept then.
        """
        return await self._put(operation, alone=False)

    async def outside(self, operation: Operation[Result]) -> Result:
        """Run `operation` alone and outside any transaction. Otherwise as `write`."""
        return await self._put(operation, alone=True)

    async def _put(self, operation: Operation[Result], *, alone: bool) -> Result:
        if self._closed:
            raise StorageError("the database is closed: Parley is shutting down")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(operation, alone, done))
        self._wake.set()
        return await done

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Process the queue while the context lasts; on exit, complete what is queued, then refuse
        further operations."""
        serving = asyncio.create_task(self._serve(), name="storage-writer")
        try:
            yield
        finally:
            self._closed = True
            self._wake.set()
            await serving

    async def _serve(self) -> None:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._run(self._next_group())

    def _next_group(self) -> list[_Job]:
        """The jobs of the next transaction, or one that runs alone."""
        jobs = [self._waiting.popleft()]
        while (
            self._waiting
            and len(jobs) < MAX_GROUP
            and not (jobs[0].alone or self._waiting[0].alone)
        ):
            jobs.append(self._waiting.popleft())
        return jobs

    async def _run(self, jobs: list[_Job]) -> None:
        jobs = [job for job in jobs if not job.done.cancelled()]
        if not jobs:
            return
        opened = self._autocommit if jobs[0].alone else self._transaction
        results = []
        try:
            async with opened() as session:
                for job in jobs:
                    results.append(await job.operation(session))
                    await session.flush()
                    session.expunge_all()  # the next one must read rows from the database
        except Exception as exc:
            await self._failed(jobs, exc)
        else:
            for job, result in zip(jobs, results, strict=True):
                if not job.done.done():
                    job.done.set_result(result)

    async def _failed(self, jobs: list[_Job], exc: Exception) -> None:
        if len(jobs) > 1 and (
            isinstance(exc, StatementFailed) or not isinstance(exc, StorageError)
        ):
            for job in jobs:
                await self._run([job])
            return
        for job in jobs:  # a single one, or the database itself fails and would for each
            if not job.done.done():
                job.done.set_exception(exc)
