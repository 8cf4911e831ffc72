"""Operations that wait together share a commit; one that fails does not affect the others."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.errors import StorageError
from storage.writer import MAX_GROUP, RESULTS_AT_ONCE, Operation, Writer
from tests.limits import seconds


class Paper:
    """A database of one list. A transaction's lines are kept when it ends well."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.commits: list[list[str]] = []
        self.broken = False
        self.forgotten = 0

    async def transaction(self, work: Operation[list[Any]]) -> list[Any]:
        return await asyncio.to_thread(self._transaction, work)

    def _transaction(self, work: Operation[list[Any]]) -> list[Any]:
        before = list(self.lines)
        try:
            results = work(self)  # type: ignore[arg-type]
            if self.broken:
                raise StorageError("the paper is wet")
        except BaseException:
            self.lines = before
            raise
        self.commits.append(self.lines[len(before) :])
        return results

    async def outside(self, work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)

    def flush(self) -> None: ...

    def expunge_all(self) -> None:
        self.forgotten += 1


def line(text: str) -> Operation[str]:
    def operation(paper: object) -> str:
        assert isinstance(paper, Paper)
        paper.lines.append(text)
        return text.upper()

    return operation


def mistake(text: str) -> Operation[str]:
    def operation(paper: object) -> str:
        line(text)(paper)  # type: ignore[arg-type]
        raise LookupError(text)

    return operation


@asynccontextmanager
async def writing(paper: Paper) -> AsyncIterator[Writer]:
    writer = Writer(paper.transaction, paper.outside)
    async with writer.running():
        yield writer


async def test_each_gets_its_own_result_in_the_order_of_the_calls() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        results = await asyncio.gather(*(writer.write(line(text)) for text in "abc"))
    assert results == ["A", "B", "C"]
    assert paper.lines == ["a", "b", "c"]
    assert paper.forgotten == 3  # none sees rows as another knew them


async def test_operations_that_wait_together_share_a_commit() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        await asyncio.gather(*(writer.write(line("x")) for _ in range(MAX_GROUP + 3)))
    assert [len(lines) for lines in paper.commits] == [MAX_GROUP, 3]


async def test_few_go_on_in_one_round_of_the_event_loop() -> None:
    paper, rounds = Paper(), [0]

    async def count_rounds() -> None:
        while True:
            rounds.append(0)
            await asyncio.sleep(0)

    async with writing(paper) as writer:

        async def write() -> None:
            await writer.write(line("x"))
            rounds[-1] += 1

        counting = asyncio.create_task(count_rounds())
        await asyncio.gather(*(write() for _ in range(3 * RESULTS_AT_ONCE)))
        counting.cancel()
    assert len(paper.commits) == 1
    assert max(rounds) == RESULTS_AT_ONCE
    assert sum(rounds) == 3 * RESULTS_AT_ONCE


async def test_an_operation_that_fails_does_not_affect_the_others() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        results = await asyncio.gather(
            writer.write(line("a")),
            writer.write(mistake("b")),
            writer.write(line("c")),
            return_exceptions=True,
        )
    assert paper.lines == ["a", "c"]
    assert (results[0], results[2]) == ("A", "C")
    assert isinstance(results[1], LookupError)


async def test_a_database_that_fails_is_not_retried_for_each_operation() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        paper.broken = True
        results = await asyncio.gather(
            *(writer.write(line(text)) for text in "abc"), return_exceptions=True
        )
        assert [type(result) for result in results] == [StorageError] * 3
        assert (paper.lines, paper.commits) == ([], [])
        paper.broken = False
        await writer.write(line("d"))
    assert paper.lines == ["d"]


async def test_an_operation_outside_runs_between_transactions() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        await asyncio.gather(
            writer.write(line("a")),
            writer.write(line("b")),
            writer.outside(lambda: paper.commits.append(["alone"])),
            writer.write(line("c")),
            writer.write(line("d")),
        )
    assert paper.commits == [["a", "b"], ["alone"], ["c", "d"]]


async def test_cancelled_in_the_queue_an_operation_does_not_run() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        calls = [asyncio.create_task(writer.write(line(text))) for text in "abc"]
        await asyncio.sleep(0)
        calls[1].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert paper.lines == ["a", "c"]


async def test_cancelled_while_it_runs_an_operation_is_completed() -> None:
    paper = Paper()
    began, go_on = threading.Event(), threading.Event()

    def slow(paper: object) -> str:
        began.set()
        assert go_on.wait(seconds(60))
        return line("slow")(paper)  # type: ignore[arg-type]

    async with writing(paper) as writer:
        call = asyncio.create_task(writer.write(slow))
        assert await asyncio.to_thread(began.wait, seconds(60))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go_on.set()
        await writer.write(line("next"))
    assert paper.lines == ["slow", "next"]


async def test_on_exit_the_queue_is_completed_and_closed() -> None:
    paper = Paper()
    async with writing(paper) as writer:
        calls = [asyncio.create_task(writer.write(line(text))) for text in "ab"]
        await asyncio.sleep(0)
    assert paper.lines == ["a", "b"]
    assert await asyncio.gather(*calls) == ["A", "B"]
    with pytest.raises(StorageError, match="closed"):
        await writer.write(line("c"))
