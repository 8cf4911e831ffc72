"""When messages may be sent and edited, and which answer goes next.

Each rate limit of a platform is a `Budget`: a token bucket, or a window of calls, with a priority
queue of the answers that wait for its tokens.

- Priority: the end of an answer goes first and needs nothing but a token. Then come first messages
  and first texts, then other edits. Within the first two, first come, first served.
- Spreading: first messages draw the bucket's burst down over `FIRST_SECONDS`, so that many answers
  that start together get more than one call each. Edits draw it down over `EDIT_SECONDS`, to a
  reserve of one token for the next first message or end, and are evenly spaced otherwise: for a
  text that grows steadily, even spacing keeps readers least behind. Where a platform counts calls
  in a window, edits are spaced evenly from the start, so that none is held up when the first ones
  leave the window, and `RESERVE` calls stay free.
- Fairness: among edits, the one with the greatest staleness goes next (unseen characters,
  integrated over time; see `Lag`). Answers of equal speed alternate; of unequal speed, each is
  edited in proportion to the square root of its speed, which minimizes the sum of the stalenesses.
  Staleness grows for as long as an answer waits, so that none starves.
- Backoff: when the platform refuses a call, the whole budget pauses for as long as the platform
  asks, and continues at a lower rate than declared that recovers slowly: the declared limit may be
  wrong, or another program may share it.
"""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from weakref import WeakValueDictionary

from bot.call_window import CallWindow
from bot.clock import Clock, sleep_unless
from bot.ports import SurfaceLimits
from bot.token_bucket import TokenBucket

FIRST_SECONDS = 3.0
"""Seconds over which first messages use up a full bucket."""
EDIT_SECONDS = 6.0
"""Seconds over which other edits use it up, down to the reserve."""
RESERVE = 2
"""Calls of a window that edits leave to first messages and ends."""
BACKOFF_FACTOR = 0.7
"""What a refusal multiplies the rate by."""
SLOWEST = 0.1
"""The lowest rate after refusals, as a share of the declared one."""
RECOVERY_SECONDS = 120.0
"""Seconds in which the rate would recover from zero to the declared one."""
_RECENT_BUDGETS = 1000
_HIGHEST_RATE = 1e6


class Priority(IntEnum):
    """What a call is for; the greater goes first."""

    EDIT = 0
    FIRST = 1
    """A new message, or the first text in one."""
    END = 2
    """The final state of an answer."""


class Lag:
    """How far what is shown of an answer is behind what was generated."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._characters = 0
        self._staleness = 0.0
        self._updated_at = clock.monotonic()

    @property
    def staleness(self) -> float:
        """Characters generated and not shown, integrated over time since the last `take`, in
        character-seconds."""
        now = self._clock.monotonic()
        self._staleness += self._characters * (now - self._updated_at)
        self._updated_at = now
        return self._staleness

    def grow(self, characters: int, staleness: float = 0.0) -> None:
        """So many more characters are not shown, and have been for so many character-seconds."""
        self._staleness = self.staleness + staleness
        self._characters += characters

    def take(self) -> tuple[int, float]:
        """Reset to zero, since the newest text is about to be shown. Returns the arguments with
        which `grow` restores the lag if the call fails."""
        taken = self._characters, self.staleness
        self._characters, self._staleness = 0, 0.0
        return taken


@dataclass(eq=False, slots=True)
class Waiter:
    """A call that waits for a token."""

    lag: Lag
    priority: Priority
    granted: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the waiter was granted a token, or has to become the leader."""


