"""The delivery ledger in SQL: the state and text of answers, and which messages show them."""

import asyncio
import functools
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Update,
    bindparam,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from bot.messages import ConversationKey, Usage
from bot.ports import AnswerState, Snapshot, Spent, StoredAnswer
from storage.columns import RowId
from storage.database import Database
from storage.rules import Now
from storage.sql import rows
from storage.sql.part import SqlPart, charge, core, insert_in
from storage.sql.reports import count_use
from storage.tables import AnswerRow, ConversationRow, QuestionRow, ShownRow

STILL_OPEN = or_(AnswerRow.state == AnswerState.QUEUED, AnswerRow.state == AnswerState.WRITING)

# On tables, not mapped classes, and made once: for each answer they are executed several times.
_ANSWERS, _SHOWN = core(AnswerRow), core(ShownRow)
_THIS = _ANSWERS.c.id == bindparam("answer")

_TO, _FROM = (cast(bindparam(name), BigInteger) for name in ("new_to", "new_from"))
_CHECKPOINT = (
    update(_ANSWERS)
    .where(_THIS, STILL_OPEN)
    .values(
        state=bindparam("new_state"),
        text=bindparam("new_text"),
        thought=bindparam("new_thought"),
        context_to=func.coalesce(_TO, _ANSWERS.c.context_to),
        context_from=case((_TO.is_(None), _ANSWERS.c.context_from), else_=_FROM),
    )
)
_CLOSED = (
    update(_ANSWERS)  # of the columns that are among its parameters
    .where(_THIS, STILL_OPEN)
    .returning(_ANSWERS.c.charged_to, _ANSWERS.c.question_id, _ANSWERS.c.context_to)
)
_DELIVERED = update(_ANSWERS).where(_THIS, ~STILL_OPEN).values(unfinished=False)
_SETTLED = update(_ANSWERS).where(_THIS).values(settled=bindparam("count"))
_KNOWN = select(_ANSWERS.c.id).where(_THIS)
_NOT_SHOWN = delete(_SHOWN).where(
    _SHOWN.c.answer_id == bindparam("answer"), _SHOWN.c.part == bindparam("at")
)

_QUESTIONS, _CONVERSATIONS = core(QuestionRow), core(ConversationRow)
_ASKED = _QUESTIONS.c.id == bindparam("asked")
_NOW = bindparam("moment", type_=RowId)
_MOMENT = (
    update(_CONVERSATIONS)
    .where(
        _CONVERSATIONS.c.id == select(_QUESTIONS.c.conversation_id).where(_ASKED).scalar_subquery()
    )
    .values(moment=_CONVERSATIONS.c.moment + 1)
    .returning(_CONVERSATIONS.c.moment)
)
_POSITION = update(_QUESTIONS).where(_ASKED, _QUESTIONS.c.position.is_(None)).values(position=_NOW)
_ENDED = (
    update(_ANSWERS)
    .where(_THIS)
    .values(
        ended=func.coalesce(_ANSWERS.c.ended, _NOW),
        grown=case((_ANSWERS.c.ended.is_not(None), _NOW), else_=_ANSWERS.c.grown),
    )
)


@functools.cache
def _shown(dialect: str) -> Any:
    insert = insert_in(dialect, ShownRow)
    return insert.on_conflict_do_update(
        index_elements=["answer_id", "part"], set_={"message": insert.excluded.message}
    )


