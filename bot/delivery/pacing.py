"""How fast messages are sent and edited, and whose turn it is.

Each platform limit is a `Budget`: a token bucket that the answers drawing on it share.

- The end of an answer goes at once where the bucket has a token, the oldest claim first.
- Then come first messages and first texts, in the same order. Where many come at once, what the
  bucket holds is spread over a few seconds, so that it buys more than a first word for each.
- Other edits are spread evenly, since a reader is behind least when edits come at equal distances.
  What the bucket holds above a reserve (for the next first message or end) is spent over some
  seconds: at the beginning of an answer text comes faster than the limit sustains.
- Among answers it is the turn of the one whose reader has missed most: the characters written and
  not shown, summed over the seconds. Answers of one speed take turns; of several speeds, each is
  edited in proportion to the root of its speed, which makes the sum least; and since the sum of
  any answer grows for as long as it waits, none starves.
- Where the platform refuses, the whole budget waits for as long as it says, and then goes slower
  than declared, recovering slowly: the declared limit may be wrong, or others may share it.
"""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from weakref import WeakValueDictionary

from bot.clock import Clock, sleep_unless
from bot.ports import SurfaceLimits

FIRST_SECONDS = 3.0
"""Over how many seconds a full bucket is spent on first messages."""
EDIT_SECONDS = 6.0
"""Over how many seconds it is spent on other edits, down to the reserve."""
SLOWER = 0.7
"""What a refusal leaves of the rate."""
SLOWEST = 0.1
"""The least share of the declared rate."""
RECOVERY_SECONDS = 120.0
"""In which the rate would recover from nothing to what was declared."""
_REMEMBERED = 1000
_FASTEST = 1e6


class Urgency(IntEnum):
    """Who goes before whom."""

    EDIT = 0
    FIRST = 1
    """Something new begins to be seen."""
    END = 2


class Lag:
    """How far an answer's reader is behind: characters, and characters times seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._characters = 0
        self._missed = 0.0
        self._stamp = clock.monotonic()

    @property
    def missed(self) -> float:
        """Characters written and not shown, summed over the seconds since the last `take`."""
        now = self._clock.monotonic()
        self._missed += self._characters * (now - self._stamp)
        self._stamp = now
        return self._missed

    def grow(self, characters: int, missed: float = 0.0) -> None:
        self._missed = self.missed + missed
        self._characters += characters

    def take(self) -> tuple[int, float]:
        """Start anew: what there is will be shown. Gives what `grow` needs to undo that."""
        taken = self._characters, self.missed
        self._characters, self._missed = 0, 0.0
        return taken


@dataclass(eq=False, slots=True)
class Claim:
    """Somebody who waits for a turn."""

    lag: Lag
    urgency: Urgency
    granted: bool = False
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to make the claimant look again: it was granted, or has to keep the time."""


