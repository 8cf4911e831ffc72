"""What threads hang on in SQL, and which of a platform's messages are known."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from bot.messages import ConversationKey
from bot.ports import Origin
from storage.sql import rows
from storage.sql.part import SqlPart
from storage.tables import AnswerRow, ConversationRow, EventRow, QuestionRow, ShownRow

MOST_IDS = 500
"""Ids in one query: databases limit the number of a statement's parameters."""


class SqlOrigins(SqlPart):
    """`bot.ports.Origins`."""

    async def origin(self, thread: ConversationKey) -> Origin | None:
        if not thread.thread:
            return None
        # Step by step, each with an index of its own: joined, the planner reads the whole channel.
        shows = select(ShownRow.answer_id).where(ShownRow.message == thread.thread)
        own = select(ConversationRow.reset_time).where(ConversationRow.key == str(thread))

        def work(session: Session) -> Origin | None:
            answers = list(session.scalars(shows))
            for hangs_on in (QuestionRow.message_id == thread.thread, AnswerRow.id.in_(answers)):
                found = list(session.scalars(_in_channel_of(thread, hangs_on)))
                if not found:
                    continue
                asked = max(found, key=lambda row: row.question_id).question
                ended = rows.ended_answers().where(QuestionRow.id == asked.id)
                answered = session.scalar(ended)
                hidden = asked.id <= asked.conversation.hidden_to
                return Origin(
                    rows.question(asked),
                    asked.asked_at,
                    None if answered is None else rows.exchange(answered),
                    hidden or session.scalar(own) is not None,
                )
            return None

        return await self._database.read(work)
        return None

    async def reset_at(self, conversation: ConversationKey) -> datetime | None:
        last = select(ConversationRow.reset_time).where(ConversationRow.key == str(conversation))
        return await self._database.read(lambda session: session.scalar(last))

    async def known_messages(
        self, conversation: ConversationKey, messages: Collection[str], events: Collection[str]
    ) -> set[str]:
        asked = (
            select(QuestionRow.message_id)
            .join(QuestionRow.conversation)
            .where(ConversationRow.key == str(conversation))
        )
        accepted = select(EventRow.event_id).where(EventRow.platform == conversation.platform)

        def work(session: Session) -> set[str]:
            found: set[str] = set()
            for ids in _portions(messages):
                found.update(session.scalars(asked.where(QuestionRow.message_id.in_(ids))))
            for ids in _portions(events):
                found.update(session.scalars(accepted.where(EventRow.event_id.in_(ids))))
            return found

        return await self._database.read(work)


def _in_channel_of(thread: ConversationKey, hangs_on: ColumnElement[bool]) -> Select[AnswerRow]:
    channel = str(replace(thread, thread=""))
    return rows.current_answers().where(ConversationRow.key == channel, hangs_on)


def _portions(ids: Collection[str]) -> list[list[str]]:
    wanted = [one for one in ids if one]
    return [wanted[start : start + MOST_IDS] for start in range(0, len(wanted), MOST_IDS)]
