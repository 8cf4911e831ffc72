"""The schema that the migrations create, and how a database from elsewhere is treated."""

import asyncio
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from bot.errors import StorageError
from bot.measures import By, RecordedPrompt
from bot.messages import Prompt, Usage
from bot.ports import AnswerState, ConversationSettings
from storage import open_store
from storage.inspection import inspect_database
from storage.tables import Base
from storage.upgrade import MIGRATIONS, revisions
from tests.storage.samples import ANN, CHANNEL, THREAD, asked, content


async def made(file: Path) -> Path:
    async with open_store(f"sqlite:///{file}") as store:
        await asked(store, "Why?")
    return file


def change(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


async def test_migrations_make_the_tables_that_the_models_describe(file: Path) -> None:
    engine = create_engine(f"sqlite:///{await made(file)}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


async def test_migrations_make_what_the_comparison_does_not_see(file: Path, tmp_path: Path) -> None:
    """Cascades, AUTOINCREMENT, partial indexes and WITHOUT ROWID equal the models'."""
    by_models = create_engine(f"sqlite:///{tmp_path / 'models.sqlite3'}")
    Base.metadata.create_all(by_models)
    by_migrations = create_engine(f"sqlite:///{await made(file)}")
    for table in Base.metadata.tables:
        one, other = (inspect(engine) for engine in (by_models, by_migrations))
        assert _by_name(one.get_foreign_keys(table)) == _by_name(other.get_foreign_keys(table))
        assert _indexes(by_models, table) == _indexes(by_migrations, table)
        for word in ("AUTOINCREMENT", "WITHOUT ROWID"):
            made_by = [_sql(engine, table) for engine in (by_models, by_migrations)]
            assert (word in made_by[0]) == (word in made_by[1]), table
    by_models.dispose()
    by_migrations.dispose()


def _by_name(described: object) -> list[str]:
    return sorted(str(one) for one in described)  # type: ignore[attr-defined]


def _indexes(engine: object, table: str) -> set[str]:
    """As SQLite keeps them, the WHERE of a partial one included."""
    with engine.connect() as connection:  # type: ignore[attr-defined]
        found = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
        )
        return set(found.scalars())


def _sql(engine: object, table: str) -> str:
    with engine.connect() as connection:  # type: ignore[attr-defined]
        found = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        )
        return str(found.scalar_one())


def test_there_is_one_newest_revision_and_files_are_named_after_theirs() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [revisions()[-1]]
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(revisions())]


def test_the_migrations_are_part_of_the_package() -> None:
    folder = files("storage.migrations")
    assert (folder / "env.py").is_file()
    assert (folder / "versions" / "0001_first_tables.py").is_file()
    assert (folder / "versions" / "__init__.py").is_file()  # else setuptools leaves it out


async def test_a_database_that_is_up_to_date_is_left_alone(file: Path) -> None:
    await made(file)
    before = content(file)
    async with open_store(f"sqlite:///{file}"):
        pass
    assert content(file) == before


BEFORE_POINTED = (
    "ALTER TABLE questions DROP COLUMN pointed",
    "UPDATE alembic_version SET version_num = '0010'",
)
"""Takes back the migration 0011."""
BEFORE_MODELS = (
    *BEFORE_POINTED,
    "ALTER TABLE settings DROP COLUMN model",
    "ALTER TABLE answers DROP COLUMN model",
    "UPDATE alembic_version SET version_num = '0009'",
)
"""Takes back the migration 0010."""
BEFORE_SUMMARIES = (
    *BEFORE_MODELS,
    "DROP TABLE summaries",
    "UPDATE alembic_version SET version_num = '0008'",
)
"""Takes back the migration 0009."""
BEFORE_THREADS = (
    *BEFORE_SUMMARIES,
    "ALTER TABLE questions DROP COLUMN shown_in",
    "UPDATE alembic_version SET version_num = '0007'",
)
"""Takes back the migration 0008."""
BEFORE_ORIGINS = (
    *BEFORE_THREADS,
    "DROP INDEX ix_shown_message",
    "ALTER TABLE conversations DROP COLUMN reset_time",
    "UPDATE alembic_version SET version_num = '0006'",
)
"""Takes back the migration 0007."""
BEFORE_SUMS = (
    *BEFORE_ORIGINS,
    "DROP TABLE sums",
    "DROP INDEX ix_feedback_reports",
    "ALTER TABLE feedback DROP COLUMN conversation_id",
    "CREATE INDEX ix_feedback_rated_at ON feedback (rated_at)",
    "UPDATE alembic_version SET version_num = '0005'",
)
"""Takes back the migrations from 0006 on."""
BEFORE_HISTORY = (
    *BEFORE_SUMS,
    "DROP INDEX ix_questions_history",
    "DROP INDEX ix_questions_newest",
    "DROP TABLE quoted",
    "ALTER TABLE prompts ADD COLUMN first_question INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE questions DROP COLUMN position",
    *(
        f"ALTER TABLE answers DROP COLUMN {name}"
        for name in ("ended", "grown", "kept", "context_to", "context_from")
    ),
    "ALTER TABLE conversations DROP COLUMN moment",
    "ALTER TABLE conversations DROP COLUMN reset_at",
    "UPDATE alembic_version SET version_num = '0004'",
)
"""Takes back the migrations from 0005 on."""
BEFORE_MEASURES = (
    *BEFORE_HISTORY,
    "DROP INDEX ix_feedback_rated_at",
    "ALTER TABLE feedback DROP COLUMN rated_at",
    "DROP TABLE activity",
    "DROP TABLE buckets",
    "DROP TABLE prompts",
    "UPDATE alembic_version SET version_num = '0003'",
)
"""Takes back the migrations from 0004 on."""


