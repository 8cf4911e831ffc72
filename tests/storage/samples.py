"""Questions and people for the store's tests, a controlled clock, and a look at people's usage."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.messages import ConversationKey, Person, Question
from bot.ports import Quota, Spent, Store, StoredAnswer
from storage.in_memory import MemoryStore
from storage.sql import SqlStore
from storage.sql.part import spent_on

CHANNEL = ConversationKey("discord", "100", workspace="9")
THREAD = ConversationKey("discord", "100", "200", workspace="9")
SLACK = ConversationKey("slack", "C100", "1700000000.000100", "T9")
ANN = Person("discord", "1", "Ann")
BOB = Person("discord", "2", "Bob", admin=True)

NO_LIMIT = Quota()

_numbers = itertools.count(1)


class SteppingClock:
    """Starts at noon and advances by a second with each call, so that no two times are equal."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def forward(self, **time: float) -> None:
        self.time += timedelta(**time)


def question(
    text: str = "Why?",
    conversation: ConversationKey = CHANNEL,
    author: Person = ANN,
    *,
    event_id: str = "",
    message_id: str = "",
    direct: bool = False,
) -> Question:
    """A question, with a new event id where none is given."""
    event_id = event_id or f"event {next(_numbers)}"
    return Question(conversation, author, text, event_id, message_id, direct)


async def asked(store: Store, *args: object, **kwargs: object) -> StoredAnswer:
    """A question that was accepted."""
    accepted = await store.accept(question(*args, **kwargs), NO_LIMIT)  # type: ignore[arg-type]
    assert accepted is not None
    return accepted


async def spent(store: Store, person: Person) -> Spent:
    """What the store counts against the person's quota today. No port returns it: the bot only
    ever compares it with a quota."""
    if isinstance(store, MemoryStore):
        return store._spent_today(person.key)
    assert isinstance(store, SqlStore)
    today = store._today()
    return await store._database.read(lambda session: spent_on(session, person.key, today))


def content(file: Path) -> bytes:
    """The database file alone, without its write-ahead log."""
    return file.read_bytes()