class SqlLedger(SqlPart):
    """`bot.ports.AnswerLedger`."""

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(database, now)
        self._batch: _CheckpointBatch | None = None

    async def checkpoint(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        if not state.open:
            raise ValueError(f"a checkpoint needs an open state, not {state}")
        checkpoint = (answer_id, state, text, thought, snapshot)
        batch = self._batch
        if batch is None or not batch.join(*checkpoint):
            batch = self._batch = _CheckpointBatch(self._database)
            batch.join(*checkpoint)
        await batch.written()

    async def shown(
        self, answer_id: int, index: int, message: str, *, settled: int | None = None
    ) -> None:
        def operation(session: Session) -> None:
            connection = session.connection()
            here = {"answer": answer_id, "at": index, "count": settled}
            if connection.execute(_KNOWN, here).first() is None:
                return  # deleted during generation
            if settled is not None:
                connection.execute(_SETTLED, here)
            if not message:
                connection.execute(_NOT_SHOWN, here)
                return
            shown = {"answer_id": answer_id, "part": index, "message": message}
            connection.execute(_shown(connection.dialect.name), shown)

        await self._database.write(operation)

    async def settle(self, answer_id: int, settled: int) -> None:
        here = {"answer": answer_id, "count": settled}
        await self._database.write(lambda session: _run(session, _SETTLED, here))

    async def close(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        if state.open:
            raise ValueError(f"an answer cannot be closed as {state}")

        values: dict[str, Any] = {"answer": answer_id, "state": state, "text": text}
        values |= {"thought": thought} | _columns(usage) | _context(snapshot)

        def operation(session: Session) -> None:
            found = session.connection().execute(_CLOSED, values).one_or_none()
            if found is None:
                return
            person, question, begun = found
            if begun is not None or text.strip():
                _place(session, answer_id, question)
            if person is None:
                return
            if usage.tokens:
                charge(session, person, self._today(), Spent(tokens=usage.tokens))
            count_use(session, self._today(), question, person, state, usage)

        await self._database.write(operation)

    async def delivered(self, answer_id: int) -> None:
        here = {"answer": answer_id}
        await self._database.write(lambda session: _run(session, _DELIVERED, here))

    async def answers(
        self,
        *,
        answer_id: int | None = None,
        conversation: ConversationKey | None = None,
        person: str | None = None,
        unfinished: bool = False,
        limit: int = 1000,
    ) -> list[StoredAnswer]:
        found = rows.whole_answers().limit(limit)
        # Ordering by the index to be used: unfinished answers are few, a conversation may be long.
        newest = AnswerRow.question_id if unfinished else QuestionRow.id
        found = found.order_by(newest.desc())
        if unfinished:
            found = found.where(AnswerRow.unfinished)
        if conversation is not None:
            found = found.where(
                ConversationRow.key == str(conversation),
                QuestionRow.id > ConversationRow.hidden_to,
            )
        if person is not None:
            found = found.where(QuestionRow.author == person)
        if answer_id is not None:
            found = found.where(AnswerRow.id == answer_id)
        return await self._database.read(
            lambda session: [rows.answer(row) for row in session.scalars(found)]
        )


class _CheckpointBatch:
    """Checkpoints that wait for the writer together and are written by one statement. Of several
    for one answer, only the last is written."""

    def __init__(self, database: Database) -> None:
        self._rows: dict[int, dict[str, Any]] = {}
        self._started = False
        """Whether it is being written, so that no checkpoint can join any more."""
        self._lock = threading.Lock()  # it is written in another thread
        self._written = asyncio.ensure_future(database.write(self._write))

    def join(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        thought: str,
        snapshot: Snapshot | None,
    ) -> bool:
        """Add a checkpoint. False, and it is not added, where the batch is being written."""
        with self._lock:
            if self._started:
                return False
            before = self._rows.get(answer_id, {"new_to": None, "new_from": None})
            self._rows[answer_id] = {
                "answer": answer_id,
                "new_state": state,
                "new_text": text,
                "new_thought": thought,
                "new_to": snapshot.moment if snapshot else before["new_to"],
                "new_from": snapshot.start if snapshot else before["new_from"],
            }
            return True

    async def written(self) -> None:
        """Wait until it is committed. Raises StorageError."""
        await asyncio.shield(self._written)  # others wait for the same batch

    def _write(self, session: Session) -> None:
        with self._lock:
            self._started = True
        session.connection().execute(_CHECKPOINT, list(self._rows.values()))


def _run(session: Session, statement: Update, values: Mapping[str, object]) -> None:
    session.connection().execute(statement, values)


def _place(session: Session, answer_id: int, question_id: int) -> None:
    """Put an answer that has ended into the conversation's history: at the place of its question,
    which gets the next one where it has none."""
    connection = session.connection()
    here = {"asked": question_id, "answer": answer_id}
    moment = connection.execute(_MOMENT, here).scalar_one()
    connection.execute(_POSITION, here | {"moment": moment})
    connection.execute(_ENDED, here | {"moment": moment})


def _context(snapshot: Snapshot | None) -> dict[str, int | None]:
    if snapshot is None:
        return {}
    return {"context_to": snapshot.moment, "context_from": snapshot.start}


def _columns(usage: Usage) -> dict[str, float | str]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "first_token_seconds": usage.first_token_seconds,
        "total_seconds": usage.total_seconds,
        "thinking_tokens": usage.thinking_tokens,
        "model": usage.model,
    }
