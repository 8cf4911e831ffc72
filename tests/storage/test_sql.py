"""What only the SQL store guarantees: durability, cost independent of length, real deletion."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from bot.errors import StorageError
from bot.messages import Usage
from bot.ports import AnswerState, Quota, Spent, Store
from storage import open_store
from storage.sql import SqlStore
from tests.limits import seconds
from tests.storage.samples import (
    ANN,
    BOB,
    CHANNEL,
    NO_LIMIT,
    THREAD,
    SteppingClock,
    asked,
    question,
    spent,
)

KILLED_AFTER = """
import asyncio, os, signal, sys
from bot.messages import Usage
from bot.ports import AnswerState
from storage import open_store
from tests.storage.samples import NO_LIMIT, question

async def main():
    async with open_store(sys.argv[1]) as store:
        first = await store.accept(question("first", event_id="e1"), NO_LIMIT)
        await store.close(first.id, AnswerState.DONE, "the whole answer", Usage(1, 0, 2))
        second = await store.accept(question("second", event_id="e2"), NO_LIMIT)
        await store.checkpoint(second.id, AnswerState.WRITING, "as far as")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.process
async def test_what_returned_is_there_after_the_process_was_killed(file: Path) -> None:
    url = f"sqlite:///{file}"
    killed = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", KILLED_AFTER, url],
        cwd=Path(__file__).parents[2],
        timeout=seconds(120),
    )
    assert killed.returncode == -signal.SIGKILL
    async with open_store(url) as store:
        second, first = await store.answers()
        assert (first.state, first.text) == (AnswerState.DONE, "the whole answer")
        assert (second.state, second.text) == (AnswerState.WRITING, "as far as")
        assert await store.answers(unfinished=True) == [second, first]
        assert await store.accept(question("second", event_id="e2"), NO_LIMIT) is None
        assert (await spent(store, ANN)).answers in (0, 2)  # 0: midnight came in between


async def test_the_database_is_set_up_to_lose_nothing(sql: SqlStore) -> None:
    async def pragma(name: str) -> object:
        return await sql._database.read(
            lambda session: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
        )

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2
    assert await pragma("foreign_keys") == 1
    assert await pragma("secure_delete") == 1
    assert await pragma("busy_timeout") == 5000


async def test_each_commit_of_accept_and_close_is_synced_to_the_disk(file: Path) -> None:
    """`synchronous=FULL` holds on the very connection that writes."""
    seen: list[object] = []
    async with open_store(f"sqlite:///{file}") as store:
        assert isinstance(store, SqlStore)

        def work(session: Session) -> None:
            seen.append(session.connection().exec_driver_sql("PRAGMA synchronous").scalar())

        await store._database.write(work)
    assert seen == [2]


# ---------------------------------------------------------------- speed


class Steps:
    """Counts the steps of SQLite's virtual machine: work, not time."""

    def __init__(self, store: SqlStore) -> None:
        self.taken = 0
        engine = store._database.engine
        event.listen(engine, "checkout", self._count)

    def _count(self, connection: object, *_: object) -> None:
        connection.set_progress_handler(self._step, 1)  # type: ignore[attr-defined]

    def _step(self) -> None:
        self.taken += 1

    def since(self) -> int:
        taken, self.taken = self.taken, 0
        return taken


