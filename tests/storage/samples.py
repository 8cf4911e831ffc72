"""Questions and people for the store's tests, and a clock that goes when it is told to."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.messages import ConversationKey, Person, Question
from bot.ports import Quota, Store, StoredAnswer

CHANNEL = ConversationKey("discord", "100", workspace="9")
THREAD = ConversationKey("discord", "100", "200", workspace="9")
SLACK = ConversationKey("slack", "C100", "1700000000.000100", "T9")
ANN = Person("discord", "1", "Ann")
BOB = Person("discord", "2", "Bob", admin=True)

NO_LIMIT = Quota()

_numbers = itertools.count(1)


class SteppingClock:
    """Noon of a day; a second passes with each look at it, so that no two moments are the same."""

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
    """A question whose event is a new one where none is given."""
    event_id = event_id or f"event {next(_numbers)}"
    return Question(conversation, author, text, event_id, message_id, direct)


async def asked(store: Store, *args: object, **kwargs: object) -> StoredAnswer:
    """A question that was accepted."""
    accepted = await store.accept(question(*args, **kwargs), NO_LIMIT)  # type: ignore[arg-type]
    assert accepted is not None
    return accepted


def content(file: Path) -> bytes:
    """The database alone, without its write-ahead log."""
    return file.read_bytes()