class Budget:
    """One limit of one platform. Whoever claimed first keeps the time for all who wait, so that
    there is no task to look after."""

    def __init__(self, clock: Clock, rate: float, burst: int) -> None:
        """`rate`: calls a second; `burst`: calls at once after a pause."""
        self._clock = clock
        self.declare(rate, burst)
        self._share = 1.0  # of the declared rate
        self._tokens = float(self._burst)
        self._stamp = clock.monotonic()
        self._paused_until = -math.inf
        self._next = dict.fromkeys(Urgency, -math.inf)
        self._claims: list[Claim] = []
        self._keeper: Claim | None = None
        self._news = asyncio.Event()

    def declare(self, rate: float, burst: int) -> None:
        """Take the limit that the platform is known to have."""
        self._rate = min(rate, _FASTEST)
        self._burst = max(1, burst)

    async def turn(self, claim: Claim) -> None:
        """Wait for the turn. Cancelled, it leaves no trace."""
        self._claims.append(claim)
        self._news.set()
        try:
            while not claim.granted:
                if self._keeper in (None, claim):
                    self._keeper = claim
                    await self._keep_time()
                else:
                    await claim.called.wait()
                    claim.called.clear()
        except BaseException:
            if claim.granted:
                self.give_back()
            else:
                self._claims.remove(claim)
            raise
        finally:
            if self._keeper is claim:
                self._keeper = None
            if self._keeper is None and self._claims:
                self._claims[0].called.set()

    def hurry(self, claim: Claim) -> None:
        """The claim, which may be waiting, has become that of an answer's end."""
        claim.urgency = Urgency.END
        self._news.set()

    def give_back(self) -> None:
        """A turn was not needed."""
        self._refill()
        self._tokens = min(self._burst, self._tokens + 1)
        self._news.set()

    def refused(self, retry_after: float) -> None:
        """The platform said no to somebody's call."""
        self._refill()
        now = self._clock.monotonic()
        if now >= self._paused_until:  # one refusal of several at once is enough to slow down
            self._share = max(SLOWEST, self._share * SLOWER)
        self._paused_until = max(self._paused_until, now + retry_after)
        self._tokens = 0.0

    def pause(self, seconds: float) -> None:
        """A turn could not be used, since the limit is known to be used up for so long. Nothing
        was asked of the platform, so that nothing is learned from it either."""
        self.give_back()
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    # ---------------------------------------------------------------- keeping the time

    async def _keep_time(self) -> None:
        """Give the next turn to whoever should have it, or sleep until it is time to."""
        self._news.clear()
        best = max(self._claims, key=self._rank)
        delay = self._delay(best)
        if delay > 0:
            await sleep_unless(self._clock, delay, self._news)
            return
        self._claims.remove(best)
        best.granted = True
        best.called.set()
        self._tokens -= 1
        self._keep_distance(best.urgency)

    @staticmethod
    def _rank(claim: Claim) -> tuple[Urgency, float]:
        """The greatest goes first; of equals the oldest."""
        return claim.urgency, claim.lag.missed if claim.urgency is Urgency.EDIT else 0.0

    def _delay(self, claim: Claim) -> float:
        """Seconds until the claim may be granted."""
        self._refill()
        now = self._clock.monotonic()
        lacking = 1.0 - 1e-9 - self._tokens
        return max(
            0.0,
            self._paused_until - now,
            self._next[claim.urgency] - now,
            lacking / (self._rate * self._share),
        )

    def _keep_distance(self, urgency: Urgency) -> None:
        """Let the next of that kind come as much later as what the bucket holds asks for."""
        if urgency is Urgency.END:
            return
        rate, now = self._rate * self._share, self._clock.monotonic()
        if urgency is Urgency.FIRST:
            self._next[urgency] = now + 1.0 / (rate + self._tokens / FIRST_SECONDS)
        surplus = max(0.0, self._tokens - min(1.0, self._burst - 1.0))
        self._next[Urgency.EDIT] = now + 1.0 / (rate + surplus / EDIT_SECONDS)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        passed, self._stamp = now - self._stamp, now
        if now > self._paused_until:
            self._tokens += min(passed, now - self._paused_until) * self._rate * self._share
            self._tokens = min(self._tokens, self._burst)
            self._share = min(1.0, self._share + passed / RECOVERY_SECONDS)


class Budgets:
    """The budgets of all platforms, by name. Those in use and those used of late are kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: WeakValueDictionary[str, Budget] = WeakValueDictionary()
        self._late: deque[Budget] = deque(maxlen=_REMEMBERED)

    def of(self, limits: SurfaceLimits) -> Budget:
        """The budget that the limits name, with the rate that they declare."""
        budget = self._budgets.get(limits.budget)
        if budget is None:
            budget = Budget(self._clock, limits.edits_per_second, limits.burst)
            self._budgets[limits.budget] = budget
        budget.declare(limits.edits_per_second, limits.burst)
        self._late.append(budget)
        return budget
