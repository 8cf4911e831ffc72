"""One answer on its way to its messages, from the place in the queue to the last word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.clock import Clock
from bot.ports import AnswerLedger, Phase, StoredAnswer, Surface


class LiveAnswer:
    """An answer that is being shown. `Delivery.open` makes it."""

    gone: asyncio.Event
    """Set when somebody deleted the message that shows the answer, or its place is lost for good:
    nobody will read on, so the model can stop."""

    @property
    def text(self) -> str:
        """All of the answer so far, what was there before it was taken up again included."""
        raise NotImplementedError

    def place(self, ahead: int) -> None:
        """Show how many questions are before this one; 0: it is being thought about."""
        raise NotImplementedError

    def write(self, text: str) -> None:
        """Add to the answer. Never waits."""
        raise NotImplementedError

    async def finish(self, phase: Phase, note: str = "") -> None:
        """Show the whole answer and how it ended; returns when both can be seen.

        Waits for as long as the platform asks to, `patience` at most. Returns quietly where
        somebody deleted the message. Raises SurfaceError where the end cannot be shown. To be
        called once; nothing may be written after it.
        """
        raise NotImplementedError

    async def abandon(self) -> None:
        """Show nothing more and leave the messages as they are (Parley shuts down). A call that
        is on its way is waited for, a few seconds at most. Idempotent."""
        raise NotImplementedError


class Delivery:
    """Shows answers, many at once, each in its own place."""

    def __init__(
        self,
        clock: Clock,
        ledger: AnswerLedger,
        *,
        edit_interval: float = 0.5,
        max_messages: int = 8,
        patience: float = 3600.0,
    ) -> None:
        """`edit_interval`: the least seconds between two edits of a growing message. An answer in
        more than `max_messages` comes as a file as well. `patience`: the longest, in seconds, that
        `finish` waits for a platform that is busy."""

    @asynccontextmanager
    async def open(self, answer: StoredAnswer, surface: Surface) -> AsyncIterator[LiveAnswer]:
        """Show `answer` on `surface` for as long as the context lasts; one that has text or
        messages already goes on in them. Leaving without `finish` leaves things as they are."""
        raise NotImplementedError
        yield
