"""Questions in SQL: accepting them, the history that they form, edits and deletions."""

import functools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Delete,
    Insert,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from bot.errors import NothingToDo
from bot.messages import ConversationKey, Person, Question
from bot.ports import AnswerState, Leftover, Quota, Spent, StoredAnswer, StoredExchange
from storage.rules import EVENT_DAYS, check_quota, cleaned, storable
from storage.sql import history, rows
from storage.sql.part import (
    SqlPart,
    charge,
    conversation_id,
    core,
    insert_in,
    insert_into,
    prompts_quoting,
    spent_on,
)
from storage.tables import (
    AnswerRow,
    ConversationRow,
    EventRow,
    LeftoverRow,
    QuestionRow,
    ShownRow,
)


class SqlQuestions(SqlPart):
    """`bot.ports.QuestionStore`."""

    async def accept(self, question: Question, quota: Quota) -> StoredAnswer | None:
        def operation(session: Session) -> StoredAnswer | None:
            if not self._is_new(session, question):
                return None
            self._charge_answer(session, question.author, quota)
            return self._record(session, cleaned(question))

        return await self._database.write(operation)

    def _is_new(self, session: Session, question: Question) -> bool:
        now = self._now()
        connection = session.connection()
        connection.execute(_forgetting(), {"old": now - timedelta(days=EVENT_DAYS)})
        event = {
            "platform": question.conversation.platform,
            "event_id": question.event_id,
            "seen_at": now,
        }
        return connection.execute(_event(connection.dialect.name), event).first() is not None

    def _charge_answer(self, session: Session, person: Person, quota: Quota) -> None:
        today = self._today()
        if quota != Quota():
            check_quota(quota, spent_on(session, person.key, today))
        charge(session, person.key, today, Spent(answers=1))

    def _record(self, session: Session, question: Question) -> StoredAnswer:
        asked = {
            "conversation_id": conversation_id(session, question.conversation),
            "event_id": question.event_id,
            "message_id": question.message_id,
            "author": question.author.key,
            "author_name": question.author.name,
            "author_admin": question.author.admin,
            "direct": question.direct,
            "shown_in": question.shown_in,
            "pointed": question.pointed,
            "asked_at": self._now(),
            "text": question.text,
        }
        question_id = _inserted(session, _QUESTION, asked)
        answer_id = self._queue_answer(session, question_id, question.author)
        return StoredAnswer(answer_id, question_id, question, AnswerState.QUEUED, "")

    def _queue_answer(self, session: Session, question_id: int, person: Person) -> int:
        answer = {
            "question_id": question_id,
            "current": True,
            "state": AnswerState.QUEUED,
            "unfinished": True,
            "created_at": self._now(),
            "charged_to": person.key,
            "text": "",
        }
        return _inserted(session, _ANSWER, answer)

    async def spent(self, person: Person) -> Spent:
        return await self._database.read(
            lambda session: spent_on(session, person.key, self._today())
        )

    async def check_quota(self, person: Person, quota: Quota) -> None:
        if quota != Quota():

            def work(session: Session) -> None:
                check_quota(quota, spent_on(session, person.key, self._today()))

            await self._database.read(work)

    async def reopen(
        self, answer_id: int, person: Person, quota: Quota, *, anew: bool, edited: bool = False
    ) -> StoredAnswer:
        def operation(session: Session) -> StoredAnswer:
            found = session.scalar(rows.whole_answers().where(AnswerRow.id == answer_id))
            if found is None:
                raise NothingToDo("There is no such answer any more.")
            if found.state.open:
                raise NothingToDo("This answer is still being written.")
            self._charge_answer(session, person, quota)
            if edited:
                _withdraw(session, found)
            if anew:
                return self._replace(session, found, person)
            found.kept = len(found.text)
            found.state = AnswerState.QUEUED
            found.unfinished = True
            found.charged_to = person.key
            return rows.answer(found)

        return await self._database.write(operation)

    def _replace(self, session: Session, old: AnswerRow, person: Person) -> StoredAnswer:
        old.current = False
        old.unfinished = False
        session.flush()  # a unique index allows one current answer only
        new = self._queue_answer(session, old.question_id, person)
        session.execute(
            update(ShownRow)
            .where(ShownRow.answer_id == old.id)
            .values(answer_id=new)
            .execution_options(synchronize_session=False)
        )
        before = rows.answer(old)
        return StoredAnswer(
            new,
            before.question_id,
            before.question,
            AnswerState.QUEUED,
            "",
            before.messages,
            position=before.position,
        )

    async def moment(self, conversation: ConversationKey) -> int:
        here = {"key": str(conversation)}
        return await self._database.read(
            lambda session: session.connection().execute(_moment(), here).scalar() or 0
        )

    async def exchanges(
        self,
        conversation: ConversationKey,
        *,
        before: int | None = None,
        at: int | None = None,
        limit: int = 32,
    ) -> list[StoredExchange]:
        return await self._database.read(
            lambda session: history.exchanges(session, conversation, before, at, limit)
        )

    async def reset(self, conversation: ConversationKey) -> int:
        def operation(session: Session) -> int:
            kept = session.get(ConversationRow, conversation_id(session, conversation))
            assert kept is not None
            kept.reset_time = self._now()
            seen = select(func.count(), func.max(QuestionRow.id)).where(
                QuestionRow.conversation_id == kept.id, QuestionRow.id > kept.hidden_to
            )
            number, newest = (session.execute(seen)).one()
            if newest is not None:
                kept.hidden_to, kept.reset_at = newest, kept.moment
            return int(number)

        return await self._database.write(operation)


