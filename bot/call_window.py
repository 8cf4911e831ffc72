"""A rate limit of so many calls in any window of time, used to the full and evenly.

A token bucket that may never admit more than `n` calls in a minute has to give up either its burst
or a part of its rate. A sliding window needs neither: it remembers when the last calls were made.
"""

import math
from collections import deque

from bot.clock import Clock


class CallWindow:
    """A limit of `most` calls in any `seconds`. It has the methods of a `TokenBucket`.

    `take` never waits; `reserve` does, and is served in the order of the calls. Everything is
    computed from `clock` on each access: there is no background task. For one event loop; not
    thread-safe.
    """

    def __init__(self, clock: Clock, most: int, seconds: float) -> None:
        """`most`: at least 1. `seconds`: above 0."""
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._calls: deque[float] = deque()
        """When the calls of the last window were made, oldest first; those that are reserved are
        still to come."""
        self._paused_until = -math.inf

    @property
    def balance(self) -> float:
        """How many calls may be made now; negative while reservations wait."""
        self._forget()
        return float(self._most - len(self._calls))

    @property
    def paused(self) -> bool:
        """Whether a `pause` is in effect."""
        return self._clock.monotonic() < self._paused_until

    @property
    def full(self) -> bool:
        """Whether the window behaves exactly as a new one would."""
        self._forget()
        return not self._calls and not self.paused

    def wait(self) -> float:
        """Seconds until `take` can succeed, as far as is known now; 0.0 where it can already."""
        return max(0.0, self._next() - self._clock.monotonic())

    def take(self) -> bool:
        """Count a call if one may be made now; whether it was counted."""
        if self.wait() > 0.0:
            return False
        self._calls.append(self._clock.monotonic())
        return True

    async def reserve(self) -> None:
        """Count the next call that may be made, and sleep until then. Calls return in the order in
        which they were made. Cancelled, it is not counted; calls asleep behind it keep their times.
        """
        moment = self._next()
        self._calls.append(moment)
        delay = moment - self._clock.monotonic()
        if delay > 0.0:
            try:
                await self._clock.sleep(delay)
            except BaseException:
                self._calls.remove(moment)
                raise

    def give_back(self) -> None:
        """The newest call was not made after all."""
        if self._calls:
            self._calls.pop()

    def pause(self, seconds: float) -> None:
        """Admit nothing for `seconds` from now. A longer pause that is in effect stays."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def drain(self) -> None:
        """The limit is known to be used up: after the pause that is in effect, calls are admitted
        one by one, evenly, as the window slides."""
        self._forget()
        start = max(self._clock.monotonic(), self._paused_until) - self._seconds
        step = self._seconds / self._most
        even = [start + step * (number + 1) for number in range(self._most)]
        known = [-math.inf] * max(0, self._most - len(self._calls)) + list(self._calls)
        extra = known[: -self._most]
        self._calls = deque([*extra, *map(max, known[-self._most :], even)])

    def change(self, most: int) -> None:
        """Apply another limit from now on."""
        self._most = most

    def spacing(self, reserve: int) -> float:
        """The least even interval, in seconds, in which calls can go on from now without being
        held up within the next window, while `reserve` more calls stay possible at any time."""
        self._forget()
        now, free = self._clock.monotonic(), self._most - len(self._calls) - reserve
        interval = self._seconds / max(1, self._most - reserve)
        for gone, made in enumerate(self._calls):
            # until this call leaves the window, no more than free + gone others may follow
            if free + gone >= 0:
                until = made + self._seconds - now
                interval = max(interval, until / (free + gone + 1))
        return interval

    def _next(self) -> float:
        """When the next call may be made."""
        self._forget()
        moment = max(self._clock.monotonic(), self._paused_until)
        if len(self._calls) < self._most:
            return max(moment, self._calls[-1]) if self._calls else moment
        return max(moment, self._calls[-self._most] + self._seconds)

    def _forget(self) -> None:
        """Forget the calls that left the window."""
        start = self._clock.monotonic() - self._seconds
        while self._calls and self._calls[0] <= start:
            self._calls.popleft()