class Budget:
    """One rate limit of one platform, shared by the answers that draw on it.

    There is no background task: the first waiter is the leader, which sleeps until the next token
    is due and grants it to whoever should have it. When the leader leaves, the oldest waiter
    becomes the leader.
    """

    def __init__(self, clock: Clock, rate: float, burst: int, window: float = 0.0) -> None:
        """`rate`: calls a second; `burst`: calls at once after a pause. With `window`: `burst`
        calls in any so many seconds."""
        self._clock = clock
        self._share = 1.0  # of the declared rate; below 1 after refusals
        self._share_updated_at = clock.monotonic()
        self._rate, self._burst = min(rate, _HIGHEST_RATE), max(1, burst)
        self._bucket: TokenBucket | CallWindow = (
            CallWindow(clock, self._burst, window)
            if window
            else TokenBucket(clock, self._rate, self._burst)
        )
        self._earliest = dict.fromkeys(Priority, -math.inf)
        """When the next call of each priority may be granted, for even spacing."""
        self._waiters: list[Waiter] = []
        self._leader: Waiter | None = None
        self._changed = asyncio.Event()

    @property
    def spare(self) -> bool:
        """Whether a call that nobody misses may be made: nobody waits, and a token is left for
        whoever comes next."""
        return not self._waiters and self._bucket.balance >= min(2.0, self._burst)

    def declare(self, rate: float, burst: int) -> None:
        """Replace the limit that the platform is known to have. What refusals taught is kept."""
        self._rate, self._burst = min(rate, _HIGHEST_RATE), max(1, burst)
        self._apply_rate()

    async def acquire(self, waiter: Waiter) -> None:
        """Wait until `waiter` is granted a token. Cancelled, it leaves the queue and takes none."""
        self._waiters.append(waiter)
        self._changed.set()
        try:
            while not waiter.granted:
                if self._leader in (None, waiter):
                    self._leader = waiter
                    await self._lead()
                else:
                    await waiter.woken.wait()
                    waiter.woken.clear()
        except BaseException:
            if waiter.granted:
                self.give_back()
            else:
                self._waiters.remove(waiter)
            raise
        finally:
            if self._leader is waiter:
                self._leader = None
            if self._leader is None and self._waiters:
                self._waiters[0].woken.set()

    def promote(self, waiter: Waiter) -> None:
        """Raise a waiter's priority to END: its answer has ended while it waits."""
        waiter.priority = Priority.END
        self._changed.set()

    def give_back(self) -> None:
        """Return a token whose call was not made."""
        self._bucket.give_back()
        self._changed.set()

    def refused(self, retry_after: float) -> None:
        """Back off: the platform refused a call that had a token.

        Nothing is granted for `retry_after` seconds and the bucket is empty then. The rate is
        lowered once per pause, however many calls in flight are refused together.
        """
        self._recover()
        if not self._bucket.paused:
            self._share = max(SLOWEST, self._share * BACKOFF_FACTOR)
            self._apply_rate()
        self._pause(retry_after)
        self._bucket.drain()

    def pause(self, seconds: float) -> None:
        """Return a token and grant none for `seconds`: the limit is known to be used up for so
        long. No call was refused, so the rate stays as it is."""
        self.give_back()
        self._pause(seconds)

    # ---------------------------------------------------------------- the leader's part

    async def _lead(self) -> None:
        """Grant the next token if one is due, else sleep until it is or something changes."""
        self._changed.clear()
        best = max(self._waiters, key=self._rank)
        delay = self._delay(best)
        if delay > 0:
            await sleep_unless(self._clock, delay, self._changed)
            return
        self._waiters.remove(best)
        best.granted = True
        best.woken.set()
        self._bucket.take()
        self._space_out(best.priority)

    @staticmethod
    def _rank(waiter: Waiter) -> tuple[Priority, float]:
        """The greatest goes first; of equals, the oldest."""
        stale = waiter.lag.staleness if waiter.priority is Priority.EDIT else 0.0
        return waiter.priority, stale

    def _delay(self, waiter: Waiter) -> float:
        """Seconds until the waiter may be granted a token."""
        self._recover()
        spacing = self._earliest[waiter.priority] - self._clock.monotonic()
        return max(0.0, spacing, self._bucket.wait())

    def _space_out(self, priority: Priority) -> None:
        """Set when the next call of that priority may be granted: sooner than the rate alone
        sustains while the bucket holds tokens to spend."""
        if priority is Priority.END:
            return
        rate, now = self._rate * self._share, self._clock.monotonic()
        tokens = self._bucket.balance
        if priority is Priority.FIRST:
            self._earliest[priority] = now + 1.0 / (rate + max(0.0, tokens) / FIRST_SECONDS)
        if isinstance(self._bucket, CallWindow):
            gap = self._bucket.spacing(min(RESERVE, self._burst - 1))
        else:
            surplus = max(0.0, tokens - min(1.0, self._burst - 1.0))
            gap = 1.0 / (rate + surplus / EDIT_SECONDS)
        self._earliest[Priority.EDIT] = now + gap

    # ---------------------------------------------------------------- the rate

    def _recover(self) -> None:
        """Raise the rate for the time that passed outside of pauses."""
        now = self._clock.monotonic()
        passed = now - self._share_updated_at
        if passed > 0:
            self._share = min(1.0, self._share + passed / RECOVERY_SECONDS)
            self._share_updated_at = now
            self._apply_rate()

    def _apply_rate(self) -> None:
        if isinstance(self._bucket, CallWindow):
            self._bucket.change(max(1, round(self._burst * self._share)))
        else:
            self._bucket.change(self._rate * self._share, self._burst)

    def _pause(self, seconds: float) -> None:
        self._bucket.pause(seconds)
        ends_at = self._clock.monotonic() + seconds
        self._share_updated_at = max(self._share_updated_at, ends_at)


class Budgets:
    """All budgets by name. A budget is kept while it is in use or among the last
    `_RECENT_BUDGETS` looked up; a new one starts full and at the declared rate."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: WeakValueDictionary[str, Budget] = WeakValueDictionary()
        self._recent: deque[Budget] = deque(maxlen=_RECENT_BUDGETS)

    def of(self, limits: SurfaceLimits) -> Budget:
        """The budget that the limits name, with the rate that they declare."""
        budget = self._budgets.get(limits.budget)
        if budget is None:
            budget = Budget(
                self._clock, limits.edits_per_second, limits.burst, limits.window_seconds
            )
            self._budgets[limits.budget] = budget
        budget.declare(limits.edits_per_second, limits.burst)
        self._recent.append(budget)
        return budget
