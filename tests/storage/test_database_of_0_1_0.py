"""A database that Parley 0.1.0 wrote goes on working: all is found, and new data can be written."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.command import upgrade
from alembic.script import ScriptDirectory
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import OverQuota
from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import (
    AnswerState,
    ArchivedAnswer,
    ArchivedExchange,
    ConversationSettings,
    ConversationSummary,
    Quota,
    Spent,
    Store,
    StoredAnswer,
)
from storage import open_store
from storage.inspection import Kept, count_kept, inspect_database
from storage.upgrade import MIGRATIONS, config_for, revisions
from tests.storage.samples import spent

DUMP = Path(__file__).parent / "parley-0.1.0.sql"
REVISION = "0001"
"""The schema revision of 0.1.0."""

CHANNEL = ConversationKey("discord", "300", workspace="100")
THREAD = ConversationKey("discord", "300", "400", "100")
DIRECT = ConversationKey("discord", "500")
SLACK = ConversationKey("slack", "C1", "1772366400.000100", "T1")
ENTERPRISE = ConversationKey("slack", "C2", "", "E1.T2")
TERMINAL = ConversationKey("console", "notes")
ANN = Person("discord", "11", "Ann")
BOB = Person("discord", "12", "Bob", admin=True)
EVE = Person("slack", "U1", "Eve")
YOU = Person("console", "local", "you", admin=True)

FRUIT = Question(CHANNEL, ANN, "Name a fruit 🍎, please.", "1002", "1002")
STORY = Question(THREAD, BOB, "Tell me a long story", "1004", "1004")
COUNT = Question(DIRECT, ANN, "Count to a thousand", "1005", "1005", direct=True)
RAIN = Question(SLACK, EVE, "Is it raining?", "Ev1", "1772366400.000100")
PEAR = "Pear.\n\n```python\nprint('pear')\n```"


def at(second: int) -> datetime:
    """A time on the day on which the database was made."""
    return datetime(2026, 3, 1, 12, 0, second, tzinfo=UTC)


@pytest.fixture
def old(file: Path) -> Path:
    """A copy of the database of 0.1.0."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(DUMP.read_text())
    return file


@pytest.fixture
async def store(old: Path) -> AsyncIterator[Store]:
    """It, opened an hour after it was made."""
    async with open_store(f"sqlite:///{old}", now=lambda: at(0).replace(hour=13)) as opened:
        yield opened


def revision(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found)


# ---------------------------------------------------------------- the schema


async def test_todays_migrations_begin_at_its_revision_and_bring_it_to_the_newest(
    old: Path,
) -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert revision(old) == REVISION == scripts.get_base()
    assert REVISION in revisions()
    async with open_store(f"sqlite:///{old}"):
        pass
    assert revision(old) == scripts.get_current_head()


def test_the_first_migration_still_makes_its_schema(old: Path, tmp_path: Path) -> None:
    """A released revision never changes: later ones build on what it made."""
    made = tmp_path / "made.sqlite3"
    engine = create_engine(f"sqlite:///{made}")
    with engine.begin() as connection:
        upgrade(config_for(connection), REVISION)
    engine.dispose()
    assert _schema(made) == _schema(old)


