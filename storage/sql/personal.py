"""What is stored of one person, in SQL."""

from collections.abc import AsyncIterator

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, selectinload

from bot.messages import ConversationKey
from bot.ports import ArchivedExchange, DayOfUse, GivenRating
from storage.sql import rows
from storage.sql.part import SqlPart
from storage.tables import AnswerRow, ConversationRow, FeedbackRow, QuestionRow, UsageRow

PAGE = 200
"""Rows that are read at a time, and held in memory."""


class SqlPersonal(SqlPart):
    """`bot.ports.PersonalData`."""

    async def asked_by(self, person: str) -> AsyncIterator[ArchivedExchange]:
        done_to = 0
        while page := await self._asked(person, done_to):
            for row in page:
                yield rows.archived(row, person=person)
            done_to = page[-1].id

    async def _asked(self, person: str, after: int) -> list[QuestionRow]:
        page = (
            select(QuestionRow)
            .join(QuestionRow.conversation)
            .where(QuestionRow.author == person, QuestionRow.id > after)
            .order_by(QuestionRow.id)
            .limit(PAGE)
            .options(
                contains_eager(QuestionRow.conversation),
                selectinload(QuestionRow.answers).selectinload(AnswerRow.feedback),
            )
        )
        return await self._database.read(lambda session: list(session.scalars(page)))

    async def ratings_by(self, person: str) -> AsyncIterator[GivenRating]:
        done_to = 0
        while page := await self._ratings(person, done_to):
            for rating in page:
                yield rating
            done_to = page[-1].answer_id

    async def _ratings(self, person: str, after: int) -> list[GivenRating]:
        page = (
            select(
                FeedbackRow.answer_id,
                ConversationRow.key,
                FeedbackRow.verdict,
                FeedbackRow.rated_at,
            )
            .join(AnswerRow, AnswerRow.id == FeedbackRow.answer_id)
            .join(QuestionRow, QuestionRow.id == AnswerRow.question_id)
            .join(ConversationRow, ConversationRow.id == QuestionRow.conversation_id)
            .where(FeedbackRow.person == person, FeedbackRow.answer_id > after)
            .order_by(FeedbackRow.answer_id)
            .limit(PAGE)
        )
        return await self._database.read(
            lambda session: [
                GivenRating(answer, ConversationKey.parse(key), verdict, rated_at)
                for answer, key, verdict, rated_at in session.execute(page)
            ]
        )

    async def use_by(self, person: str) -> AsyncIterator[DayOfUse]:
        """One row a day: a person's days of years fit in one page."""
        days = select(UsageRow).where(UsageRow.person == person).order_by(UsageRow.day)

        def work(session: Session) -> list[DayOfUse]:
            return [DayOfUse(row.day, row.answers, row.tokens) for row in session.scalars(days)]

        for day in await self._database.read(work):
            yield day
