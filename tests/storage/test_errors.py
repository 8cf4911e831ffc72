"""Real failures of a database: each is one line with the remedy, and nothing is lost."""

import asyncio
import gc
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from bot.errors import ConfigError, StorageError
from bot.messages import Usage
from bot.ports import AnswerState, Store
from storage import open_store
from storage.database import Database, locate, open_transactions
from storage.rules import utc_now
from storage.sql import SqlStore
from storage.upgrade import migrate
from tests.storage.samples import ANN, BOB, CHANNEL, NO_LIMIT, asked, content, question


@asynccontextmanager
async def impatient(file: Path) -> AsyncIterator[SqlStore]:
    """A store with a short busy timeout."""
    url, place = locate(f"sqlite:///{file}")
    await migrate(url, place, busy_seconds=0.05)
    database = Database(open_transactions(url, busy_seconds=0.05), place)
    async with database.running():
        yield SqlStore(database, utc_now, "test")


def overwrite(file: Path, data: bytes) -> None:
    file.write_bytes(data)


async def refusal(url: str | Path) -> str:
    """The error of opening; it must be one line that names the file."""
    with pytest.raises(StorageError) as info:
        async with open_store(f"sqlite:///{url}"):
            pass
    assert "\n" not in str(info.value)
    assert str(url) in str(info.value)
    return str(info.value)


