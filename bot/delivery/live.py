"""Delivery of one answer, from its place in the queue to its final state.

Each answer has a task that updates its messages, call by call, until they show the current text.
Guarantees: one call at a time is in flight; a call's content is rendered when it is about to be
sent, so that it is the newest; and the task ends only when the final state is shown, or can no
longer be (the message was deleted, or the platform refuses permanently).
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from bot.clock import Clock, sleep_unless
from bot.delivery.answer_messages import AnswerMessages, Refused, Save, Step
from bot.delivery.pacing import Budgets, Lag, Priority, Waiter
from bot.delivery.rendering import Pages
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.messages import Thought
from bot.observer import CallKind, CallMade, CallRefused, NoObserver, Observer, RateLimitPaused
from bot.ports import AnswerLedger, AnswerState, StoredAnswer, Surface

logger = logging.getLogger(__name__)

FIRST_TEXT_SECONDS = 0.3
"""Seconds for which the first text accumulates, so that it is more than half a word."""
CANCEL_GRACE_SECONDS = 5.0
"""Seconds for which a call in flight may still complete when the answer is abandoned."""
CALL_SECONDS = 40.0
"""Seconds for which a call in flight may still complete when another answer takes over its message:
longer than the time limits of the platforms' clients, so that its outcome is known."""
HAND_OVER_SECONDS = 180.0
"""Seconds for which the platform is asked which message a post whose outcome is unknown created."""
LONGEST_BACKOFF = 30.0
"""Seconds between two attempts at most, where the platform itself does not ask for more."""
_NOTE_WEIGHT = 10
"""How many characters of text a changed place in the queue counts as, for fairness."""


