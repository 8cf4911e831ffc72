"""Deleted text leaves the file in small steps, with other writers and readers in between."""

import asyncio
import logging
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.messages import Person, Usage
from bot.ports import AnswerState, Store
from storage import open_store
from storage.gaps import Busy, DatabaseFile, ScrubPass, TrackLost, descriptors, unused_gap
from tests.storage.samples import ANN, BOB, CHANNEL, THREAD, asked

CAROL = Person("discord", "3", "Carol")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small file needs many chunks, and a deletion several transactions."""
    monkeypatch.setattr("storage.gaps.CHUNK", 4 * 4096)
    monkeypatch.setattr("storage.sql.archive.FIRST_BATCH", 10)
    monkeypatch.setattr("storage.sql.archive.MOST_IN_BATCH", 10)


def on_disk(file: Path) -> bytes:
    return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))


def left(file: Path, markers: list[str]) -> list[str]:
    content = on_disk(file)
    return [marker for marker in markers if marker.encode() in content]


def ask_file(file: Path, statement: str) -> object:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        return other.execute(statement).fetchone()[0]


def made(file: Path, *pragmas: str) -> None:
    """An empty file with these settings, as one may have been made by hand."""
    with closing(sqlite3.connect(file)) as connection:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA journal_mode=WAL")


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{file}") as store:
        yield store


def passes(caplog: pytest.LogCaptureFixture) -> int:
    return sum("overwrote" in record.getMessage() for record in caplog.records)


async def converse(store: Store, people: list[Person], number: int = 240) -> dict[str, list[str]]:
    """Answers that grow and shrink side by side, so that SQLite moves rows between pages. Returns a
    marker for each question, by person."""
    rng = random.Random(number)
    markers: dict[str, list[str]] = {person.key: [] for person in people}
    growing: list[tuple[int, str]] = []
    for index in range(number):
        person = people[index % len(people)]
        marker = f"<{person.id}-{index:04d}>"
        markers[person.key].append(marker)
        place = CHANNEL if index % 3 else THREAD
        answer = await asked(store, f"Q{marker}" * rng.randrange(1, 20), place, person)
        growing.append((answer.id, marker))
        for answer_id, mine in rng.sample(growing[-12:], min(3, len(growing))):
            text = f"A{mine} " * rng.choice([1, 3, 20, 60, 250, 700])
            await store.checkpoint(answer_id, AnswerState.WRITING, text)
    await asyncio.gather(
        *(
            store.close(answer_id, AnswerState.DONE, f"A{mine} " * rng.randrange(1, 60), Usage())
            for answer_id, mine in growing
        )
    )
    return markers


# ---------------------------------------------------------------- pages


def page(kind: int, cells: int, content: int, *, size: int = 4096, header: int = 0) -> bytes:
    head = struct.pack(">BHHHB", kind, 0, cells, content, 0)
    return bytes(header) + head + bytes(size - header - len(head))


@pytest.mark.parametrize(
    ("content", "header", "gap"),
    [
        (page(13, 10, 4000), 0, (28, 4000)),  # a table's leaf
        (page(10, 10, 4000), 0, (28, 4000)),  # an index's leaf
        (page(5, 10, 4000), 0, (32, 4000)),  # interior pages have a pointer more
        (page(2, 10, 4000), 0, (32, 4000)),
        (page(13, 3, 4000, header=100), 100, (114, 4000)),  # the first page of the file
        (page(13, 1, 0, size=65536), 0, (10, 65536)),
        (page(13, 1996, 4000), 0, (0, 0)),  # full
        (page(0, 10, 4000), 0, (0, 0)),  # free, or overflow
        (page(1, 10, 4000), 0, (0, 0)),
        (page(13, 10, 5000), 0, (0, 0)),  # damaged
    ],
)
def test_the_gap_is_between_the_cell_pointers_and_the_content(
    content: bytes, header: int, gap: tuple[int, int]
) -> None:
    assert unused_gap(content, header) == gap


# ---------------------------------------------------------------- what is left


@pytest.mark.parametrize(("size", "seed"), [(1024, 240), (4096, 241)])
async def test_nothing_deleted_is_left_while_others_write_and_read(
    file: Path, size: int, seed: int
) -> None:
    made(file, f"page_size={size}")
    async with opened(file) as store:
        markers = await converse(store, [ANN, BOB, CAROL], seed)
        forgetting = asyncio.create_task(store.forget(person=ANN.key))
        written = 0
        mine = []
        while not forgetting.done():
            answer = await asked(store, f"new {written} " * (written % 40 + 1), author=BOB)
            mine.append(answer.id)
            text = "x" * (400 * written % 9000)
            await store.checkpoint(random.Random(written).choice(mine), AnswerState.WRITING, text)
            assert await store.exchanges(CHANNEL, limit=5)
            written += 1
        assert await forgetting == len(markers[ANN.key])
        assert written > 5  # a deletion that held the writer would let one or two pass
        assert left(file, markers[ANN.key]) == []
        kept = markers[BOB.key] + markers[CAROL.key]
        assert left(file, kept) == kept
        assert ask_file(file, "PRAGMA integrity_check") == "ok"
        assert ask_file(file, "PRAGMA page_size") == size
        for marker in kept:
            assert ask_file(file, f"SELECT count(*) FROM questions WHERE text LIKE 'Q{marker}%'")


async def test_a_file_whose_pages_are_not_scrubbed_is_rewritten(file: Path) -> None:
    made(file, "auto_vacuum=FULL")
    async with opened(file) as store:
        markers = await converse(store, [ANN, BOB])
        await store.forget(person=ANN.key)
        assert left(file, markers[ANN.key]) == []
        assert left(file, markers[BOB.key]) == markers[BOB.key]
        assert ask_file(file, "PRAGMA integrity_check") == "ok"
        assert ask_file(file, "PRAGMA user_version") == 0


async def test_what_an_interrupted_deletion_left_is_overwritten_at_the_next_start(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with opened(file) as store:
        markers = await converse(store, [ANN, BOB])
        reader = sqlite3.connect(file)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM questions").fetchall()
        monkeypatch.setattr("storage.scrub.PATIENCE", 0.05)
        await store.forget(person=ANN.key)
        assert passes(caplog) == 0
        assert left(file, markers[ANN.key])
    reader.close()
    monkeypatch.setattr("storage.scrub.RESUME_AFTER", 0)
    async with opened(file):
        while not passes(caplog):
            await asyncio.sleep(0.01)
        assert left(file, markers[ANN.key]) == []
        assert ask_file(file, "PRAGMA user_version") == 0


async def test_a_pass_that_another_program_prevented_is_made_when_it_has_ended(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("storage.scrub.PATIENCE", 0.05)
    monkeypatch.setattr("storage.scrub.RETRY", 0.05)
    async with opened(file) as store:
        markers = await converse(store, [ANN, BOB], 60)
        reader = sqlite3.connect(file)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM questions").fetchall()
        await store.forget(person=ANN.key)
        assert "another program is reading the database" in caplog.text
        assert (await asked(store)).id  # nobody waits for that program
        reader.close()
        while not passes(caplog):
            await asyncio.sleep(0.01)
        assert left(file, markers[ANN.key]) == []


# ---------------------------------------------------------------- one pass among other writers


class Notes:
    """A table whose rows are moved between pages, and a connection with its cache of them."""

    def __init__(self, file: Path) -> None:
        made(file)
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
        self.rng = random.Random(1)
        self.secrets: list[str] = []

    def churn(self, first: int) -> None:
        """Insert rows between the others, make some of them grow, and delete those with a
        secret."""
        execute = self.connection.execute
        execute("PRAGMA secure_delete=ON")
        execute("BEGIN")
        rows = range(first, first + 4000, 10)
        for row in rows:
            self.secrets.append(f"<secret {row:05d}>")
            execute("INSERT INTO notes VALUES (?, ?)", (row, self.secrets[-1] * 10))
        for index in self.rng.sample(range(len(rows)), len(rows)):
            if index % 7 == 0:
                text = "x" * self.rng.randrange(300, 3500)
                execute("UPDATE notes SET body = ? WHERE id = ?", (text, rows[index]))
        execute("UPDATE notes SET body = replace(body, 'secret', 'public') WHERE id % 20 < 10")
        execute("DELETE FROM notes WHERE body LIKE '<secret%'")
        execute("COMMIT")
        self.secrets = [secret for secret in self.secrets if int(secret[8:13]) % 20 >= 10]

    def touch(self) -> None:
        """Write to each page, as this connection has it in its cache."""
        self.connection.execute("UPDATE notes SET body = replace(body, 'x', 'y')")
        self.connection.execute("UPDATE notes SET body = replace(body, 'y', 'x')")


@pytest.fixture
def notes(file: Path) -> Iterator[Notes]:
    with descriptors():
        noted = Notes(file)
        noted.churn(0)
        noted.churn(5)
        yield noted
        noted.connection.close()


def complete(scrub: ScrubPass) -> None:
    while not scrub.turn():
        scrub.prepare()
    scrub.finish()
    scrub.close()


def test_a_pass_removes_what_sqlite_left(file: Path, notes: Notes) -> None:
    notes.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert left(file, notes.secrets)
    complete(ScrubPass(file))
    assert left(file, notes.secrets) == []


def test_the_caches_of_other_connections_bring_nothing_back(
    file: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.gaps.CHUNK", 1 << 30)
    truncate = DatabaseFile.truncate_log

    def and_read(opened: DatabaseFile) -> None:
        truncate(opened)
        notes.connection.execute("SELECT sum(length(body)) FROM notes").fetchall()

    monkeypatch.setattr(DatabaseFile, "truncate_log", and_read)
    scrub = ScrubPass(file)
    assert scrub.turn()
    notes.touch()
    assert left(file, notes.secrets) == []
    assert ask_file(file, "PRAGMA integrity_check") == "ok"
    scrub.close()


def test_pages_that_others_write_during_a_pass_are_scrubbed_again(file: Path, notes: Notes) -> None:
    scrub = ScrubPass(file)
    for _ in range(15):
        assert not scrub.turn()
    notes.churn(2)  # between the other rows, in the pages that are done, too
    complete(scrub)
    assert left(file, notes.secrets) == []


def test_a_pass_whose_track_is_lost_begins_again(file: Path, notes: Notes) -> None:
    scrub = ScrubPass(file)
    scrub.turn()
    notes.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    notes.touch()
    with pytest.raises(TrackLost):
        scrub.turn()
    scrub.close()


def test_a_pass_waits_for_snapshots_and_locks_of_others(file: Path, notes: Notes) -> None:
    scrub = ScrubPass(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notes").fetchall()
        notes.touch()
        with pytest.raises(Busy):
            scrub.turn()
    notes.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        scrub.turn()
    notes.connection.execute("ROLLBACK")
    complete(scrub)
    assert left(file, notes.secrets) == []


# ---------------------------------------------------------------- how many passes


async def test_nothing_to_forget_scrubs_nothing(
    sql: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = await asked(sql, author=BOB)
    assert await sql.forget(person=ANN.key) == 0
    assert await sql.forget(conversation=THREAD) == 0
    assert await sql.purge((await sql.conversations())[0].first_at) == 0
    assert passes(caplog) == 0
    await sql.rate(answer.id, ANN, 1)
    assert await sql.forget(person=ANN.key) == 0
    assert passes(caplog) == 1  # a rating is theirs, too


async def test_people_who_forget_at_once_share_a_pass(
    sql: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    people = [Person("discord", str(number), "Someone") for number in range(10)]
    await converse(sql, people, 100)
    gone = await asyncio.gather(*(sql.forget(person=person.key) for person in people))
    assert gone == [10] * 10
    assert 1 <= passes(caplog) <= 2  # the first began before the last was deleted


async def test_a_person_who_forgets_twice_at_once_is_served_once(
    sql: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await converse(sql, [ANN, BOB], 100)
    calls = [asyncio.create_task(sql.forget(person=ANN.key)) for _ in range(20)]
    await asyncio.sleep(0)
    await asked(sql, "asked meanwhile", author=ANN)
    assert set(await asyncio.gather(*calls)) <= {50, 51}
    assert passes(caplog) <= 2
    assert await sql.forget(person=ANN.key) == 0


async def test_a_call_that_is_cancelled_is_completed_all_the_same(sql: Store, file: Path) -> None:
    markers = await converse(sql, [ANN, BOB], 60)
    call = asyncio.create_task(sql.forget(person=ANN.key))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await sql.forget(person=ANN.key)
    assert left(file, markers[ANN.key]) == []


# ---------------------------------------------------------------- other processes


@pytest.mark.process
async def test_the_file_stays_locked_against_a_program_that_would_remove_its_log(
    file: Path,
) -> None:
    """SQLite's locks belong to the process, and closing any descriptor of the file drops them. The
    other program would then take itself for the last one, and delete the log."""
    async with opened(file) as store:
        await converse(store, [ANN, BOB], 60)
        await store.forget(person=ANN.key)
        log = file.with_name(f"{file.name}-wal")
        before = log.stat().st_ino
        program = (
            "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM events')"
        )
        subprocess.run([sys.executable, "-c", program, str(file)], check=True)  # noqa: ASYNC221
        assert log.stat().st_ino == before
    async with opened(file) as store:
        assert len(await store.exchanges(CHANNEL)) > 0


async def test_two_programs_delete_from_one_file_at_once(file: Path) -> None:
    async with opened(file) as one, opened(file) as other:
        markers = await converse(one, [ANN, BOB, CAROL])
        *gone, _ = await asyncio.gather(
            one.forget(person=ANN.key), other.forget(person=BOB.key), asked(one, author=CAROL)
        )
        assert gone == [80, 80]
        assert left(file, markers[ANN.key] + markers[BOB.key]) == []
        assert left(file, markers[CAROL.key]) == markers[CAROL.key]
        assert ask_file(file, "PRAGMA integrity_check") == "ok"
