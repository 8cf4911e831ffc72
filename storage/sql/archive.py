"""The archive in SQL: listing, export, and permanent deletion."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, selectinload

from bot.messages import ConversationKey
from bot.ports import ArchivedAnswer, ArchivedExchange, ConversationSummary
from storage.sql import rows
from storage.sql.part import SqlPart
from storage.tables import (
    AnswerRow,
    ConversationRow,
    FeedbackRow,
    QuestionRow,
    SettingsRow,
    UsageRow,
)
from storage.writer import Operation

EXPORT_PAGE = 200
"""Exchanges that an export reads at a time, and holds in memory."""
DELETE_BATCH = 500
"""Questions deleted in one transaction, which bounds how long other writers wait."""


class SqlArchive(SqlPart):
    """`bot.ports.Archive`."""

    async def conversations(self) -> list[ConversationSummary]:
        first, last = func.min(QuestionRow.asked_at), func.max(QuestionRow.asked_at)
        listed = (
            select(ConversationRow.key, func.count(), first, last)
            .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
            .group_by(ConversationRow.id, ConversationRow.key)
            .order_by(last.desc(), func.max(QuestionRow.id).desc())
        )
        async with self._database.read() as session:
            return [
                ConversationSummary(ConversationKey.parse(key), number, first_at, last_at)
                for key, number, first_at, last_at in await session.execute(listed)
            ]

    async def archived(self, conversation: ConversationKey) -> AsyncIterator[ArchivedExchange]:
        done_to = 0
        while page := await self._page(conversation, done_to):
            for row in page:
                yield _archived(row)
            done_to = page[-1].id

    async def _page(self, conversation: ConversationKey, after: int) -> list[QuestionRow]:
        answers = selectinload(QuestionRow.answers)
        page = (
            select(QuestionRow)
            .join(QuestionRow.conversation)
            .where(ConversationRow.key == str(conversation), QuestionRow.id > after)
            .order_by(QuestionRow.id)
            .limit(EXPORT_PAGE)
            .options(
                contains_eager(QuestionRow.conversation),
                answers.selectinload(AnswerRow.feedback),
            )
        )
        async with self._database.read() as session:
            return list(await session.scalars(page))

    async def forget(
        self, *, conversation: ConversationKey | None = None, person: str | None = None
    ) -> int:
        if (conversation is None) == (person is None):
            raise ValueError("forget takes either a conversation or a person")
        if conversation is not None:
            gone = await self._forget_conversation(str(conversation))
        else:
            assert person is not None
            gone = await self._forget_person(person)
        await self._database.scrub()
        return gone

    async def _forget_conversation(self, key: str) -> int:
        here = select(ConversationRow.id).where(ConversationRow.key == key).scalar_subquery()

        async def finish(session: AsyncSession) -> None:
            await session.execute(delete(ConversationRow).where(ConversationRow.key == key))

        return await self._delete(QuestionRow.conversation_id == here, finish)

    async def _forget_person(self, person: str) -> int:
        async def finish(session: AsyncSession) -> None:
            await session.execute(delete(FeedbackRow).where(FeedbackRow.person == person))
            await session.execute(delete(UsageRow).where(UsageRow.person == person))
            await session.execute(
                update(AnswerRow).where(AnswerRow.charged_to == person).values(charged_to=None)
            )
            await _drop_empty(session)

        return await self._delete(QuestionRow.author == person, finish)

    async def purge(self, before: datetime) -> int:
        if before.tzinfo is None:
            raise ValueError("purge needs a time with a timezone")

        async def finish(session: AsyncSession) -> None:
            await session.execute(delete(UsageRow).where(UsageRow.day < before.date()))
            await _drop_empty(session)

        gone = await self._delete(QuestionRow.asked_at < before, finish)
        if gone:
            await self._database.scrub()
        return gone

    async def _delete(self, unwanted: ColumnElement[bool], finish: Operation[None]) -> int:
        """Delete questions in batches, and run `finish` in the transaction of the last. Returns
        their number."""

        async def batch(session: AsyncSession) -> int:
            found = select(QuestionRow.id).where(unwanted).limit(DELETE_BATCH)
            ids = list(await session.scalars(found))
            await session.execute(delete(QuestionRow).where(QuestionRow.id.in_(ids)))
            if len(ids) < DELETE_BATCH:
                await finish(session)
            return len(ids)

        gone = deleted = await self._database.write(batch)
        while deleted == DELETE_BATCH:
            deleted = await self._database.write(batch)
            gone += deleted
        return gone


async def _drop_empty(session: AsyncSession) -> None:
    """Delete conversations that have neither questions nor settings left."""
    asked = exists().where(QuestionRow.conversation_id == ConversationRow.id)
    set_up = exists().where(SettingsRow.conversation_id == ConversationRow.id)
    await session.execute(
        delete(ConversationRow).where(~asked, ~set_up).execution_options(synchronize_session=False)
    )


def _archived(row: QuestionRow) -> ArchivedExchange:
    answers = (
        ArchivedAnswer(
            answer.state,
            answer.text,
            answer.created_at,
            answer.current,
            tuple(verdict.verdict for verdict in answer.feedback),
        )
        for answer in row.answers
    )
    forgotten = row.id <= row.conversation.hidden_to
    return ArchivedExchange(rows.question(row), row.asked_at, forgotten, tuple(answers))
