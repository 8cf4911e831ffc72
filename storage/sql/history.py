"""The exchanges of a conversation's history, read by column: entities of the ORM, which would be
thrown away at once, cost several times as much."""

import functools
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from bot.messages import ConversationKey, Person, Question
from bot.ports import AnswerState, StoredExchange
from storage.columns import RowId
from storage.tables import AnswerRow, ConversationRow, QuestionRow


def exchanges(
    session: Session,
    conversation: ConversationKey,
    before: int | None,
    at: int | None,
    limit: int,
) -> list[StoredExchange]:
    """`bot.ports.QuestionStore.exchanges`."""
    page = _page(paging=before is not None, past=at is not None)
    wanted = {"key": str(conversation), "before": before, "at": at, "most": limit}
    found = session.connection().execute(page, wanted)
    return [_exchange(conversation, row, at) for row in found]


@functools.cache
def _page(*, paging: bool, past: bool) -> Any:
    """`paging`: only before a position. `past`: as it was at a moment."""
    at, before = (bindparam(name, type_=RowId) for name in ("at", "before"))
    conditions: list[ColumnElement[bool]] = [
        ConversationRow.key == bindparam("key"),
        QuestionRow.id > ConversationRow.hidden_to,
        QuestionRow.position > ConversationRow.reset_at,
    ]
    if past:
        conditions.append(QuestionRow.position <= at)
    if paging:
        conditions.append(QuestionRow.position < before)
    return (
        select(
            QuestionRow.id,
            QuestionRow.author,
            QuestionRow.author_name,
            QuestionRow.author_admin,
            QuestionRow.text,
            QuestionRow.event_id,
            QuestionRow.message_id,
            QuestionRow.direct,
            QuestionRow.shown_in,
            QuestionRow.pointed,
            QuestionRow.asked_at,
            QuestionRow.position,
            AnswerRow.id.label("answer"),
            AnswerRow.text.label("answer_text"),
            AnswerRow.state,
            AnswerRow.grown,
            AnswerRow.kept,
        )
        .join_from(AnswerRow, QuestionRow, AnswerRow.question_id == QuestionRow.id)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .where(AnswerRow.id == newest_ended(at if past else None), *conditions)
        .order_by(QuestionRow.position.desc())
        .limit(bindparam("most"))
    )


def newest_ended(at: Any) -> Any:
    """Of each question the newest answer that had ended `at` a moment of its conversation, now for
    None."""
    older = aliased(AnswerRow)
    until = older.ended.is_not(None) if at is None else older.ended <= at
    return (
        select(func.max(older.id))
        .where(older.question_id == QuestionRow.id, until)
        .correlate(QuestionRow)
        .scalar_subquery()
    )


def _exchange(conversation: ConversationKey, row: Row[Any], at: int | None) -> StoredExchange:
    text = text_at(row.answer_text, row.state, row.grown, row.kept, at)
    question = question_of(row, conversation)
    return StoredExchange(row.id, question, row.asked_at, row.answer, text, row.position)


def question_of(row: QuestionRow | Row[Any], conversation: ConversationKey) -> Question:
    """The question of an entity, or of a row with its columns."""
    platform, _, author_id = row.author.partition(":")
    return Question(
        conversation=conversation,
        author=Person(platform, author_id, row.author_name, row.author_admin),
        text=row.text,
        event_id=row.event_id,
        message_id=row.message_id,
        direct=row.direct,
        shown_in=row.shown_in,
        pointed=row.pointed,
    )


def text_at(
    text: str, state: AnswerState, grown: int | None, kept: int | None, at: int | None
) -> str:
    """What the history has `at` a moment of an answer that ended: of one that was continued since,
    or is being continued, what it had before."""
    longer = grown is not None and at is not None and at < grown
    return text[:kept] if state.open or longer else text