def on_connect(store: SqlStore, statement: str) -> None:
    """Run a PRAGMA on each connection that is taken out of the pool."""
    event.listen(
        store._database.engine,
        "checkout",
        lambda connection, *_: connection.execute(statement),
    )


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("", "sqlite:///path/to/file"),
        ("parley.sqlite3", "sqlite:///path/to/file"),
        ("sqlite://", "memory://"),
        ("sqlite:///", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite:///file?mode=ro", "sqlite:///path/to/file"),
        ("oracle+nothing://host/db", "driver that is not installed"),
        ("mysql+aiomysql://host/db", "driver that is not installed"),
    ],
)
async def test_an_address_that_names_no_database_is_explained(url: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as info:
        async with open_store(url):
            pass
    assert remedy in str(info.value)
    assert "\n" not in str(info.value)


async def test_a_password_in_an_address_is_never_told() -> None:
    for url in ("postgresql+nodriver://ann:hush@host/db", "ann:hush@host", "mysql://a:hush@h/d"):
        with pytest.raises(ConfigError) as info:
            async with open_store(url):
                pass
        assert "hush" not in str(info.value)
    _, place = locate("postgresql+asyncpg://ann:hush@host/db")
    assert place.name == "postgresql+asyncpg://ann:***@host/db"


# ---------------------------------------------------------------- files


async def test_a_file_that_is_no_database_is_not_changed(file: Path) -> None:
    garbage = b"Dear diary, " * 1000
    overwrite(file, garbage)
    said = await refusal(file)
    assert "is not an SQLite database and was not changed" in said
    assert "restore a backup" in said
    assert content(file) == garbage


async def test_a_folder_in_locate_the_file_is_refused(tmp_path: Path) -> None:
    assert "make the file and its folder writable" in await refusal(tmp_path)


async def test_a_file_in_locate_the_folder_is_refused(file: Path) -> None:
    overwrite(file, b"not a folder")
    assert "point [storage] url to a file" in await refusal(file / "parley.sqlite3")


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Run as an unprivileged user in the context: root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    above = [parent for parent in folder.parents if parent.stat().st_mode & 0o005 != 0o005]
    modes = {parent: parent.stat().st_mode for parent in above}
    for parent in above:
        parent.chmod(modes[parent] | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, mode in modes.items():
            parent.chmod(mode)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("protected", ["folder", "file", "both"])
async def test_what_may_not_be_written_is_named(tmp_path: Path, protected: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "parley.sqlite3"
    if protected != "folder":
        async with open_store(f"sqlite:///{file}") as store:
            await asked(store)
        file.chmod(0o444)
    folder.chmod(0o777 if protected == "file" else 0o555)
    with as_nobody(folder):
        said = await refusal(file)
    folder.chmod(0o755)
    assert "make the file and its folder writable for the user who runs Parley" in said


async def test_a_lock_of_another_program_is_named_at_the_start(file: Path) -> None:
    async with impatient(file):
        pass
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="is locked by another program; close that program"):
        async with impatient(file):
            pass
    other.close()
    async with impatient(file):
        pass


async def test_a_lock_of_another_program_is_named_and_waited_out(file: Path) -> None:
    async with impatient(file) as store:
        accepted = await asked(store)
        other = sqlite3.connect(file)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=f"{file} is locked by another program"):
            await store.accept(question(event_id="e1"), NO_LIMIT)
        results = await asyncio.gather(
            store.checkpoint(accepted.id, AnswerState.WRITING, "S"),
            store.close(accepted.id, AnswerState.DONE, "So.", Usage()),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [StorageError, StorageError]
        assert len(await store.answers()) == 1  # reading goes on
        other.close()
        assert await store.accept(question(event_id="e1"), NO_LIMIT) is not None
        await store.close(accepted.id, AnswerState.DONE, "So.", Usage())


# ---------------------------------------------------------------- in operation


async def test_a_full_disk_is_named_and_what_was_saved_is_whole(file: Path) -> None:
    async with impatient(file) as store:
        accepted = await asked(store, "before")
        on_connect(store, "PRAGMA max_page_count=1")  # as it is: not one page more
        with pytest.raises(StorageError, match="is full; free some space"):
            await store.close(accepted.id, AnswerState.DONE, "long " * 100_000, Usage())
        with pytest.raises(StorageError, match="is full"):
            await asked(store, "long " * 100_000)
        assert [one.question.text for one in await store.answers()] == ["before"]
        on_connect(store, "PRAGMA max_page_count=1000000")
        await store.close(accepted.id, AnswerState.DONE, "long " * 100_000, Usage())
        (found,) = await store.answers()
        assert (found.state, len(found.text)) == (AnswerState.DONE, 500_000)


async def test_a_full_disk_at_the_start_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragmas = ("page_size=512", "max_page_count=4")
    monkeypatch.setattr("storage.upgrade.PRAGMAS", pragmas)
    assert "is full" in await refusal(file)


async def damaged(file: Path, *, keep: int) -> bytes:
    """A database whose pages after the first `keep` bytes are noise."""
    async with open_store(f"sqlite:///{file}") as store:
        for number in range(50):
            await asked(store, f"{number} " * 100)
    noise = content(file)[:keep] + b"\xa5" * (len(content(file)) - keep)
    overwrite(file, noise)
    return noise


async def test_damage_is_named_when_it_is_met_and_nothing_is_changed(file: Path) -> None:
    noise = await damaged(file, keep=3 * 4096)
    try:
        async with open_store(f"sqlite:///{file}") as store:
            with pytest.raises(StorageError) as info:
                await asked(store)
            said = str(info.value)
    except StorageError as error:
        said = str(error)
    assert "is damaged" in said
    assert "restore a backup" in said
    assert ".recover" in said
    assert str(file) in said
    assert content(file) == noise


async def test_damage_met_while_reading_is_named(file: Path) -> None:
    async with impatient(file) as store:
        for number in range(50):
            await asked(store, f"{number} " * 100)
    await damaged(file, keep=len(content(file)) // 2)
    said = []
    try:
        async with impatient(file) as store:
            for call in (store.exchanges(CHANNEL), store.conversations(), store.answers()):
                try:
                    await call
                except StorageError as error:
                    said.append(str(error))
    except StorageError as error:
        said.append(str(error))
    assert said
    assert all("is damaged" in line for line in said)


async def test_no_message_text_is_in_an_error(file: Path) -> None:
    async with impatient(file) as store:
        on_connect(store, "PRAGMA max_page_count=1")
        with pytest.raises(StorageError) as info:
            await asked(store, "a secret " * 100_000)
    error: BaseException | None = info.value
    while error is not None:
        assert "a secret" not in str(error)
        error = error.__cause__ or error.__context__


def failing(session: Session) -> None:
    session.connection().exec_driver_sql("INSERT INTO nowhere VALUES (1)")


async def test_a_statement_that_fails_is_one_line_and_fails_alone(sql: Store) -> None:
    """Whatever it is that the database refuses, the calls in the same transaction succeed."""
    assert isinstance(sql, SqlStore)
    first, failed, second = await asyncio.gather(
        asked(sql), sql._database.write(failing), asked(sql), return_exceptions=True
    )
    assert isinstance(failed, StorageError)
    assert "no such table: nowhere" in str(failed)
    assert "restart Parley" in str(failed)
    assert "\n" not in str(failed)
    assert {first, second} == set(await sql.answers())


WAYS_TO_BREAK: dict[str, Callable[[Path], object]] = {
    "table gone": lambda file: rewritten(file, "DROP TABLE answers"),
    "column gone": lambda file: rewritten(file, "ALTER TABLE answers DROP COLUMN total_seconds"),
    "unknown state": lambda file: rewritten(file, "UPDATE answers SET state = 'sleeping'"),
    "no time": lambda file: rewritten(file, "UPDATE questions SET asked_at = 'noon'"),
    "no key": lambda file: rewritten(file, "UPDATE conversations SET key = 'nonsense'"),
    "file deleted": lambda file: file.unlink(),
    "file moved": lambda file: file.rename(file.with_name("moved")),
    "file replaced": lambda file: replaced(file),
    "folder gone": lambda file: file.parent.rename(file.parent.with_name("elsewhere")),
}


def rewritten(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(statement)


def replaced(file: Path) -> None:
    with closing(sqlite3.connect(file.with_name("new"))) as other:
        other.execute("CREATE TABLE theirs (x)")
    file.with_name("new").replace(file)


@pytest.mark.parametrize("way", WAYS_TO_BREAK)
async def test_a_database_that_breaks_while_it_is_open_raises_one_kind_of_error(
    tmp_path: Path, way: str
) -> None:
    file = tmp_path / "folder" / "parley.sqlite3"
    async with impatient(file) as store:
        accepted = await asked(store, "a secret")
        WAYS_TO_BREAK[way](file)
        calls = [
            store.checkpoint(accepted.id, AnswerState.WRITING, "S"),
            store.shown(accepted.id, 0, "message"),
            store.answers(),
            store.exchanges(CHANNEL),
            store.conversations(),
            store.settings(CHANNEL),
            store.rate(accepted.id, ANN, 1),
            store.forget(person=BOB.key),
            store.delete_question(CHANNEL, "m1"),
            store.close(accepted.id, AnswerState.DONE, "So.", Usage()),
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        assert errors
        for error in errors:
            assert isinstance(error, StorageError)
            assert "\n" not in str(error)
            assert str(file) in str(error)
            assert "a secret" not in str(error)


# ---------------------------------------------------------------- cancellation


async def test_cancelled_reads_and_writes_leave_nothing_to_report(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a traceback of the pool's nor a connection for the garbage collector."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    async with open_store(f"sqlite:///{file}") as store:
        await asked(store, "Why? " * 1000)
        for pauses in range(60):
            calls = [
                asyncio.create_task(store.exchanges(CHANNEL)),
                asyncio.create_task(store.conversations()),
                asyncio.create_task(store.settings(CHANNEL)),
                asyncio.create_task(store.settle(1, 1)),
            ]
            for _ in range(pauses):
                await asyncio.sleep(0)
            await asyncio.sleep(pauses / 20_000)
            for call in calls:
                call.cancel()
            if pauses % 2:
                await asyncio.gather(*calls, return_exceptions=True)
    gc.collect()
    await asyncio.sleep(0)
    assert reported == []
    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == []
