"""Keeps `SumRow` equal to `ActivityRow` added up, and reads it.

Each row of `activity` is part of five sums: those of its day, of its person's day and month, and of
its conversation's day and month. A report adds up whole months, and days before the first of them.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    cast,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from bot.measures import By
from storage.sql.part import adding, insert_in, insert_into
from storage.tables import ActivityRow, ConversationRow, SumRow

SUMMED = (
    "answers",
    "failed",
    "prompt_tokens",
    "completion_tokens",
    "timed",
    "first_token_seconds",
    "generating_seconds",
)
"""The columns that are added up."""
_KEY = ["by", "monthly", "start", "of"]


@dataclass(frozen=True, slots=True)
class _Kind:
    by: By
    monthly: bool


_KINDS = (
    _Kind(By.DAY, monthly=False),
    _Kind(By.PERSON, monthly=False),
    _Kind(By.PERSON, monthly=True),
    _Kind(By.PLACE, monthly=False),
    _Kind(By.PLACE, monthly=True),
)


def add(
    session: Session, day: date, person: str, conversation: str, added: Mapping[str, Any]
) -> None:
    """Add what was added to the activity of the day. `conversation` is its key."""
    of = {By.DAY: "", By.PERSON: person, By.PLACE: conversation}
    rows = [
        {
            "by": kind.by.value,
            "monthly": kind.monthly,
            "start": day.replace(day=1) if kind.monthly else day,
            "of": of[kind.by],
            **added,
        }
        for kind in _KINDS
    ]
    connection = session.connection()
    connection.execute(_added(connection.dialect.name), rows)


def subtract(session: Session, condition: ColumnElement[bool]) -> None:
    """Subtract the activity for which `condition` is true, which is about to be deleted."""
    sums = [(-func.sum(getattr(ActivityRow, name))).label(name) for name in SUMMED]
    for kind in _KINDS:
        start = _month(session) if kind.monthly else ActivityRow.day
        of: dict[By, Any] = {
            By.DAY: literal(""),
            By.PERSON: ActivityRow.person,
            By.PLACE: ConversationRow.key,
        }
        taken = (
            select(literal(kind.by.value), literal(kind.monthly), start, of[kind.by], *sums)
            .join(ConversationRow, ConversationRow.id == ActivityRow.conversation_id)
            .where(condition)
            .group_by(*([start] if kind.by is By.DAY else [start, of[kind.by]]))
        )
        session.execute(_adding(session, taken))
    session.execute(_deleting(SumRow.answers <= 0))


def drop_before(session: Session, day: date) -> None:
    """Subtract and delete everything before `day`, whose activity is about to be deleted."""
    month = day.replace(day=1)
    subtract(session, and_(ActivityRow.day >= month, ActivityRow.day < day))
    old = or_(
        and_(SumRow.monthly == true(), SumRow.start < month),
        and_(SumRow.monthly == false(), SumRow.start < day),
    )
    session.execute(_deleting(old))


def read(session: Session, by: By, since: date, limit: int) -> dict[str, dict[str, Any]]:
    """The sums since `since`, by day, person's key or conversation's key: the newest days, or those
    with the most answers, first."""
    found = _of_days(since, limit) if by is By.DAY else _of_most(by, since, limit)
    return {
        str(of): dict(zip(SUMMED, map(plain, sums), strict=True))
        for of, *sums in session.execute(found)
    }


def plain(value: Any) -> Any:
    """PostgreSQL sums whole numbers as Decimal."""
    return value if isinstance(value, float) else int(value)


def _of_days(since: date, limit: int) -> Select[Any]:
    return (
        select(SumRow.start, *(getattr(SumRow, name) for name in SUMMED))
        .where(SumRow.by == By.DAY.value, SumRow.monthly == false(), SumRow.start >= since)
        .order_by(SumRow.start.desc())
        .limit(limit)
    )


def _of_most(by: By, since: date, limit: int) -> Select[Any]:
    columns = [SumRow.of, *(getattr(SumRow, name) for name in SUMMED)]
    conditions = list(_since(since))
    rows = union_all(*(select(*columns).where(SumRow.by == by.value, *one) for one in conditions))
    part = rows.subquery()
    sums = {name: func.sum(part.c[name]) for name in SUMMED}
    return (
        select(part.c["of"], *sums.values())
        .group_by(part.c["of"])
        .order_by(sums["answers"].desc(), part.c["of"].desc())
        .limit(limit)
    )


def _since(since: date) -> Iterator[tuple[ColumnElement[bool], ...]]:
    """Whole months from the first on that begins at `since` or later, and the days before it."""
    month = since.replace(day=1)
    if month < since:
        month = date(since.year + since.month // 12, since.month % 12 + 1, 1)
        yield (SumRow.monthly == false(), SumRow.start >= since, SumRow.start < month)
    yield (SumRow.monthly == true(), SumRow.start >= month)


@functools.cache
def _added(dialect: str) -> Any:
    return adding(insert_in(dialect, SumRow), _KEY, SUMMED)


def _adding(session: Session, taken: Select[Any]) -> Any:
    """INSERT of what was read, whose values are added to a row that is there."""
    insert: Any = insert_into(session, SumRow).from_select([*_KEY, *SUMMED], taken)
    return adding(insert, _KEY, SUMMED)


def _deleting(condition: ColumnElement[bool]) -> Any:
    return delete(SumRow).where(condition).execution_options(synchronize_session=False)


def _month(session: Session) -> Any:
    if session.get_bind().dialect.name == "sqlite":
        return func.date(ActivityRow.day, "start of month", type_=Date)
    return cast(func.date_trunc("month", ActivityRow.day), Date)
