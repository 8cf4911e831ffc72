"""`bot.ports.Condition`: whether the database can be written, and its size."""

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.sql.part import SqlPart
from storage.tables import IdentityRow

SQLITE_SIZE = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
SERVER_SIZE = text("SELECT pg_database_size(current_database())")
"""https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE"""


class SqlCondition(SqlPart):
    """One part of `SqlStore`."""

    async def check_writable(self) -> None:
        async def write(session: AsyncSession) -> None:
            await session.execute(update(IdentityRow).values(tag=IdentityRow.tag))

        await self._database.write(write)

    async def size(self) -> int:
        async with self._database.read() as session:
            statement = SQLITE_SIZE if self._database.sqlite else SERVER_SIZE
            return int(await session.scalar(statement) or 0)
