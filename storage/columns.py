"""Column types that keep what Python hands over, the same on every database."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from bot.ports import AnswerState
from storage.rules import storable

LARGEST = 2**63 - 1


class RowId(TypeDecorator[int]):
    """A row's number. One that is too large for any row (a person may type it) finds none."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int]:
        # Only a column declared INTEGER numbers its rows in SQLite; it holds 64 bits there.
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> int | None:
        return None if value is None else max(-LARGEST, min(value, LARGEST))


class StoredText(TypeDecorator[str]):
    """Text as people and models write it; see `storable`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Instant(TypeDecorator[datetime]):
    """A moment, with its zone; kept in UTC. SQLite's text of it sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)  # SQLite keeps no zone


STATE = Enum(
    AnswerState,
    native_enum=False,
    length=16,
    values_callable=lambda states: [state.value for state in states],
)
"""An AnswerState by its value."""
