"""Paging through what is stored, in SQL."""

from sqlalchemy import Select, func, or_, select, true
from sqlalchemy.orm import Session, contains_eager, selectinload

from bot.measures import COUNTED, Found, Listed, ReadExchange
from bot.messages import ConversationKey
from storage.sql.part import SqlPart
from storage.tables import AnswerRow, ConversationRow, QuestionRow


class SqlReading(SqlPart):
    """`listed`, `read` and `search` of `bot.measures.Reports`."""

    async def listed(self, *, before: int | None = None, limit: int = 50) -> list[Listed]:
        newest = (
            select(func.max(QuestionRow.id))
            .where(QuestionRow.conversation_id == ConversationRow.id)
            .correlate(ConversationRow)
            .scalar_subquery()
        )
        page = (
            select(ConversationRow.id, ConversationRow.key, QuestionRow.asked_at, QuestionRow.id)
            .join(QuestionRow, QuestionRow.id == newest)
            .order_by(QuestionRow.id.desc())
            .limit(limit)
        )
        if before is not None:
            page = page.where(QuestionRow.id < before)

        def work(session: Session) -> list[Listed]:
            listed = []
            for row, key, last_at, last in (session.execute(page)).all():
                some = select(QuestionRow.id).where(QuestionRow.conversation_id == row)
                counted = select(func.count()).select_from(some.limit(COUNTED).subquery())
                number = session.scalar(counted)
                listed.append(Listed(ConversationKey.parse(key), number or 0, last_at, last))
            return listed

        return await self._database.read(work)

    async def read(
        self, conversation: ConversationKey, *, before: int | None = None, limit: int = 50
    ) -> list[ReadExchange]:
        page = _exchanges().where(ConversationRow.key == str(conversation)).limit(limit)
        if before is not None:
            page = page.where(QuestionRow.id < before)
        return await self._database.read(
            lambda session: [_exchange(row) for row in session.scalars(page)]
        )

    async def search(
        self, text: str, *, before: int | None = None, examined: int = 20_000, limit: int = 50
    ) -> Found:
        newest = select(QuestionRow.id, QuestionRow.asked_at).order_by(QuestionRow.id.desc())
        if before is not None:
            newest = newest.where(QuestionRow.id < before)

        def work(session: Session) -> Found:
            last = session.execute(newest.offset(examined - 1).limit(1)).one_or_none()
            page = _holding(text).where(QuestionRow.id >= (last.id if last else 0)).limit(limit)
            if before is not None:
                page = page.where(QuestionRow.id < before)
            found = [_exchange(row) for row in session.scalars(page)]
            if len(found) == limit:
                return Found(found, found[-1].question_id, found[-1].asked_at)
            return Found(found, last.id, last.asked_at) if last else Found(found)

        return await self._database.read(work)


def _exchanges() -> Select[AnswerRow]:
    """Current answers with all that `_exchange` needs, the newest question first."""
    asked = contains_eager(AnswerRow.question)
    return (
        select(AnswerRow)
        .join(AnswerRow.question)
        .join(QuestionRow.conversation)
        .where(AnswerRow.current == true())
        .options(asked.contains_eager(QuestionRow.conversation), selectinload(AnswerRow.feedback))
        .order_by(QuestionRow.id.desc())
    )


def _holding(text: str) -> Select[AnswerRow]:
    held = (QuestionRow.text, QuestionRow.author_name, AnswerRow.text)
    return _exchanges().where(or_(*(one.icontains(text, autoescape=True) for one in held)))


def _exchange(row: AnswerRow) -> ReadExchange:
    asked = row.question
    return ReadExchange(
        asked.id,
        ConversationKey.parse(asked.conversation.key),
        asked.author,
        asked.author_name,
        asked.asked_at,
        asked.text,
        row.state.value,
        row.text,
        asked.id <= asked.conversation.hidden_to,
        tuple(verdict.verdict for verdict in row.feedback),
    )
