"""Settings and ratings in SQL."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import NothingToDo
from bot.messages import ConversationKey, Person, Reasoning
from bot.ports import ConversationSettings
from storage.rules import check_verdict
from storage.sql.part import SqlPart, conversation_id, insert_into
from storage.tables import AnswerRow, ConversationRow, FeedbackRow, SettingsRow


class SqlSettings(SqlPart):
    """`bot.ports.SettingsStore`."""

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        found = (
            select(SettingsRow)
            .join(ConversationRow, ConversationRow.id == SettingsRow.conversation_id)
            .where(ConversationRow.key == str(conversation))
        )
        async with self._database.read() as session:
            row = await session.scalar(found)
        if row is None:
            return ConversationSettings()
        return ConversationSettings(
            row.system_prompt,
            row.temperature,
            row.max_new_tokens,
            row.show_names,
            row.muted,
            None if row.reasoning is None else Reasoning(row.reasoning),
        )

    async def change_settings(
        self, conversation: ConversationKey, settings: ConversationSettings
    ) -> None:
        async def operation(session: AsyncSession) -> None:
            row = await conversation_id(session, conversation)
            await session.execute(delete(SettingsRow).where(SettingsRow.conversation_id == row))
            if settings == ConversationSettings():
                return
            session.add(
                SettingsRow(
                    conversation_id=row,
                    system_prompt=settings.system_prompt,
                    temperature=settings.temperature,
                    max_new_tokens=settings.max_new_tokens,
                    show_names=settings.show_names,
                    muted=settings.muted,
                    reasoning=settings.reasoning,
                )
            )

        await self._database.write(operation)

    async def rate(self, answer_id: int, person: Person, verdict: int) -> None:
        check_verdict(verdict)

        async def operation(session: AsyncSession) -> None:
            known = select(AnswerRow.id).where(AnswerRow.id == answer_id)
            if await session.scalar(known) is None:
                raise NothingToDo("There is no such answer any more.")
            if not verdict:
                here = (FeedbackRow.answer_id == answer_id, FeedbackRow.person == person.key)
                await session.execute(delete(FeedbackRow).where(*here))
                return
            insert = insert_into(session, FeedbackRow).values(
                answer_id=answer_id, person=person.key, verdict=verdict
            )
            await session.execute(
                insert.on_conflict_do_update(
                    index_elements=["answer_id", "person"],
                    set_={"verdict": insert.excluded.verdict},
                )
            )

        await self._database.write(operation)