def _schema(file: Path) -> set[tuple[str, str]]:
    """Of Parley's own tables; whitespace does not count."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL "
            "AND tbl_name NOT LIKE 'slack@_%' ESCAPE '@' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'"
        )
        return {(name, " ".join(sql.split())) for name, sql in found}


async def test_it_is_inspected_without_being_changed(old: Path) -> None:
    url = f"sqlite:///{old}"
    assert "intact" in await inspect_database(url)
    kept = await count_kept(url)
    assert kept is not None
    assert kept == Kept(conversations=6, exchanges=7, tokens=kept.tokens)
    assert kept.tokens > 0
    assert revision(old) == REVISION


# ---------------------------------------------------------------- what is found


async def test_the_history_that_the_model_sees(store: Store) -> None:
    (fruit,) = await store.exchanges(CHANNEL)  # the reset hides the other
    assert (fruit.question, fruit.asked_at) == (FRUIT, at(8))
    assert (fruit.answer_id, fruit.answer, fruit.position) == (3, PEAR, 2)
    (milk,) = await store.exchanges(TERMINAL)
    assert milk.question == Question(TERMINAL, YOU, "Remember the milk", "local-1", "", direct=True)
    assert milk.answer == "I will"


async def test_settings_and_muting(store: Store) -> None:
    assert await store.settings(CHANNEL) == ConversationSettings("Be brief.", 0.0, 128, True, False)
    assert await store.settings(ENTERPRISE) == ConversationSettings(muted=True)
    assert await store.settings(THREAD) == ConversationSettings()


async def test_unfinished_answers_with_the_messages_that_show_them(store: Store) -> None:
    assert await store.answers(unfinished=True) == [
        StoredAnswer(
            id=7,
            question_id=6,
            question=RAIN,
            state=AnswerState.DONE,
            text="I cannot see outside.",
            messages=("1772366401.000200",),
            usage=Usage(30, 10, 7, 0.2, 0.9),
            position=6,
        ),
        StoredAnswer(
            id=6,
            question_id=5,
            question=COUNT,
            state=AnswerState.QUEUED,
            text="1, 2, 3",
            messages=("2006",),
            usage=Usage(20, 0, 8, 0.3, 0.6),
            position=5,
        ),
        StoredAnswer(
            id=5,
            question_id=4,
            question=STORY,
            state=AnswerState.WRITING,
            text="Once upon a time there was",
            messages=("2004", "2005"),
            position=4,
        ),
    ]


async def test_a_delivered_answer_is_found_by_the_id_on_its_buttons(store: Store) -> None:
    (pear,) = await store.answers(answer_id=3)
    assert (pear.question, pear.text, pear.messages) == (FRUIT, PEAR, ("2002", "2003"))
    assert pear.usage == Usage(50, 45, 12, 0.125, 1.0)
    assert await store.answers(answer_id=2) == []  # replaced by the regeneration
    assert await store.answers(answer_id=4) == []  # its question was deleted


async def test_the_list_of_conversations(store: Store) -> None:
    assert await store.conversations() == [
        ConversationSummary(TERMINAL, 1, at(40), at(40)),
        ConversationSummary(ENTERPRISE, 1, at(36), at(36)),
        ConversationSummary(SLACK, 1, at(31), at(31)),
        ConversationSummary(DIRECT, 1, at(25), at(25)),
        ConversationSummary(THREAD, 1, at(21), at(21)),
        ConversationSummary(CHANNEL, 2, at(3), at(8)),
    ]


async def test_the_export_has_everything_with_ratings(store: Store) -> None:
    lighthouse = Question(CHANNEL, ANN, "What is a lighthouse?", "1001", "1001")
    done = AnswerState.DONE
    assert [one async for one in store.archived(CHANNEL)] == [
        ArchivedExchange(
            lighthouse,
            at(3),
            True,
            (ArchivedAnswer(done, "A tower with a light.", at(4), True),),
        ),
        ArchivedExchange(
            FRUIT,
            at(8),
            False,
            (
                ArchivedAnswer(done, "Apple.", at(9), False, (-1,)),
                ArchivedAnswer(done, PEAR, at(12), True, (1, 1)),
            ),
        ),
    ]


async def test_usage_still_counts_against_the_days_quota(store: Store) -> None:
    assert await spent(store, ANN) == Spent(answers=5, tokens=138)
    with pytest.raises(OverQuota):
        await store.accept(Question(SLACK, EVE, "More?", "Ev3"), Quota(answers_per_day=2))


async def test_an_event_that_it_accepted_is_not_accepted_again(store: Store) -> None:
    assert await store.accept(RAIN, Quota()) is None
    deleted = Question(CHANNEL, ANN, "Delete me", "1003", "1003")
    assert await store.accept(deleted, Quota()) is None


# ---------------------------------------------------------------- what can be written


async def test_unfinished_answers_are_resumed_to_their_end(store: Store) -> None:
    for answer in await store.answers(unfinished=True):
        text = f"{answer.text} and so on."
        await store.checkpoint(answer.id, AnswerState.WRITING, text)
        await store.shown(answer.id, len(answer.messages), "new message")
        await store.close(answer.id, AnswerState.DONE, text, Usage(1, 0, 1))
        await store.delivered(answer.id)
    assert await store.answers(unfinished=True) == []
    (story,) = await store.answers(answer_id=5)
    assert story.text == "Once upon a time there was and so on."
    assert story.messages == ("2004", "2005", "new message")
    (rain,) = await store.answers(answer_id=7)
    assert rain.text == "I cannot see outside."  # it was closed already


async def test_the_conversation_goes_on_with_ids_that_were_never_used(store: Store) -> None:
    asked = await store.accept(Question(CHANNEL, ANN, "And a nut?", "1006", "1006"), Quota())
    assert asked is not None
    assert (asked.question_id, asked.id) == (9, 10)
    await store.close(asked.id, AnswerState.DONE, "Hazel.", Usage(60, 50, 2))
    assert [one.answer for one in await store.exchanges(CHANNEL)] == ["Hazel.", PEAR]


async def test_an_old_answer_is_regenerated_rated_and_deleted(store: Store) -> None:
    new = await store.reopen(3, BOB, Quota(), anew=True)
    assert (new.id, new.messages) == (10, ("2002", "2003"))
    await store.rate(9, YOU, 1)
    await store.change_settings(ENTERPRISE, ConversationSettings())
    assert await store.reset(TERMINAL) == 1
    assert await store.edit_question(SLACK, RAIN.message_id, "Is it snowing?") is not None
    assert await store.delete_question(CHANNEL, "1002") is not None
    assert await store.forget(person=ANN.key) == 2
    assert await store.forget(conversation=THREAD) == 1
    assert [one.conversation for one in await store.conversations()] == [
        TERMINAL,
        ENTERPRISE,
        SLACK,
    ]
    assert await store.purge(at(50)) == 3
    assert await store.conversations() == []


async def test_the_installations_of_the_slack_app_are_kept(old: Path) -> None:
    async with open_store(f"sqlite:///{old}"):
        pass
    engine = create_async_engine(f"sqlite+aiosqlite:///{old}")
    found = await AsyncSQLAlchemyInstallationStore("1.2", engine).async_find_bot(
        enterprise_id=None, team_id="T1"
    )
    await engine.dispose()
    assert found is not None
    assert (found.bot_token, found.bot_user_id, found.bot_id) == ("xoxb-example", "U9", "B1")
