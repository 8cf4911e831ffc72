"""Where to look for missed questions, and from when on, in SQL."""

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bot.messages import ConversationKey
from bot.ports import KnownQuestion, RecentConversation
from storage.sql.part import SqlPart, insert_into
from storage.tables import ConversationRow, ProgressRow, QuestionRow


class SqlMissed(SqlPart):
    """`bot.ports.Missed`."""

    async def recent_conversations(
        self, platform: str, since: datetime, *, limit: int
    ) -> list[RecentConversation]:
        of_conversation = QuestionRow.conversation_id == ConversationRow.id
        newest = (
            select(func.max(QuestionRow.id))
            .where(of_conversation)
            .correlate(ConversationRow)
            .scalar_subquery()
        )
        found = (
            select(ConversationRow.key, QuestionRow.direct)
            .join(QuestionRow, QuestionRow.id == newest)
            .where(
                ConversationRow.key.startswith(f"{platform}:", autoescape=True),
                or_(QuestionRow.asked_at >= since, QuestionRow.direct),
            )
            .order_by(QuestionRow.id.desc())
            .limit(limit)
        )
        return await self._database.read(
            lambda session: [
                RecentConversation(ConversationKey.parse(key), direct)
                for key, direct in session.execute(found)
            ]
        )

    async def known_questions(
        self, conversation: ConversationKey, *, limit: int
    ) -> list[KnownQuestion]:
        found = (
            select(QuestionRow.message_id, QuestionRow.asked_at, QuestionRow.shown_in)
            .join(QuestionRow.conversation)
            .where(
                ConversationRow.key == str(conversation),
                QuestionRow.id > ConversationRow.hidden_to,
            )
            .order_by(QuestionRow.id.desc())
            .limit(limit)
        )
        return await self._database.read(
            lambda session: [KnownQuestion(*row) for row in session.execute(found)]
        )

    async def handled_to(self, platform: str) -> datetime | None:
        def work(session: Session) -> datetime | None:
            row = session.get(ProgressRow, platform)
            return None if row is None else row.handled_to

        return await self._database.read(work)

    async def record_handled(self, platform: str, moment: datetime) -> None:
        def operation(session: Session) -> None:
            insert = insert_into(session, ProgressRow).values(platform=platform, handled_to=moment)
            session.execute(
                insert.on_conflict_do_update(
                    index_elements=["platform"], set_={"handled_to": insert.excluded.handled_to}
                )
            )

        await self._database.write(operation)
