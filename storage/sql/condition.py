"""`bot.ports.Condition`: whether the database can be written, and its size."""

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from storage.sql.part import SqlPart
from storage.tables import IdentityRow

SQLITE_SIZE = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
SERVER_SIZE = text("SELECT pg_database_size(current_database())")
"""https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE"""


class SqlCondition(SqlPart):
    """One part of `SqlStore`."""

    async def check_writable(self) -> None:
        def write(session: Session) -> None:
            session.execute(update(IdentityRow).values(tag=IdentityRow.tag))

        await self._database.write(write)

    async def size(self) -> int:
        def work(session: Session) -> int:
            statement = SQLITE_SIZE if self._database.sqlite else SERVER_SIZE
            return int(session.scalar(statement) or 0)

        return await self._database.read(work)