async def test_a_reset_before_its_time_was_recorded_keeps_that_of_what_it_hid(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        await asked(store)
        (hidden,) = [one async for one in store.archived(CHANNEL)]
        await store.reset(CHANNEL)
        await asked(store, "Seen?", THREAD)
    change(file, *BEFORE_ORIGINS)
    async with open_store(f"sqlite:///{file}") as store:
        assert await store.reset_at(CHANNEL) == hidden.asked_at
        assert await store.reset_at(THREAD) is None


async def test_what_was_used_and_rated_before_reports_is_in_them(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        accepted = await asked(store)
        await store.close(accepted.id, AnswerState.FAILED, "So.", Usage(3, 0, 2, 0.5, 2.0))
        await asked(store, "Waits?")
        await store.rate(accepted.id, ANN, -1)
        rated, used = await store.rated(-1), await store.use(By.PERSON, date(2020, 1, 1))
    change(file, *BEFORE_MEASURES)
    async with open_store(f"sqlite:///{file}") as store:
        assert await store.use(By.PERSON, date(2020, 1, 1)) == used
        (found,) = await store.rated(-1)
        assert found == replace(rated[0], rated_at=found.rated_at)
        assert found.rated_at <= rated[0].rated_at


async def test_a_history_from_before_is_in_the_order_of_the_questions(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        answers = [await asked(store, text) for text in ("hidden", "one", "two", "open")]
        for answer in answers[:3]:
            await store.close(answer.id, AnswerState.DONE, "So.", Usage())
        await store.rate(answers[2].id, ANN, -1, RecordedPrompt(Prompt("", (), "two"), (3,)))
    change(
        file,
        *BEFORE_HISTORY,
        "UPDATE conversations SET hidden_to = 1",
        "UPDATE prompts SET first_question = 2",
    )
    async with open_store(f"sqlite:///{file}") as store:
        found = await store.exchanges(CHANNEL)
        assert [one.question.text for one in found] == ["two", "one"]
        (rated,) = await store.rated(-1)
        assert rated.prompt == RecordedPrompt(Prompt("", (), "two"), (2, 3))
        await store.close(answers[3].id, AnswerState.DONE, "So.", Usage())
        last = await asked(store, "last")
        await store.close(last.id, AnswerState.DONE, "So.", Usage())
        found = await store.exchanges(CHANNEL)
        assert [one.question.text for one in found] == ["last", "open", "two", "one"]


async def test_answers_and_settings_of_0_2_0_have_no_thoughts(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        accepted = await asked(store)
        await store.close(accepted.id, AnswerState.DONE, "So.", Usage(3, 0, 2))
        await store.change_settings(CHANNEL, ConversationSettings(muted=True))
    change(
        file,
        *BEFORE_MEASURES,
        "ALTER TABLE answers DROP COLUMN thought",
        "ALTER TABLE answers DROP COLUMN thinking_tokens",
        "ALTER TABLE settings DROP COLUMN reasoning",
        "UPDATE alembic_version SET version_num = '0002'",
    )
    async with open_store(f"sqlite:///{file}") as store:
        (found,) = await store.answers()
        assert (found.position, found.snapshot) == (1, None)
        assert (found.text, found.thought, found.usage) == ("So.", "", Usage(3, 0, 2))
        assert await store.settings(CHANNEL) == ConversationSettings(muted=True)


async def test_answers_and_settings_of_before_several_models_name_none(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        accepted = await asked(store)
        await store.close(accepted.id, AnswerState.DONE, "So.", Usage(3, 0, 2, model="large"))
        await store.change_settings(CHANNEL, ConversationSettings(muted=True, model="large"))
    change(file, *BEFORE_MODELS)
    async with open_store(f"sqlite:///{file}") as store:
        (found,) = await store.answers()
        assert found.usage == Usage(3, 0, 2)
        assert await store.settings(CHANNEL) == ConversationSettings(muted=True)


async def test_of_questions_of_before_it_is_not_known_what_they_point_at(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        await asked(store)
    change(file, *BEFORE_POINTED)
    async with open_store(f"sqlite:///{file}") as store:
        (found,) = await store.answers()
        assert found.question.pointed is None


async def test_answers_of_before_stand_in_the_place_of_their_conversation(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        await asked(store)
    change(file, *BEFORE_THREADS)
    async with open_store(f"sqlite:///{file}") as store:
        (found,) = await store.answers()
        assert found.question.shown_in == ""
        assert found.question.shown_at == CHANNEL


async def test_an_empty_file_is_a_new_database(file: Path) -> None:
    change(file)
    assert content(file) == b""
    await made(file)


async def test_a_database_from_a_newer_version_is_left_as_it_is(file: Path) -> None:
    await made(file)
    change(file, "UPDATE alembic_version SET version_num = '9999'")
    before = content(file)
    with pytest.raises(StorageError, match=r"written by a newer Parley \(revision 9999\)") as info:
        async with open_store(f"sqlite:///{file}"):
            pass
    assert str(file) in str(info.value)
    assert "upgrade Parley or point [storage] url elsewhere" in str(info.value)
    assert content(file) == before


async def test_another_programs_database_is_left_as_it_is(file: Path) -> None:
    change(file, "CREATE TABLE bookmarks (id INTEGER)")
    before = content(file)
    with pytest.raises(StorageError, match="of another program"):
        async with open_store(f"sqlite:///{file}"):
            pass
    assert content(file) == before


PARLEYS = tuple(
    f"CREATE TABLE {table} (id INTEGER)" for table in ("conversations", "questions", "answers")
)


def recorded(*revisions: str) -> tuple[str, ...]:
    rows = (f"INSERT INTO alembic_version VALUES ({revision})" for revision in revisions)
    return ("CREATE TABLE alembic_version (version_num)", *rows)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ((*recorded("'0010'"), "CREATE TABLE questions (title TEXT)"), "of another program"),
        (recorded("'0011'"), "of another program"),
        (recorded(), "of another program"),
        (PARLEYS, "of another program"),
        (PARLEYS + recorded(), "of another program"),
        (PARLEYS + recorded("NULL"), r"newer Parley \(revision None\)"),
        (PARLEYS + recorded("12"), r"newer Parley \(revision 12\)"),
        (PARLEYS + recorded("'0010'", "'0011'"), r"several schema revisions \(0010, 0011\)"),
    ],
)
async def test_a_start_and_the_doctor_refuse_the_same_databases_and_change_nothing(
    file: Path, statements: tuple[str, ...], said: str
) -> None:
    change(file, *statements)
    before = content(file)
    with pytest.raises(StorageError, match=said) as refused:
        async with open_store(f"sqlite:///{file}"):
            pass
    with pytest.raises(StorageError) as inspected:
        await inspect_database(f"sqlite:///{file}")
    assert str(refused.value) == str(inspected.value)
    assert content(file) == before


async def test_an_upgrade_that_fails_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(config: object, revision: str) -> None:
        connection = config.attributes["connection"]  # type: ignore[attr-defined]
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("the revision has a defect")

    monkeypatch.setattr("alembic.command.upgrade", half)
    with pytest.raises(RuntimeError):
        async with open_store(f"sqlite:///{file}"):
            pass
    monkeypatch.undo()
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []
    connection.close()
    await made(file)


async def test_an_upgrade_that_orphans_rows_is_taken_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(file)

    def orphan(config: object, revision: str) -> None:
        connection = config.attributes["connection"]  # type: ignore[attr-defined]
        connection.exec_driver_sql("DELETE FROM questions")

    monkeypatch.setattr("alembic.command.upgrade", orphan)
    monkeypatch.setattr("storage.upgrade.revisions", lambda: (*revisions(), "9999"))
    with pytest.raises(StorageError, match="'answers' would refer to rows that do not exist"):
        async with open_store(f"sqlite:///{file}"):
            pass
    monkeypatch.undo()
    async with open_store(f"sqlite:///{file}") as store:
        assert len(await store.answers(conversation=CHANNEL)) == 1


OPEN = """
import asyncio, sys
from storage import open_store
from tests.storage.samples import asked

async def main():
    async with open_store(sys.argv[1]) as store:
        await asked(store, event_id=sys.argv[2])

asyncio.run(main())
"""


@pytest.mark.process
async def test_programs_that_start_at_once_make_one_database(file: Path) -> None:
    starting = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            OPEN,
            f"sqlite:///{file}",
            f"event {number}",
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for process in starting:
        _, said = await process.communicate()
        assert (process.returncode, said) == (0, b"")
    async with open_store(f"sqlite:///{file}") as store:
        assert len(await store.answers(conversation=CHANNEL)) == 3


async def test_many_stores_are_opened_at_once_in_one_program(tmp_path: Path) -> None:
    await asyncio.gather(*(made(tmp_path / f"{number}.sqlite3") for number in range(4)))


@pytest.mark.process
async def test_alembic_is_not_imported_where_nothing_is_to_be_migrated(file: Path) -> None:
    await made(file)
    code = (
        "import asyncio, sys\n"
        "from storage import open_store\n"
        "async def main():\n"
        f"    async with open_store({f'sqlite:///{file}'!r}):\n"
        "        print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await ran.communicate()
    assert said.decode().split() == ["True", "False"]
