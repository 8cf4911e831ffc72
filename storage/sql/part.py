"""What the parts of the SQL store share: the database, the clock, and a few statements."""

from datetime import date

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.messages import ConversationKey
from bot.ports import Spent
from storage.database import Database
from storage.rules import Clock
from storage.tables import Base, ConversationRow, UsageRow


class SqlPart:
    """One of the store's Protocols over a database."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def _today(self) -> date:
        return self._now().date()


def insert_into(session: AsyncSession, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the words of the database at hand."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


async def conversation_id(session: AsyncSession, conversation: ConversationKey) -> int:
    """The row of a conversation, made where there is none."""
    insert = insert_into(session, ConversationRow).values(key=str(conversation), hidden_to=0)
    # An update that changes nothing, because DO NOTHING would return no id.
    made = insert.on_conflict_do_update(
        index_elements=["key"], set_={"key": insert.excluded.key}
    ).returning(ConversationRow.id)
    return (await session.scalars(made)).one()


async def spent_on(session: AsyncSession, person: str, day: date) -> Spent:
    row = await session.get(UsageRow, (person, day))
    return Spent() if row is None else Spent(row.answers, row.tokens)


async def charge(session: AsyncSession, person: str, day: date, cost: Spent) -> None:
    insert = insert_into(session, UsageRow).values(
        person=person, day=day, answers=cost.answers, tokens=cost.tokens
    )
    await session.execute(
        insert.on_conflict_do_update(
            index_elements=["person", "day"],
            set_={
                "answers": UsageRow.answers + insert.excluded.answers,
                "tokens": UsageRow.tokens + insert.excluded.tokens,
            },
        )
    )
