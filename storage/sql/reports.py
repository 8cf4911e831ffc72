"""Reports in SQL: who used how much, and which answers people rated. `reading` has the others."""

import functools
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    column,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, selectinload

from bot.measures import By, RatedAnswer, Use
from bot.messages import ConversationKey, Usage
from bot.ports import AnswerState
from storage.rules import use_of
from storage.sql import rows, sums
from storage.sql.part import SqlPart, adding, core, insert_in
from storage.tables import (
    ActivityRow,
    AnswerRow,
    ConversationRow,
    FeedbackRow,
    PromptRow,
    QuestionRow,
)

MOST_PARAMETERS = 500
"""Ids that one statement names."""


class SqlUse(SqlPart):
    """`use` and `rated` of `bot.measures.Reports`."""

    async def use(
        self,
        by: By,
        since: date,
        *,
        within: ConversationKey | None = None,
        limit: int = 100,
    ) -> list[Use]:
        def work(session: Session) -> list[Use]:
            if within is None:
                found = sums.read(session, by, since, limit)
            else:
                found = _activity(session, by, since, within)
            verdicts = _verdicts(session, by, since, within)
            for of in verdicts.keys() - found.keys():
                found[of] = {}
            ordered = sorted(found, key=lambda of: _rank(by, of, found[of]), reverse=True)[:limit]
            names = _names(session, ordered) if by is By.PERSON else {}
            return [
                Use(of, names.get(of, ""), **found[of], **verdicts.get(of, {})) for of in ordered
            ]

        return await self._database.read(work)

    async def rated(
        self, verdict: int, *, before: datetime | None = None, limit: int = 50
    ) -> list[RatedAnswer]:
        found = (
            select(FeedbackRow, AnswerRow, QuestionRow, ConversationRow.key, PromptRow)
            .join(AnswerRow, AnswerRow.id == FeedbackRow.answer_id)
            .join(QuestionRow, QuestionRow.id == AnswerRow.question_id)
            .join(ConversationRow, ConversationRow.id == QuestionRow.conversation_id)
            .outerjoin(PromptRow, PromptRow.answer_id == AnswerRow.id)
            .options(selectinload(PromptRow.quoted))
            .order_by(FeedbackRow.rated_at.desc(), FeedbackRow.answer_id.desc())
            .limit(limit)
        )
        if verdict:
            found = found.where(FeedbackRow.verdict == verdict)
        if before is not None:
            found = found.where(FeedbackRow.rated_at < before)
        return await self._database.read(
            lambda session: [
                RatedAnswer(
                    answer.id,
                    ConversationKey.parse(key),
                    asked.author_name,
                    asked.text,
                    answer.text,
                    feedback.verdict,
                    feedback.rated_at or answer.created_at,
                    rows.recorded(prompt) if feedback.verdict < 0 else None,
                )
                for feedback, answer, asked, key, prompt in session.execute(found)
            ]
        )


# ---------------------------------------------------------------- counting


def count_use(
    session: Session,
    day: date,
    question_id: int,
    person: str,
    state: AnswerState,
    usage: Usage,
) -> None:
    """Add an answer that ended to the activity of the day, and to its sums."""
    connection = session.connection()
    conversation, key = connection.execute(_asked_in(), {"asked": question_id}).one()
    added: dict[str, Any] = use_of(state, usage)
    counted = {"day": day, "conversation_id": conversation, "person": person, **added}
    connection.execute(_counted(connection.dialect.name), counted)
    sums.add(session, day, person, key, added)


@functools.cache
def _asked_in() -> Select[Any]:
    asked, conversation = core(QuestionRow), core(ConversationRow)
    return (
        select(conversation.c.id, conversation.c.key)
        .join_from(asked, conversation, asked.c.conversation_id == conversation.c.id)
        .where(asked.c.id == bindparam("asked"))
    )


@functools.cache
def _counted(dialect: str) -> Any:
    key = ["day", "conversation_id", "person"]
    return adding(insert_in(dialect, ActivityRow), key, sums.SUMMED)


# ---------------------------------------------------------------- summing up


