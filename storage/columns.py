"""Column types that behave the same on every database."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from bot.ports import AnswerState
from storage.rules import storable

LARGEST = 2**63 - 1


class RowId(TypeDecorator[int]):
    """A row's id, 64 bits. A greater number (a person may type one) matches no row, and raises
    nothing."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int]:
        # SQLite assigns ids only to columns declared INTEGER, which has 64 bits there.
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> int | None:
        return None if value is None else max(-LARGEST, min(value, LARGEST))


class StoredText(TypeDecorator[str]):
    """Text written by people and models, passed through `storable`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Instant(TypeDecorator[datetime]):
    """A timezone-aware datetime, stored in UTC. SQLite stores text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)  # SQLite stores no timezone


STATE = Enum(
    AnswerState,
    native_enum=False,
    length=16,
    values_callable=lambda states: [state.value for state in states],
)
"""An AnswerState, stored as its value."""
