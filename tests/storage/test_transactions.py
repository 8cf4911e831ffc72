"""A transaction is a function: it runs to its end, and commits or leaves nothing."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from storage.transactions import InThreads, OnLoop, Transactions, begin
from tests.limits import seconds


@pytest.fixture(params=["in threads", "on the loop"])
async def transactions(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Transactions]:
    file = tmp_path / "notes.sqlite3"
    made: Transactions
    if request.param == "in threads":
        made = InThreads(create_engine(f"sqlite:///{file}"))
    else:
        made = OnLoop(create_async_engine(f"sqlite+aiosqlite:///{file}"))
    await made.write(lambda session: note(session, "CREATE TABLE notes (line)"))
    yield made
    await made.aclose()


def note(session: Session, statement: str) -> None:
    session.execute(text(statement))


def lines(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT line FROM notes")))


async def test_what_a_function_wrote_is_committed_and_its_result_returned(
    transactions: Transactions,
) -> None:
    def work(session: Session) -> str:
        note(session, "INSERT INTO notes VALUES ('one')")
        return "written"

    assert await transactions.write(work) == "written"
    assert await transactions.read(lines) == ["one"]


async def test_a_function_that_raises_leaves_nothing(transactions: Transactions) -> None:
    def work(session: Session) -> None:
        note(session, "INSERT INTO notes VALUES ('one')")
        raise LookupError("no more paper")

    with pytest.raises(LookupError):
        await transactions.write(work)
    assert await transactions.read(lines) == []
    await transactions.write(lambda session: note(session, "INSERT INTO notes VALUES ('two')"))
    assert await transactions.read(lines) == ["two"]


async def test_work_outside_a_transaction_blocks_no_event_loop(transactions: Transactions) -> None:
    go_on = threading.Event()
    working = asyncio.create_task(
        transactions.outside(lambda: go_on.wait(seconds(60)) and threading.current_thread().name)
    )
    await asyncio.sleep(0)
    go_on.set()
    assert await working != threading.main_thread().name


async def test_a_cancelled_call_ends_when_its_transaction_has_ended(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'notes.sqlite3'}")
    transactions = InThreads(engine)
    begun, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        begun.set()
        assert go_on.wait(seconds(60))
        note(session, "CREATE TABLE notes (line)")

    call = asyncio.create_task(transactions.write(slow))
    assert await asyncio.to_thread(begun.wait, seconds(60))
    call.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not call.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await transactions.read(lines) == []  # the table is there
    await transactions.aclose()


async def test_a_read_does_not_wait_for_the_writer(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    engine = create_engine(f"sqlite:///{file}", connect_args={"isolation_level": None})
    event.listen(engine, "begin", begin)
    transactions = InThreads(engine)
    await transactions.write(lambda session: note(session, "CREATE TABLE notes (line)"))
    begun, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        note(session, "INSERT INTO notes VALUES ('one')")
        begun.set()
        assert go_on.wait(seconds(60))

    writing = asyncio.create_task(transactions.write(slow))
    assert await asyncio.to_thread(begun.wait, seconds(60))
    assert await transactions.read(lines) == []
    go_on.set()
    await writing
    assert await transactions.read(lines) == ["one"]
    await transactions.aclose()