def fill(file: Path, conversation: str, turns: int) -> None:
    """Turns of a finished conversation, in bulk."""
    with sqlite3.connect(file) as connection:
        ((row,),) = connection.execute(
            "INSERT INTO conversations (key, hidden_to) VALUES (?, 0) "
            "ON CONFLICT DO UPDATE SET key = key RETURNING id",
            (conversation,),
        ).fetchall()
        ((last,),) = connection.execute("SELECT coalesce(max(id), 0) FROM questions").fetchall()
        ids = range(last + 1, last + turns + 1)
        at = "2026-01-01 00:00:00.000000"
        connection.executemany(
            "INSERT INTO questions (id, conversation_id, event_id, message_id, author, "
            "author_name, author_admin, direct, asked_at, text, position) "
            "VALUES (?, ?, ?, ?, 'discord:1', 'Ann', 0, 0, ?, 'Why?', ?)",
            ((n, row, f"old {n}", f"m {n}", at, n) for n in ids),
        )
        connection.executemany(
            "INSERT INTO answers (id, question_id, current, state, unfinished, created_at, "
            "charged_to, prompt_tokens, cached_tokens, completion_tokens, first_token_seconds, "
            "total_seconds, text, ended) "
            "VALUES (?, ?, 1, 'done', 0, ?, 'discord:1', 1, 0, 1, 0, 0, 'So.', ?)",
            ((n, n, at, n) for n in ids),
        )
        connection.execute("UPDATE conversations SET moment = ? WHERE id = ?", (last + turns, row))
    connection.close()


async def test_the_work_does_not_grow_with_the_conversation(file: Path, sql: SqlStore) -> None:
    fill(file, str(CHANNEL), 100)
    fill(file, str(THREAD), 20_000)
    steps = Steps(sql)

    async def work(conversation: object) -> list[int]:
        taken = []
        accepted = await asked(sql, "now", conversation, message_id="now")
        taken.append(steps.since())
        for reading in (
            sql.exchanges(conversation),  # type: ignore[arg-type]
            sql.exchanges(conversation, before=accepted.question_id - 50),  # type: ignore[arg-type]
            sql.exchanges(conversation, at=accepted.question_id - 50),  # type: ignore[arg-type]
            sql.moment(conversation),  # type: ignore[arg-type]
            sql.answers(conversation=conversation, limit=1),  # type: ignore[arg-type]
            sql.answers(conversation=conversation, person=ANN.key, limit=1),  # type: ignore[arg-type]
            sql.answers(conversation=conversation, unfinished=True),  # type: ignore[arg-type]
            sql.answers(answer_id=accepted.id),
            sql.edit_question(conversation, "now", "edited"),  # type: ignore[arg-type]
            sql.delete_question(conversation, "now"),  # type: ignore[arg-type]
        ):
            await reading
            taken.append(steps.since())
        return taken

    short, long = await work(CHANNEL), await work(THREAD)
    assert min(short) > 0
    for few, many in zip(short, long, strict=True):
        assert many < 2 * few + 100, (short, long)


async def test_the_work_does_not_grow_with_what_a_reset_hid(file: Path, sql: SqlStore) -> None:
    fill(file, str(CHANNEL), 20_000)
    assert await sql.reset(CHANNEL) == 20_000
    accepted = await asked(sql, "now")
    await sql.close(accepted.id, AnswerState.DONE, "So.", Usage())
    steps = Steps(sql)
    for reading in (
        sql.exchanges(CHANNEL),
        sql.answers(conversation=CHANNEL),
        sql.answers(conversation=CHANNEL, unfinished=True),
    ):
        assert len(await reading) == 1
        assert 0 < steps.since() < 2_000
    assert accepted.question_id == 20_001