class LiveAnswer:
    """An answer that is being shown; created by `Delivery.open`. For one event loop."""

    def __init__(
        self,
        delivery: "Delivery",
        answer: StoredAnswer,
        surface: Surface,
        *,
        resumed: bool,
        unrecorded: bool,
        forgotten: asyncio.Event,
        save: Save | None,
    ) -> None:
        self.gone = asyncio.Event()
        """Set when the message that shows the answer was deleted, or its channel: nobody will read
        on, so that generation should stop. A platform that refuses to show the answer is no reason:
        it is generated and saved all the same."""
        self._clock = delivery.clock
        self._edit_interval = delivery.edit_interval
        self._patience = delivery.patience
        self._budgets = delivery.budgets
        self._observer = delivery.observer
        self._platform = answer.question.conversation.platform
        self._surface = surface
        self._budget = self._budgets.of(surface.limits)
        self._pages = Pages(
            answer.id,
            surface.limits,
            answer.text,
            thought=answer.thought,
            fold=delivery.fold,
        )
        self._messages = AnswerMessages(
            answer,
            surface,
            delivery.ledger,
            self._pages,
            delivery.max_messages,
            delivery.tag,
            resumed=resumed,
            unrecorded=unrecorded,
            save=save,
        )
        self._forgotten = forgotten
        self._lag = Lag(self._clock)
        self._waiter: Waiter | None = None
        self._changed = asyncio.Event()  # what should be shown may have changed
        self._ending = asyncio.Event()  # `finish` was called
        self._task_done = asyncio.Event()  # the task has ended
        self._failure: SurfaceError | None = None
        self._stopping = False
        self._hurry = asyncio.Event()  # whatever is in flight may take `CANCEL_GRACE_SECONDS` more
        self._failures = 0  # consecutive
        self._next_edit = self._clock.monotonic()
        self._retry_at = self._next_edit  # after a refused call
        self._first_text_at: float | None = None
        self._fades_at: float | None = None
        """When a note that is shown without a message is not to be seen any more."""
        self._task = asyncio.create_task(self._run(), name=f"delivery of answer {answer.id}")

    @property
    def text(self) -> str:
        """The whole answer so far, including the text that it had when it was opened."""
        return self._pages.text

    def place(self, ahead: int) -> None:
        """Show the place in the queue: how many questions are ahead; 0 means that the model is
        working on this one. Never waits."""
        self._pages.place(ahead)
        self._lag.grow(_NOTE_WEIGHT)
        self._changed.set()

    def write(self, text: str) -> None:
        """Append text to the answer. Never waits. Raises RuntimeError after `finish`."""
        if self._ending.is_set():
            raise RuntimeError("an answer that is finished cannot grow")
        if not text:
            return
        if self._first_text_at is None:
            self._first_text_at = self._clock.monotonic()
        self._pages.write(text)
        self._lag.grow(len(text))
        self._changed.set()

    def think(self, piece: Thought) -> None:
        """The model thinks before it answers: the messages say for how long, where edits are to
        spare. With `Thought.whole`, all text so far was thought, or is begun anew. Never waits."""
        if piece.whole:
            self._first_text_at = None
            self._messages.restart()
        self._pages.think(piece)
        self._changed.set()

    async def finish(self, state: AnswerState, note: str = "") -> None:
        """Show the whole answer with its final state and note; returns once that is shown.

        Retries for as long as the platform asks, for `patience` seconds at most. Returns without
        an error where the message was deleted. Raises SurfaceError where the end cannot be shown.
        Call it once; nothing can be written after it.
        """
        self._pages.end(state, note)
        self._ending.set()
        self._changed.set()
        if self._waiter is not None:
            self._budget.promote(self._waiter)
        if not await sleep_unless(self._clock, self._patience, self._task_done):
            await self.abandon()
            raise SurfaceError(
                f"the platform did not accept the end of the answer for {self._patience:g} s, so "
                "it is not shown; it is stored in the conversation's history"
            )
        if self._failure is not None:
            raise self._failure

    @property
    def messages(self) -> tuple[str, ...]:
        """The surface's references of the messages that show it."""
        return self._messages.refs

    @property
    def text_shown(self) -> bool:
        """Whether people can see some of the text; else at most a placeholder."""
        return self._messages.text_shown

    @property
    def doubtful(self) -> bool:
        """Whether there may be another message, whose reference is unknown."""
        return self._messages.doubtful

    @property
    def failure(self) -> SurfaceError | None:
        """Why the answer is not shown any longer, though its messages may exist; None while it is
        shown."""
        return self._failure

    async def hand_over(self) -> None:
        """Stop showing, since another answer takes over these messages: all of them are recorded
        then, if the platform says which there are. Waits for a call in flight, `CALL_SECONDS` at
        most, and `HAND_OVER_SECONDS` while the platform asks to wait, or refuses a call that is
        then repeated in a simpler form; cancelled, or abandoned meanwhile, as `abandon` does."""
        self._stop_showing()
        await asyncio.wait([self._task])
        await self._in_flight(self._resolve_doubt())

    async def _resolve_doubt(self) -> None:
        until = self._clock.monotonic() + HAND_OVER_SECONDS
        while (problem := await self._still_in_doubt()) is not None:
            wait = _seconds_until_retry(problem)
            over = self._clock.monotonic() + wait > until
            if over or await sleep_unless(self._clock, wait, self._hurry):
                logger.warning("whether a message was posted is unknown: %s", problem)
                break
        await self._messages.record()

    async def _still_in_doubt(self) -> SurfaceError | None:
        try:
            await self._messages.resolve_doubt()
        except SurfaceError as error:
            return error
        return None

    async def recorded(self) -> bool:
        """Whether the ledger knows all messages that show it. What failed to be recorded is tried
        again. Only while no call is in flight, as after `finish`."""
        return await self._messages.record()

    async def abandon(self) -> None:
        """Stop showing and leave the messages as they are, as at shutdown. Waits for a call in
        flight, `CANCEL_GRACE_SECONDS` at most. Idempotent."""
        self._hurry.set()
        self._stop_showing()
        await asyncio.wait([self._task])

    def _stop_showing(self) -> None:
        if not self._stopping:  # a second cancellation would not wait for the call in flight
            self._stopping = True
            self._task.cancel()

    # ---------------------------------------------------------------- the task

    async def _run(self) -> None:
        try:
            await self._follow()
        except MessageGone as error:
            logger.info("an answer's message was deleted: %s", error)
            self.gone.set()
        except SurfaceError as error:
            self._failure = error
        except Exception as error:
            logger.exception("delivery failed because of a bug in Parley")
            self._failure = SurfaceError(f"delivery failed by a defect: {type(error).__name__}")
        finally:
            self._task_done.set()

    async def _follow(self) -> None:
        """Update the messages until they show the final state."""
        while True:
            self._changed.clear()
            step = self._next()
            if step is None or (step.spare and not self._may_spare()):
                if self._ending.is_set():
                    return
                await self._wait_for_change()
            elif (wait := self._seconds_early(step)) > 0:
                await self._wait(wait)
            else:
                await self._make_call(step)

    async def _wait(self, seconds: float) -> None:
        """Wait; not for the answer's own pacing once it ends."""
        if self._ending.is_set():
            await self._clock.sleep(seconds)
        else:
            await sleep_unless(self._clock, seconds, self._ending)

    def _may_spare(self) -> bool:
        """Whether nobody needs the edits that are left."""
        early = self._next_edit > self._clock.monotonic()
        return not early and self._budgets.of(self._surface.limits).spare

    def _next(self) -> Step | None:
        """The next call to make, or None where the messages show what they should."""
        now = self._clock.monotonic()
        self._pages.update(now)
        if self._fades_at is not None and now >= self._fades_at:
            self._fades_at = None
            self._messages.fade()
        self._messages.forgotten = self._forgotten.is_set()
        return self._messages.next(ending=self._ending.is_set())

    async def _wait_for_change(self) -> None:
        """Wait until there may be something new to show, which withheld text becomes with time."""
        moments = [at for at in (self._pages.due, self._fades_at) if at is not None]
        if not moments:
            await self._changed.wait()
        else:
            await sleep_unless(self._clock, min(moments) - self._clock.monotonic(), self._changed)

    def _seconds_early(self, step: Step) -> float:
        """Seconds until the call may be made as far as this answer's own pacing is concerned."""
        now = self._clock.monotonic()
        if self._ending.is_set():
            return self._retry_at - now
        earliest = max(now, self._retry_at) if step.post else max(self._next_edit, self._retry_at)
        if self._first_text_at is not None:
            gathered = self._first_text_at + min(FIRST_TEXT_SECONDS, self._edit_interval)
            earliest = max(earliest, gathered)
        return earliest - now

    async def _make_call(self, wanted: Step) -> None:
        priority = Priority.FIRST if wanted.first else Priority.EDIT
        self._waiter = Waiter(self._lag, Priority.END if self._ending.is_set() else priority)
        limits = self._surface.limits  # they may change between calls
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
        kind = CallKind.POST if step.post else CallKind.EDIT
        try:
            await self._complete(step)
        except Refused as refused:
            self._observer.observe(CallRefused(self._platform, kind, busy=False))
            self._lag.grow(*lag)
            self._retry_at = self._clock.monotonic() + refused.seconds
        except SurfaceBusy as busy:
            self._lag.grow(*lag)
            self._pause(busy, kind)
        else:
            self._observer.observe(CallMade(self._platform, kind))
            self._failures = 0
            if limits.note_seconds:
                until = self._clock.monotonic() + limits.note_seconds
                self._fades_at = until if self._messages.unposted else None

    def _pause(self, busy: SurfaceBusy, kind: CallKind) -> None:
        """Pause the budget of the call that the platform is too busy for."""
        seconds = busy.retry_after
        if busy.foreseen:
            self._budget.pause(seconds)
        else:
            self._observer.observe(CallRefused(self._platform, kind, busy=True))
            self._failures += 1
            seconds = max(seconds, min(LONGEST_BACKOFF, 0.125 * 2**self._failures))
            self._budget.refused(seconds)
        self._observer.observe(RateLimitPaused(self._platform, seconds))

    async def _complete(self, step: Step) -> None:
        """Make the call. Cancelled, still wait for it, so that a message that was posted is
        recorded: for `CANCEL_GRACE_SECONDS` from the moment at which there is a hurry."""
        call = asyncio.ensure_future(step.call())
        try:
            await asyncio.shield(call)
        except asyncio.CancelledError:
            await self._let_end(call, CALL_SECONDS)
            raise

    async def _in_flight(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it; cancelled, still wait for it for `CANCEL_GRACE_SECONDS`."""
        call = asyncio.ensure_future(work)
        try:
            await asyncio.shield(call)
        except asyncio.CancelledError:
            self._hurry.set()
            await self._let_end(call, 0.0)
            raise

    async def _let_end(self, call: "asyncio.Future[None]", seconds: float) -> None:
        """Wait for the end of `call`, for `seconds` while there is no hurry, and
        `CANCEL_GRACE_SECONDS` more; then it is cancelled. Raises nothing of it."""
        ended = asyncio.Event()
        call.add_done_callback(lambda _: ended.set())
        hurry = asyncio.ensure_future(self._hurry.wait())
        patience = asyncio.ensure_future(self._clock.sleep(seconds))
        any_of: set[asyncio.Future[Any]] = {call, hurry, patience}
        try:
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
            await sleep_unless(self._clock, CANCEL_GRACE_SECONDS, ended)
        finally:
            hurry.cancel()
            patience.cancel()
            call.cancel()
        await asyncio.gather(call, return_exceptions=True)


def _seconds_until_retry(problem: SurfaceError) -> float:
    """Seconds until a call that failed is to be made again; infinite for never."""
    match problem:
        case SurfaceBusy():
            return problem.retry_after
        case Refused():
            return problem.seconds
        case _:
            return math.inf


class Delivery:
    """Shows any number of answers at once, which share the platforms' rate limits fairly."""

    def __init__(
        self,
        clock: Clock,
        ledger: AnswerLedger,
        *,
        edit_interval: float = 0.5,
        max_messages: int = 8,
        patience: float = 3600.0,
        tag: str = "",
        fold: bool = False,
        observer: Observer | None = None,
    ) -> None:
        """`edit_interval`: least seconds between two edits of a growing message. `max_messages`: an
        answer in more messages than this is attached as a file, too. `patience`: seconds for which
        `finish` retries at most. `tag`: of the database (`Store.tag`), for buttons. `fold`: show
        the beginning of a model's thought above its answer. `observer` is told of the calls."""
        self.clock = clock
        self.fold = fold
        self.tag = tag
        self.ledger = ledger
        self.edit_interval = edit_interval
        self.max_messages = max_messages
        self.patience = patience
        self.observer: Observer = observer or NoObserver()
        self.budgets = Budgets(clock)

    @asynccontextmanager
    async def open(
        self,
        answer: StoredAnswer,
        surface: Surface,
        *,
        resumed: bool = False,
        unrecorded: bool = False,
        forgotten: asyncio.Event | None = None,
        save: Save | None = None,
    ) -> AsyncIterator[LiveAnswer]:
        """Show `answer` on `surface` while the context lasts. One that already has text or messages
        continues in them. `resumed`: an earlier run was interrupted in showing it, and may have
        posted one message more than the ledger knows. `unrecorded`: the ledger may not know the
        messages of `answer`. While `forgotten` is set, the answer is stored no longer: its end is
        shown in the messages that there are, without buttons, and no further one is posted. `save`
        saves the answer so far in the ledger. Leaving
        without `finish` leaves the messages as they are."""
        live = LiveAnswer(
            self,
            answer,
            surface,
            resumed=resumed,
            unrecorded=unrecorded,
            forgotten=forgotten or asyncio.Event(),
            save=save,
        )
        try:
            yield live
        finally:
            await live.abandon()
