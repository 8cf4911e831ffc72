"""A token bucket: a rate limit that permits bursts (https://en.wikipedia.org/wiki/Token_bucket)."""

import math

from bot.clock import Clock

_ROUNDING = 1e-9
"""Tokens. Below one by no more than this counts as one: sums of floats are not exact."""


class TokenBucket:
    """A limit of `burst` calls at once and `rate` calls a second in the long run.

    The bucket starts with `burst` tokens and gains `rate` tokens a second up to `burst`; each call
    takes one. In any interval of `s` seconds at most ``burst + rate * s`` calls are admitted.

    `take` never waits; `reserve` does, and is served in the order of the calls. A reservation makes
    the balance negative at once, so that no later `take` or `reserve` can overtake it.

    Refilling is computed from `clock` on each access: there is no background task. For one event
    loop; not thread-safe.
    """

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        """`rate`: tokens a second, above 0. `burst`: tokens, at least 1."""
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._refilled_at = clock.monotonic()
        self._paused_until = -math.inf

    @property
    def balance(self) -> float:
        """Tokens available now; negative while reservations wait."""
        self._refill()
        return self._tokens

    @property
    def paused(self) -> bool:
        """Whether a `pause` is in effect."""
        return self._clock.monotonic() < self._paused_until

    @property
    def full(self) -> bool:
        """Whether the bucket behaves exactly as a new one would."""
        return self.balance >= self._burst and not self.paused

    def wait(self) -> float:
        """Seconds until `take` can succeed, as far as is known now; 0.0 where it can already."""
        self._refill()
        paused = max(0.0, self._paused_until - self._clock.monotonic())
        # either no wait, or one that moves every clock: who waits for less would try again at once
        missing = 1.0 - self._tokens
        return paused + (missing / self._rate if missing > _ROUNDING else 0.0)

    def take(self) -> bool:
        """Take a token if one is available and no pause is in effect; whether it was taken."""
        if self.wait() > 0.0:
            return False
        self._tokens -= 1.0
        return True

    async def reserve(self) -> None:
        """Take the next token and sleep until it has been refilled.

        Calls return in the order in which they were made. A pause or a change of the limit that
        begins while a call sleeps does not change when that call returns. Cancelled, it gives the
        token back; calls already asleep behind it keep their times.
        """
        delay = self.wait()
        self._tokens -= 1.0
        if delay > 0.0:
            try:
                await self._clock.sleep(delay)
            except BaseException:
                self.give_back()
                raise

    def give_back(self) -> None:
        """Return a token whose call was not made."""
        self._refill()
        self._tokens = min(self._burst, self._tokens + 1.0)

    def pause(self, seconds: float) -> None:
        """Admit nothing and refill nothing for `seconds` from now. A longer pause that is already
        in effect stays; pauses do not add up. The balance is kept."""
        self._refill()
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def drain(self) -> None:
        """Discard the tokens available: the limit is known to be used up. Reservations stay."""
        self._refill()
        self._tokens = min(self._tokens, 0.0)

    def change(self, rate: float, burst: float) -> None:
        """Apply another limit from now on; the balance is kept, as far as `burst` allows."""
        self._refill()
        self._rate = rate
        self._burst = burst
        self._tokens = min(self._tokens, self._burst)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        refilled_from = max(self._refilled_at, self._paused_until)
        if now > refilled_from:
            self._tokens = min(self._burst, self._tokens + (now - refilled_from) * self._rate)
        self._refilled_at = now