async def test_many_checkpoints_share_a_few_commits(sql: SqlStore) -> None:
    answers = [await asked(sql, author=BOB) for _ in range(200)]
    commits: list[object] = []
    statements: list[str] = []
    engine = sql._database.engine
    event.listen(engine, "commit", commits.append)
    event.listen(
        engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    await asyncio.gather(
        *(sql.checkpoint(one.id, AnswerState.WRITING, f"text {one.id}") for one in answers)
    )
    assert 1 <= len(commits) <= 3
    assert 1 <= sum(statement.startswith("UPDATE") for statement in statements) <= 3
    assert {one.text for one in await sql.answers()} == {f"text {one.id}" for one in answers}


# ---------------------------------------------------------------- concurrency


async def test_coroutines_never_lock_each_other_out(sql: Store) -> None:
    async def life(number: int) -> None:
        answer = await asked(sql, f"question {number}", author=BOB if number % 2 else ANN)
        for text in ("a", "ab", "abc"):
            await sql.checkpoint(answer.id, AnswerState.WRITING, text)
            await sql.exchanges(CHANNEL)
        await sql.shown(answer.id, 0, "message")
        await sql.close(answer.id, AnswerState.DONE, "abcd", Usage(1, 0, 1))
        await sql.delivered(answer.id)

    await asyncio.gather(*(life(number) for number in range(60)))
    assert {one.text for one in await sql.answers()} == {"abcd"}
    assert await sql.answers(unfinished=True) == []
    assert [await spent(sql, person) for person in (ANN, BOB)] == [Spent(30, 60)] * 2


async def test_two_stores_on_one_file_wait_for_each_other(file: Path) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url) as one, open_store(url) as other:
        await asyncio.gather(
            *(asked(store, author=ANN) for store in (one, other) for _ in range(30))
        )
        assert len(await one.answers(conversation=CHANNEL)) == 60
        await asyncio.gather(  # these read before they write
            *(store.reset(CHANNEL) for store in (one, other) for _ in range(30))
        )


async def test_a_cancelled_call_leaves_the_store_at_work(sql: Store) -> None:
    rng = random.Random(0)
    for _ in range(40):
        calls = [
            asyncio.create_task(sql.accept(question(author=BOB), NO_LIMIT)),
            asyncio.create_task(sql.exchanges(CHANNEL)),
        ]
        for _ in range(rng.randrange(12)):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    # a cancelled call that had begun is still being written; what comes later is written after it
    assert await asked(sql, "after", author=BOB) is not None
    whole = len([one async for one in sql.archived(CHANNEL)])
    assert (await spent(sql, BOB)).answers == whole  # each was recorded in full or not at all


async def test_what_waits_when_the_store_is_closed_is_written(file: Path) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url) as store:
        accepted = await asked(store)
        closing = [
            asyncio.create_task(store.checkpoint(accepted.id, AnswerState.WRITING, "S")),
            asyncio.create_task(store.close(accepted.id, AnswerState.DONE, "So.", Usage())),
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(*closing)
    with pytest.raises(StorageError, match="closed"):
        await store.close(accepted.id, AnswerState.DONE, "", Usage())
    with pytest.raises(StorageError, match="closed"):
        await store.answers()
    async with open_store(url) as store:
        assert [one.text for one in await store.answers()] == ["So."]


# ---------------------------------------------------------------- deletion


def bytes_in(file: Path) -> bytes:
    """The database and its write-ahead log, as they are on the disk."""
    return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))


async def converse(store: Store, number: int) -> list[str]:
    """Answers that grow side by side, so that SQLite moves rows about; a marker for each."""
    markers = []
    rng = random.Random(number)
    growing: list[tuple[int, str]] = []
    for index in range(60):
        marker = f"<{number:02d}-{index:04d}>"
        markers.append(marker)
        conversation = CHANNEL if index % 2 else THREAD
        answer = await asked(store, f"Q{marker}", conversation, message_id=f"m{marker}")
        growing.append((answer.id, marker))
        for _ in range(4):
            answer_id, mine = rng.choice(growing[-6:])
            text, thought = (f"{kind}{mine} " * rng.randrange(1, 150) for kind in "AT")
            await store.checkpoint(answer_id, AnswerState.WRITING, text, thought)
    for answer_id, marker in growing:
        thought = f"T{marker} " * 10
        await store.close(answer_id, AnswerState.DONE, f"A{marker} " * 20, Usage(), thought)
    return markers


@pytest.mark.parametrize("way", ["conversation", "person", "age"])
async def test_nothing_of_what_was_deleted_is_left_in_the_files(
    file: Path, sql: Store, clock: SteppingClock, way: str
) -> None:
    markers = await converse(sql, 1)
    assert all(marker.encode() in bytes_in(file) for marker in markers)
    match way:
        case "conversation":
            await sql.forget(conversation=CHANNEL)
            gone = markers[1::2]
        case "person":
            await sql.forget(person=ANN.key)
            gone = markers
        case _:
            exchanges = await sql.exchanges(THREAD, limit=1000)
            await sql.purge(exchanges[14].asked_at)
            gone = markers[: markers.index(exchanges[14].question.text[1:])]
    assert len(gone) >= 30
    left = bytes_in(file)
    assert [marker for marker in gone if marker.encode() in left] == []
    assert all(marker.encode() in left for marker in markers if marker not in gone)


