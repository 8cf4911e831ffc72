"""The delivery ledger in SQL: how far answers are, and which messages show them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.messages import ConversationKey, Usage
from bot.ports import AnswerState, Spent, StoredAnswer
from storage.database import Database
from storage.rules import Clock
from storage.sql import rows
from storage.sql.part import SqlPart, charge, insert_into
from storage.tables import AnswerRow, ConversationRow, QuestionRow, ShownRow

STILL_OPEN = or_(AnswerRow.state == AnswerState.QUEUED, AnswerRow.state == AnswerState.WRITING)

# On the table, not the class: one statement for all the rows of a round.
_CHECKPOINT = (
    update(AnswerRow.__table__)  # type: ignore[arg-type]
    .where(AnswerRow.id == bindparam("answer"), STILL_OPEN)
    .values(state=bindparam("new_state"), text=bindparam("new_text"))
)


class SqlLedger(SqlPart):
    """`bot.ports.AnswerLedger`."""

    def __init__(self, database: Database, now: Clock) -> None:
        super().__init__(database, now)
        self._round: _Round | None = None

    async def checkpoint(self, answer_id: int, state: AnswerState, text: str) -> None:
        if not state.open:
            raise ValueError(f"a checkpoint is of an open answer, not of one that is {state}")
        if self._round is None or self._round.begun:
            self._round = _Round(self._database)
        await self._round.save(answer_id, state, text)

    async def shown(self, answer_id: int, index: int, message: str) -> None:
        async def work(session: AsyncSession) -> None:
            known = select(AnswerRow.id).where(AnswerRow.id == answer_id)
            if await session.scalar(known) is None:
                return  # deleted while it was written
            if not message:
                here = (ShownRow.answer_id == answer_id, ShownRow.part == index)
                await session.execute(delete(ShownRow).where(*here))
                return
            insert = insert_into(session, ShownRow).values(
                answer_id=answer_id, part=index, message=message
            )
            await session.execute(
                insert.on_conflict_do_update(
                    index_elements=["answer_id", "part"],
                    set_={"message": insert.excluded.message},
                )
            )

        await self._database.write(work)

    async def close(self, answer_id: int, state: AnswerState, text: str, usage: Usage) -> None:
        if state.open:
            raise ValueError(f"an answer that is {state} is not at its end")

        async def work(session: AsyncSession) -> None:
            closed = (
                update(AnswerRow)
                .where(AnswerRow.id == answer_id, STILL_OPEN)
                .values(state=state, text=text, **_columns(usage))
                .returning(AnswerRow.charged_to)
                .execution_options(synchronize_session=False)
            )
            person = (await session.scalars(closed)).one_or_none()
            if person is not None and usage.tokens:
                await charge(session, person, self._today(), Spent(tokens=usage.tokens))

        await self._database.write(work)

    async def delivered(self, answer_id: int) -> None:
        async def work(session: AsyncSession) -> None:
            await session.execute(
                update(AnswerRow)
                .where(AnswerRow.id == answer_id, ~STILL_OPEN)
                .values(unfinished=False)
                .execution_options(synchronize_session=False)
            )

        await self._database.write(work)

    async def answers(
        self,
        *,
        answer_id: int | None = None,
        conversation: ConversationKey | None = None,
        unfinished: bool = False,
        limit: int = 1000,
    ) -> list[StoredAnswer]:
        found = rows.whole_answers().limit(limit)
        # Unfinished answers are few, a conversation may be long: the order is that of the index
        # at which the database should begin.
        newest = AnswerRow.question_id if unfinished else QuestionRow.id
        found = found.order_by(newest.desc())
        if unfinished:
            found = found.where(AnswerRow.unfinished)
        if conversation is not None:
            found = found.where(
                ConversationRow.key == str(conversation),
                QuestionRow.id > ConversationRow.hidden_to,
            )
        if answer_id is not None:
            found = found.where(AnswerRow.id == answer_id)
        async with self._database.read() as session:
            return [rows.answer(row) for row in await session.scalars(found)]


class _Round:
    """The checkpoints that wait for the writer: they are one statement when their turn comes, and
    of several for one answer only the last is written."""

    def __init__(self, database: Database) -> None:
        self._rows: dict[int, Mapping[str, Any]] = {}
        self._written = asyncio.ensure_future(database.write(self._write))
        self.begun = False
        """Too late to join."""

    async def save(self, answer_id: int, state: AnswerState, text: str) -> None:
        self._rows[answer_id] = {"answer": answer_id, "new_state": state, "new_text": text}
        await asyncio.shield(self._written)  # it is the others' round too

    async def _write(self, session: AsyncSession) -> None:
        self.begun = True
        connection = await session.connection()
        await connection.execute(_CHECKPOINT, list(self._rows.values()))


def _columns(usage: Usage) -> dict[str, float]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "first_token_seconds": usage.first_token_seconds,
        "total_seconds": usage.total_seconds,
    }
