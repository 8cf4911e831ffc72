"""The base class of the SQL store's parts, and statements that several of them use."""

import functools
from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Delete, Select, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.messages import ConversationKey
from bot.ports import Spent
from storage.database import Database
from storage.rules import Now
from storage.tables import Base, ConversationRow, PromptRow, QuotedRow, UsageRow

Upsert = sqlite.Insert | postgresql.Insert
"""An INSERT that supports ON CONFLICT."""


class SqlPart:
    """Base class: a database and a clock."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    def _today(self) -> date:
        return self._now().date()


def insert_into(session: Session, table: type[Base]) -> Upsert:
    """An INSERT that supports ON CONFLICT, in the dialect of the session's database."""
    return insert_in(session.get_bind().dialect.name, table)


def insert_in(dialect: str, table: type[Base]) -> Upsert:
    """The same in a dialect, for Core: what is executed for each answer is made once, and not by
    way of the ORM, which costs several times as much."""
    return sqlite.insert(core(table)) if dialect == "sqlite" else postgresql.insert(core(table))


def core(table: type[Base]) -> Table:
    """The table of a mapped class."""
    found = table.__table__
    assert isinstance(found, Table)
    return found


def conversation_id(session: Session, conversation: ConversationKey) -> int:
    """The id of a conversation's row, which is inserted where there is none."""
    connection = session.connection()
    made = _made(connection.dialect.name)
    return int(connection.execute(made, {"key": str(conversation), "hidden_to": 0}).scalar_one())


@functools.cache
def _made(dialect: str) -> Any:
    insert = insert_in(dialect, ConversationRow)
    # An update that changes nothing: DO NOTHING would return no id.
    made = insert.on_conflict_do_update(index_elements=["key"], set_={"key": insert.excluded.key})
    return made.returning(core(ConversationRow).c.id)


def spent_on(session: Session, person: str, day: date) -> Spent:
    """What the person (`Person.key`) has used on that day."""
    found = session.connection().execute(_spent(), {"who": person, "on": day}).one_or_none()
    return Spent() if found is None else Spent(*found)


@functools.cache
def _spent() -> Select[Any]:
    used = core(UsageRow).c
    here = (used.person == bindparam("who"), used.day == bindparam("on"))
    return select(used.answers, used.tokens).where(*here)


def charge(session: Session, person: str, day: date, cost: Spent) -> None:
    """Add `cost` to what the person (`Person.key`) has used on that day."""
    charged = {"person": person, "day": day, "answers": cost.answers, "tokens": cost.tokens}
    connection = session.connection()
    connection.execute(_charged(connection.dialect.name), charged)


@functools.cache
def _charged(dialect: str) -> Any:
    return adding(insert_in(dialect, UsageRow), ["person", "day"], ["answers", "tokens"])


def adding(insert: Upsert, key: Collection[str], added: Collection[str]) -> Any:
    """INSERT whose values are added to those of a row that is there."""
    table = insert.table
    sums = {name: table.c[name] + insert.excluded[name] for name in added}
    return insert.on_conflict_do_update(index_elements=list(key), set_=sums)


def prompts_quoting(questions: Collection[int]) -> Delete:
    """Deletes the prompts that were kept and hold one of these questions."""
    holding = select(QuotedRow.answer_id).where(QuotedRow.question_id.in_(questions))
    return delete(PromptRow).where(PromptRow.answer_id.in_(holding))
