"""Direct messages that Parley sends by itself: files with a person's data, and texts that came too
late for a private reply."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from bot.clock import Clock
from bot.delivery.splitting import Splitter
from bot.errors import SurfaceBusy
from bot.ports import Dialect

TRIES = 6
PATIENCE = 120.0
"""Seconds that `patiently` sleeps at most, all its retries together."""

T = TypeVar("T")


class Direct(Protocol):
    """The direct message between one person and the bot.

    Both methods wait as long as the platform asks for. They raise NotAllowed, with a text for the
    person, where they take no direct messages from the bot or it lacks the right; SurfaceError for
    every other failure."""

    most_bytes: int
    """The largest file."""

    async def say(self, text: str) -> None:
        """Post Markdown, whole: in several messages where it is long."""
        ...

    async def file(self, name: str, data: bytes, text: str) -> None:
        """Post a text file in UTF-8 with a line about it."""
        ...


async def patiently(call: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """What `call` returns, which is made again after each SurfaceBusy when its `retry_after` is
    over: `TRIES` times and for `PATIENCE` seconds at most; then SurfaceBusy is raised."""
    waited = 0.0
    for _ in range(TRIES - 1):
        try:
            return await call()
        except SurfaceBusy as busy:
            waited += busy.retry_after
            if waited > PATIENCE:
                raise
            await clock.sleep(busy.retry_after)
    return await call()


def in_messages(
    text: str,
    most: int,
    units: Callable[[str], int] = len,
    dialect: Dialect = Dialect.COMMONMARK,
) -> list[str]:
    """Markdown in texts of at most `most` units, whole, cut where it is read best; a code block
    that is cut is closed and reopened. None is blank."""
    splitter = Splitter(most, units, dialect)
    splitter.feed(text)
    return [piece.text for piece in (*splitter.closed, splitter.rest) if piece.text.strip()]
