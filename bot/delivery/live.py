"""One answer on its way to its messages, from the place in the queue to the last word.

A task of its own brings the messages nearer to the text, call by call. What a call shows is
rendered when its turn has come, so that it is the newest; one call is under way at a time; and
the task ends only when the end of the answer is shown, or nobody will read it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.clock import Clock, sleep_unless
from bot.delivery.answer_messages import AnswerMessages, Step
from bot.delivery.pacing import Budgets, Lag, Priority, Waiter
from bot.delivery.rendering import Pages
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.ports import AnswerLedger, AnswerState, StoredAnswer, Surface

logger = logging.getLogger(__name__)

FIRST_TEXT_SECONDS = 0.3
"""How long the first text gathers, so that it is more than half a word."""
LAST_CALL_SECONDS = 5.0
"""How long a call that is under way may take when the answer is abandoned."""
LONGEST_BACKOFF = 30.0
"""Seconds between two attempts where the platform itself does not ask for more."""
_NOTE_WEIGHT = 10
"""Characters of text that a changed place in the queue counts as."""


class LiveAnswer:
    """An answer that is being shown. `Delivery.open` makes it."""

    def __init__(self, delivery: "Delivery", answer: StoredAnswer, surface: Surface) -> None:
        self.gone = asyncio.Event()
        """Set when somebody deleted the message that shows the answer, or its place is lost for
        good: nobody will read on, so the model can stop."""
        self._clock = delivery.clock
        self._edit_interval = delivery.edit_interval
        self._patience = delivery.patience
        self._budgets = delivery.budgets
        self._surface = surface
        self._budget = self._budgets.of(surface.limits)
        self._pages = Pages(answer.id, surface.limits, answer.text)
        self._messages = AnswerMessages(
            answer, surface, delivery.ledger, self._pages, delivery.max_messages
        )
        self._lag = Lag(self._clock)
        self._waiter: Waiter | None = None
        self._news = asyncio.Event()  # something may have changed that can be seen
        self._ending = asyncio.Event()  # the text is whole
        self._over = asyncio.Event()  # the task has nothing more to do
        self._failure: Exception | None = None
        self._failures = 0  # in a row
        self._next_edit = self._clock.monotonic()
        self._begun_at: float | None = None
        self._task = asyncio.create_task(self._run(), name=f"delivery of answer {answer.id}")

    @property
    def text(self) -> str:
        """All of the answer so far, what was there before it was taken up again included."""
        return self._pages.text

    def place(self, ahead: int) -> None:
        """Show how many questions are before this one; 0: it is being thought about."""
        self._pages.place(ahead)
        self._lag.grow(_NOTE_WEIGHT)
        self._news.set()

    def write(self, text: str) -> None:
        """Add to the answer. Never waits."""
        if self._ending.is_set():
            raise RuntimeError("an answer that is finished cannot grow")
        if not text:
            return
        if self._begun_at is None:
            self._begun_at = self._clock.monotonic()
        self._pages.write(text)
        self._lag.grow(len(text))
        self._news.set()

    async def finish(self, state: AnswerState, note: str = "") -> None:
        """Show the whole answer and how it ended; returns when both can be seen.

        Waits for as long as the platform asks to, `patience` at most. Returns quietly where
        somebody deleted the message. Raises SurfaceError where the end cannot be shown. To be
        called once; nothing may be written after it.
        """
        self._pages.end(state, note)
        self._ending.set()
        self._news.set()
        if self._waiter is not None:
            self._budget.promote(self._waiter)
        if not await sleep_unless(self._clock, self._patience, self._over):
            await self.abandon()
            raise SurfaceError(
                f"the platform was busy for {self._patience:g} s, so the end of the answer is not "
                "shown; it is in the conversation's history"
            )
        if self._failure is not None:
            raise self._failure

    async def abandon(self) -> None:
        """Show nothing more and leave the messages as they are (Parley shuts down). A call that
        is on its way is waited for, a few seconds at most. Idempotent."""
        self._task.cancel()
        await asyncio.wait([self._task])

    # ---------------------------------------------------------------- the task

    async def _run(self) -> None:
        try:
            await self._follow()
        except MessageGone as error:
            logger.info("an answer's message was deleted: %s", error)
            self.gone.set()
        except SurfaceError as error:
            self._failure = error
            self.gone.set()
        except Exception as error:
            logger.exception("delivery failed by a defect of Parley")
            self._failure = error
            self.gone.set()
        finally:
            self._over.set()

    async def _follow(self) -> None:
        """Bring the messages nearer to the text until they show its end."""
        while True:
            self._news.clear()
            step = self._next()
            if step is None:
                if self._ending.is_set():
                    return
                await self._rest()
            elif (wait := self._too_early(step)) > 0:
                await sleep_unless(self._clock, wait, self._ending)
            else:
                await self._take_turn(step)

    def _next(self) -> Step | None:
        """The next call that brings the messages nearer to the text."""
        self._pages.update(self._clock.monotonic())
        return self._messages.next(ending=self._ending.is_set())

    async def _rest(self) -> None:
        """Wait until there may be something to show."""
        until = self._pages.held_until
        if until is None:
            await self._news.wait()
        else:
            await sleep_unless(self._clock, until - self._clock.monotonic(), self._news)

    def _too_early(self, step: Step) -> float:
        """Seconds until the call may be made as far as this answer alone is concerned."""
        now = self._clock.monotonic()
        if self._ending.is_set():
            return 0.0
        earliest = now if step.post else self._next_edit
        if self._begun_at is not None:
            gathered = self._begun_at + min(FIRST_TEXT_SECONDS, self._edit_interval)
            earliest = max(earliest, gathered)
        return earliest - now

    async def _take_turn(self, wanted: Step) -> None:
        priority = Priority.FIRST if wanted.first else Priority.EDIT
        self._waiter = Waiter(self._lag, Priority.END if self._ending.is_set() else priority)
        limits = self._surface.limits  # a surface may change its way
        self._budget = self._budgets.of(limits.of_posts if wanted.post else limits)
        try:
            await self._budget.acquire(self._waiter)
        finally:
            self._waiter = None
        step = self._next()
        if step is None or step.post is not wanted.post:
            self._budget.give_back()
            return
        self._next_edit = self._clock.monotonic() + self._edit_interval
        lag = self._lag.take() if step.newest else (0, 0.0)
        try:
            await self._to_its_end(step)
        except SurfaceBusy as busy:
            self._lag.grow(*lag)
            if busy.foreseen:
                self._budget.pause(busy.retry_after)
                return
            self._failures += 1
            backoff = min(LONGEST_BACKOFF, 0.125 * 2**self._failures)
            self._budget.refused(max(busy.retry_after, backoff))
        else:
            self._failures = 0

    async def _to_its_end(self, step: Step) -> None:
        """Make the call. Cancelled, wait for it all the same, so that a message which is posted
        is also known."""
        call = asyncio.ensure_future(step.call())
        try:
            await asyncio.shield(call)
        except asyncio.CancelledError:
            ended = asyncio.Event()
            call.add_done_callback(lambda _: ended.set())
            await sleep_unless(self._clock, LAST_CALL_SECONDS, ended)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            raise


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
        self.clock = clock
        self.ledger = ledger
        self.edit_interval = edit_interval
        self.max_messages = max_messages
        self.patience = patience
        self.budgets = Budgets(clock)

    @asynccontextmanager
    async def open(self, answer: StoredAnswer, surface: Surface) -> AsyncIterator[LiveAnswer]:
        """Show `answer` on `surface` for as long as the context lasts; one that has text or
        messages already goes on in them. Leaving without `finish` leaves things as they are."""
        live = LiveAnswer(self, answer, surface)
        try:
            yield live
        finally:
            await live.abandon()
