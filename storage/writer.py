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
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from bot.errors import StorageError
from storage.errors import StatementFailed
from storage.transactions import Result, Work

Operation = Work[Result]
"""Changes rows. Must not commit, must have no effect outside the session, and may be run again
from the start after a rollback."""
Transaction = Callable[[Work[list[Any]]], Awaitable[list[Any]]]
"""Runs it in a session; commits at its end, or rolls back where it raises."""
Outside = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work without a session."""

MAX_GROUP = 256
"""Operations in one transaction, which bounds how long one of them waits for the others."""
RESULTS_AT_ONCE = 8
"""How many callers of a group go on in one round of the event loop: all at once would hold up
everything else."""


@dataclass(slots=True)
class _Job:
    done: asyncio.Future[Any]
    operation: Operation[Any] | None = None
    alone: Callable[[], Any] | None = None
    """What runs by itself and outside any transaction, in place of `operation`."""


class Writer:
    """Runs write operations in the order of the calls, within transactions."""

    def __init__(self, transaction: Transaction, outside: Outside) -> None:
        self._transaction = transaction
        self._outside = outside
        self._waiting: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def write(self, operation: Operation[Result]) -> Result:
        """Run `operation` in a transaction; returns its result once that is committed.

        Cancelled while it waits in the queue, the operation does not run; once it has begun, it is
        completed all the same. Raises what the operation raises, or StorageError where the database
        fails or is closed; nothing of the operation is kept then.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._put(_Job(done, operation))
        return await done

    async def outside(self, work: Callable[[], Result]) -> Result:
        """Run blocking work alone and outside any transaction. Otherwise as `write`."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._put(_Job(done, alone=work))
        return await done

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise StorageError("the database is closed: Parley is shutting down")
        self._waiting.append(job)
        self._wake.set()

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
        try:
            results = await self._results(jobs)
        except Exception as exc:
            await self._failed(jobs, exc)
        else:
            for number, (job, result) in enumerate(zip(jobs, results, strict=True)):
                if number and number % RESULTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if not job.done.done():
                    job.done.set_result(result)

    async def _results(self, jobs: list[_Job]) -> list[Any]:
        if jobs[0].alone is not None:
            return [await self._outside(jobs[0].alone)]
        operations = [job.operation for job in jobs if job.operation is not None]
        return await self._transaction(lambda session: _in_order(session, operations))

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


def _in_order(session: Session, operations: Sequence[Operation[Any]]) -> list[Any]:
    results = []
    for operation in operations:
        results.append(operation(session))
        session.flush()
        session.expunge_all()  # the next one must read rows from the database
    return results
