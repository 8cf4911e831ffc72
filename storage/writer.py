"""All writes go through one task, which lets those that wait together share a commit.

SQLite has one writer at a time, and with synchronous=FULL each commit waits for the disk. So
works queue here instead of meeting as "database is locked", and all that wait when the disk is
free go into one transaction. A work that raises (a refusal, say) takes nobody with it: the
transaction is rolled back, and each work then gets one of its own.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import StorageError

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]
"""Changes rows. Must not commit, and may be run again from the start after a rollback."""
Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]

MOST_TOGETHER = 256
"""Works in one transaction: what one of them waits for the others is bounded by this."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    alone: bool
    done: asyncio.Future[Any]


class Writer:
    """Runs works one after another, each in a transaction that `transaction` opens."""

    def __init__(self, transaction: Transaction, bare: Transaction) -> None:
        self._transaction = transaction
        self._bare = bare
        self._waiting: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def write(self, work: Work[Result]) -> Result:
        """Run `work`; when this returns, what it did is on the disk.

        Cancelled while it waits, the work is not begun; later, it is completed all the same.
        Raises what the work raises, and StorageError; nothing of it is kept then.
        """
        return await self._put(work, alone=False)

    async def outside(self, work: Work[Result]) -> Result:
        """Run `work` between the transactions, in none: for VACUUM and the like."""
        return await self._put(work, alone=True)

    async def _put(self, work: Work[Result], *, alone: bool) -> Result:
        if self._closed:
            raise StorageError("the database was closed; Parley is ending")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(work, alone, done))
        self._wake.set()
        return await done

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the body runs; at its end every work that waits is completed."""
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
                await self._run(self._batch())

    def _batch(self) -> list[_Job]:
        """Jobs for one transaction, or a lone one."""
        jobs = [self._waiting.popleft()]
        while (
            self._waiting
            and len(jobs) < MOST_TOGETHER
            and not (jobs[0].alone or self._waiting[0].alone)
        ):
            jobs.append(self._waiting.popleft())
        return jobs

    async def _run(self, jobs: list[_Job]) -> None:
        jobs = [job for job in jobs if not job.done.cancelled()]
        if not jobs:
            return
        opened = self._bare if jobs[0].alone else self._transaction
        results = []
        try:
            async with opened() as session:
                for job in jobs:
                    results.append(await job.work(session))
                    await session.flush()
                    session.expunge_all()  # the next work must not see rows as this one knew them
        except Exception as exc:
            await self._failed(jobs, exc)
        else:
            for job, result in zip(jobs, results, strict=True):
                if not job.done.done():
                    job.done.set_result(result)

    async def _failed(self, jobs: list[_Job], exc: Exception) -> None:
        if len(jobs) > 1 and not isinstance(exc, StorageError):
            for job in jobs:
                await self._run([job])
            return
        for job in jobs:  # alone, or the database itself fails and would do so for each
            if not job.done.done():
                job.done.set_exception(exc)
