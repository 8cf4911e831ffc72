"""A search of the stored texts whose time is bounded: it goes through the questions in steps, the
newest first, and stops where a page is full or its time is over."""

from typing import Protocol

from bot.clock import Clock
from bot.measures import Found

PAGE = 25
"""Exchanges that one page shows."""
STEP = 2_000
"""Questions that are looked at in one statement, some 25 ms where their answers are long."""
MOST = 20_000
"""Questions that one page looks at."""
SECONDS = 0.1
"""After which no further step is begun."""


class Searched(Protocol):
    """`bot.measures.Reports`, of which it needs one method."""

    async def search(
        self, text: str, *, before: int | None = None, examined: int = 20_000, limit: int = 50
    ) -> Found: ...


async def search(store: Searched, clock: Clock, text: str, before: int | None) -> Found:
    """Up to `PAGE` exchanges with `text`, from the newest question on, or with `before` from the
    one before that id; with where the search is to be continued. Raises StorageError."""
    found = Found(older=before)
    ends = clock.monotonic() + SECONDS
    for _ in range(MOST // STEP):
        room = PAGE - len(found.exchanges)
        more = await store.search(text, before=found.older, examined=STEP, limit=room)
        found = Found([*found.exchanges, *more.exchanges], more.older, more.back_to)
        done = found.older is None or len(found.exchanges) == PAGE
        if done or clock.monotonic() >= ends:
            break
    return found