async def test_a_row_that_was_moved_leaves_no_copy(file: Path, sql: Store) -> None:
    """When answers grow past their page their neighbours move. SQLite does not always zero where
    these were, so deleting them is not enough."""
    rng = random.Random(0)
    growing = {
        (await asked(sql, "Why?", THREAD if index % 7 == 0 else CHANNEL)).id: index % 7 == 0
        for index in range(300)
    }
    markers = [f"<secret {answer_id:04d}>" for answer_id in growing]
    closing = zip(growing, markers, strict=True)
    await asyncio.gather(
        *(
            sql.close(answer_id, AnswerState.CUT, marker * 10, Usage())
            for answer_id, marker in closing
            if not growing[answer_id]
        )
    )
    for answer_id, grows in growing.items():
        if grows:
            text = "x" * rng.randrange(300, 3500)
            await sql.checkpoint(answer_id, AnswerState.WRITING, text)
    await sql.forget(conversation=CHANNEL)
    left = bytes_in(file)
    assert [marker for marker in markers if marker.encode() in left] == []


async def test_a_deleted_question_is_no_longer_in_the_files(file: Path, sql: Store) -> None:
    accepted = await asked(sql, "a secret question", message_id="m1")
    await sql.close(accepted.id, AnswerState.DONE, "a secret answer", Usage(), "a secret thought")
    assert b"a secret" in bytes_in(file)
    await sql.delete_question(CHANNEL, "m1")
    assert b"a secret" not in bytes_in(file)


async def test_a_reader_that_holds_old_pages_is_reported_in_the_log(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        assert isinstance(store, SqlStore)
        await asked(store, "a secret question")
        reader = sqlite3.connect(file)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM questions").fetchall()
        engine = store._database.engine
        event.listen(
            engine,
            "checkout",
            lambda connection, *_: connection.execute("PRAGMA busy_timeout=10"),
        )
        assert await store.forget(conversation=CHANNEL) == 1
        assert "another program is reading the database" in caplog.text
        reader.close()
        await store.forget(conversation=CHANNEL)
        assert b"a secret" not in bytes_in(file)


# ---------------------------------------------------------------- values


async def test_a_store_that_is_opened_again_is_the_same(file: Path, clock: SteppingClock) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url, now=clock) as store:
        accepted = await asked(store, "Why?", message_id="m1")
        await store.shown(accepted.id, 0, "message 0")
        before = await store.answers(), await store.exchanges(CHANNEL)
    async with open_store(url, now=clock) as store:
        assert (await store.answers(), await store.exchanges(CHANNEL)) == before


async def test_the_file_is_its_owners_alone(file: Path) -> None:
    nested = file.parent / "new" / "folder" / "parley.sqlite3"
    async with open_store(f"sqlite:///{nested}") as store:
        await asked(store)
        modes = {part.name: part.stat().st_mode & 0o077 for part in nested.parent.iterdir()}
    if os.name == "posix":
        assert len(modes) == 3
        assert set(modes.values()) == {0}


async def test_a_clock_in_another_zone_is_kept_in_utc(file: Path) -> None:
    from datetime import timedelta, timezone

    moment = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=3)))
    async with open_store(f"sqlite:///{file}", now=lambda: moment) as store:
        accepted = await store.accept(question(), Quota(answers_per_day=1))
        assert accepted is not None
        await store.close(accepted.id, AnswerState.DONE, "So.", Usage())
        (one,) = await store.exchanges(CHANNEL)
        assert one.asked_at == moment
        assert one.asked_at.tzinfo is UTC