_QUESTION, _ANSWER = insert(core(QuestionRow)), insert(core(AnswerRow))


def _inserted(session: Session, statement: Insert, row: Mapping[str, object]) -> int:
    """The id of the row that the statement inserts."""
    result = session.connection().execute(statement, row)
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


@functools.cache
def _forgetting() -> Delete:
    """Deletes the events that need not be known any more."""
    return delete(core(EventRow)).where(core(EventRow).c.seen_at <= bindparam("old"))


@functools.cache
def _event(dialect: str) -> Any:
    """Inserts an event; returns nothing where it is there already."""
    unknown = insert_in(dialect, EventRow).on_conflict_do_nothing()
    return unknown.returning(core(EventRow).c.event_id)


@functools.cache
def _moment() -> Select[Any]:
    return select(ConversationRow.moment).where(ConversationRow.key == bindparam("key"))


class SqlQuestionEdits(SqlPart):
    """`bot.ports.QuestionEdits`."""

    async def find_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        def work(session: Session) -> StoredAnswer | None:
            found = session.scalar(_asked_in(conversation, message_id))
            return None if found is None else rows.answer(found)

        return await self._database.read(work)

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        def operation(session: Session) -> StoredAnswer | None:
            found = session.scalar(_asked_in(conversation, message_id))
            if found is None:
                return None
            found.question.text = storable(text)
            session.execute(_quick(prompts_quoting([found.question_id])))
            return rows.answer(found)

        return await self._database.write(operation)

    async def delete_question(
        self, conversation: ConversationKey, message_id: str, *, remove: bool = False
    ) -> StoredAnswer | None:
        def operation(session: Session) -> StoredAnswer | None:
            found = session.scalar(_asked_in(conversation, message_id))
            if found is None:
                return None
            before = rows.answer(found)
            for message in before.messages:
                unread = remove or not before.text.strip()
                _leave(session, Leftover(before.question.shown_at, message, unread))
            here = (
                QuestionRow.conversation_id == found.question.conversation_id,
                QuestionRow.message_id == message_id,
            )
            ids = list(session.scalars(select(QuestionRow.id).where(*here)))
            session.execute(_quick(prompts_quoting(ids)))
            session.execute(_quick(delete(QuestionRow).where(*here)))
            return before

        deleted = await self._database.write(operation)
        if deleted is not None:
            await self._database.truncate_log()
        return deleted

    async def leftovers(self, platform: str) -> list[Leftover]:
        here = select(LeftoverRow).where(LeftoverRow.conversation.startswith(f"{platform}:"))
        return await self._database.read(
            lambda session: [
                Leftover(ConversationKey.parse(row.conversation), row.message, row.remove)
                for row in session.scalars(here)
            ]
        )

    async def leave(self, leftover: Leftover) -> None:
        await self._database.write(lambda session: _leave(session, leftover))

    async def cleared(self, leftover: Leftover) -> None:
        def operation(session: Session) -> None:
            session.execute(
                delete(LeftoverRow).where(
                    LeftoverRow.conversation == str(leftover.conversation),
                    LeftoverRow.message == leftover.message,
                )
            )

        await self._database.write(operation)


def _withdraw(session: Session, old: AnswerRow) -> None:
    """Take the answers of a question that has another text now out of the history; and its place,
    where only an interrupted answer gave it one."""
    if old.state is AnswerState.INTERRUPTED and old.ended == old.question.position:
        old.question.position = None
    session.flush()
    session.execute(
        update(AnswerRow)
        .where(AnswerRow.question_id == old.question_id)
        .values(ended=None)
        .execution_options(synchronize_session=False)
    )


def _quick(statement: Delete) -> Delete:
    return statement.execution_options(synchronize_session=False)


def _leave(session: Session, leftover: Leftover) -> None:
    insert = insert_into(session, LeftoverRow).values(
        conversation=str(leftover.conversation),
        message=leftover.message,
        remove=leftover.remove,
    )
    session.execute(insert.on_conflict_do_nothing())


def _asked_in(conversation: ConversationKey, message_id: str) -> Select[AnswerRow]:
    """The current answer of the newest question in a message; none for ""."""
    return (
        rows.whole_answers()
        .where(
            ConversationRow.key == str(conversation),
            QuestionRow.message_id == message_id,
            QuestionRow.message_id != "",
        )
        .order_by(QuestionRow.id.desc())
        .limit(1)
    )