def _rank(by: By, of: str, sums: dict[str, Any]) -> tuple[Any, ...]:
    return (of,) if by is By.DAY else (sums.get("answers", 0), of)


def _activity(
    session: Session, by: By, since: date, within: ConversationKey
) -> dict[str, dict[str, Any]]:
    """The use within one conversation."""
    # Expressions, not columns: SQLite would read the whole index of a column to group by it.
    group: dict[By, Any] = {
        By.DAY: ActivityRow.day,
        By.PLACE: ActivityRow.conversation_id + 0,
        By.PERSON: ActivityRow.person.concat(""),
    }
    columns = [func.sum(getattr(ActivityRow, name)) for name in sums.SUMMED]
    found = (
        select(group[by], *columns)
        .where(ActivityRow.day >= since, ActivityRow.conversation_id.in_(_here(within)))
        .group_by(group[by])
    )
    rows = (session.execute(found)).all()
    keys = _keys(session, {row[0] for row in rows}) if by is By.PLACE else {}
    return {
        str(keys.get(of, of)): dict(zip(sums.SUMMED, map(sums.plain, values), strict=True))
        for of, *values in rows
    }


def _verdicts(
    session: Session, by: By, since: date, within: ConversationKey | None
) -> dict[str, dict[str, int]]:
    group: dict[By, Any] = {
        By.DAY: _day_of(session),
        By.PLACE: FeedbackRow.conversation_id,
        By.PERSON: FeedbackRow.person.concat(""),  # else SQLite reads the whole index
    }
    good = func.sum(case((FeedbackRow.verdict > 0, 1), else_=0))
    found = (
        select(group[by], good, func.count())
        .where(FeedbackRow.rated_at >= datetime.combine(since, time(), UTC))
        .group_by(group[by])
    )
    if within is not None:
        found = found.where(FeedbackRow.conversation_id.in_(_here(within)))
    rows = (session.execute(found)).all()
    keys = _keys(session, {row[0] for row in rows}) if by is By.PLACE else {}
    return {
        str(keys.get(of, of)): {"up": int(up), "down": int(number) - int(up)}
        for of, up, number in rows
    }


def _day_of(session: Session) -> Any:
    """The day of a verdict, in UTC."""
    if session.get_bind().dialect.name == "sqlite":
        return func.date(FeedbackRow.rated_at)
    return func.date(func.timezone("UTC", FeedbackRow.rated_at))


def _here(within: ConversationKey) -> Any:
    """The ids of a conversation and, of a channel, its threads."""
    key = str(within)
    wanted: ColumnElement[bool] = ConversationRow.key == key
    if not within.thread:
        wanted = or_(wanted, ConversationRow.key.startswith(f"{key}/", autoescape=True))
    return select(ConversationRow.id).where(wanted)


def _keys(session: Session, ids: Collection[int]) -> dict[int, str]:
    """The keys of conversations."""
    keys: dict[int, str] = {}
    for some in _some(sorted(ids)):
        found = select(ConversationRow.id, ConversationRow.key).where(ConversationRow.id.in_(some))
        keys |= {row[0]: row[1] for row in session.execute(found)}
    return keys


def _names(session: Session, people: Sequence[str]) -> dict[str, str]:
    """Names as of the newest questions."""
    # One parameter for all people, so that the statement is compiled once.
    if session.get_bind().dialect.name == "sqlite":
        listed: Any = func.json_each(json.dumps(people)).table_valued("value")
        person = listed.c.value
    else:
        given = func.unnest(literal(people, ARRAY(Text)))
        listed = given.table_valued(column("person", Text)).render_derived()
        person = listed.c.person
    newest = (
        select(QuestionRow.author_name)
        .where(QuestionRow.author == person)
        .order_by(QuestionRow.id.desc())
        .limit(1)
        .correlate(listed)
        .scalar_subquery()
    )
    rows = session.execute(select(person, newest).select_from(listed))
    return {one: name or "" for one, name in rows}


def _some(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), MOST_PARAMETERS):
        yield ids[first : first + MOST_PARAMETERS]
