"""The base class of the SQL store's parts, and statements that several of them use."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Delete, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.messages import ConversationKey
from bot.ports import Spent
from storage.database import Database
from storage.rules import Now
from storage.tables import Base, ConversationRow, PromptRow, QuotedRow, UsageRow


class SqlPart:
    """Base class: a database and a clock."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    def _today(self) -> date:
        return self._now().date()


def insert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that supports ON CONFLICT, in the dialect of the session's database."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def conversation_id(session: Session, conversation: ConversationKey) -> int:
    """The id of a conversation's row, which is inserted where there is none."""
    insert = insert_into(session, ConversationRow).values(key=str(conversation), hidden_to=0)
    # An update that changes nothing: DO NOTHING would return no id.
    made = insert.on_conflict_do_update(
        index_elements=["key"], set_={"key": insert.excluded.key}
    ).returning(ConversationRow.id)
    return (session.scalars(made)).one()


def spent_on(session: Session, person: str, day: date) -> Spent:
    """What the person (`Person.key`) has used on that day."""
    row = session.get(UsageRow, (person, day))
    return Spent() if row is None else Spent(row.answers, row.tokens)


def charge(session: Session, person: str, day: date, cost: Spent) -> None:
    """Add `cost` to what the person (`Person.key`) has used on that day."""
    insert = insert_into(session, UsageRow).values(
        person=person, day=day, answers=cost.answers, tokens=cost.tokens
    )
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["person", "day"],
            set_={
                "answers": UsageRow.answers + insert.excluded.answers,
                "tokens": UsageRow.tokens + insert.excluded.tokens,
            },
        )
    )


def prompts_quoting(questions: Collection[int]) -> Delete:
    """Deletes the prompts that were kept and hold one of these questions."""
    holding = select(QuotedRow.answer_id).where(QuotedRow.question_id.in_(questions))
    return delete(PromptRow).where(PromptRow.answer_id.in_(holding))
