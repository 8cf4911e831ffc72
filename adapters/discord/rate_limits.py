"""Discord's rate limits as its answers tell them, so that no request is made only to be refused.

Every answer carries ``X-RateLimit-Bucket``, ``-Limit``, ``-Remaining`` and ``-Reset-After``
(https://discord.com/developers/docs/topics/rate-limits). Buckets are shared by routes with the
same hash and counted for each channel.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import SurfaceBusy

MARGIN = 0.05
"""Seconds by which the ways of two requests may differ."""


@dataclass(slots=True)
class _Bucket:
    limit: int = 0
    """Requests in one window; 0 while it isn't known."""
    remaining: int = 0
    resets_at: float = 0.0
    in_flight: int = 0


class Buckets:
    """The buckets of one bot. Never waits: what is too early raises SurfaceBusy."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hashes: dict[str, str] = {}
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._rates: dict[str, float] = {}
        self._global_until = 0.0

    @contextmanager
    def request(self, route: str, channel: str) -> Iterator[None]:
        """Count one request to `route` in `channel`. Raises SurfaceBusy where none is left."""
        bucket = self._bucket(route, channel)
        if wait := self.wait(route, channel):
            raise SurfaceBusy(
                f"channel {channel}: the rate limit is used up", retry_after=wait, foreseen=True
            )
        bucket.in_flight += 1
        try:
            yield
        finally:
            bucket.in_flight -= 1

    def wait(self, route: str, channel: str) -> float:
        """Seconds until a request may be made; 0.0 where it may now."""
        bucket = self._bucket(route, channel)
        until = self._global_until
        if bucket.limit and bucket.remaining - bucket.in_flight <= 0:
            until = max(until, bucket.resets_at)
        return max(0.0, until - self._clock.monotonic())

    def learn(self, route: str, channel: str, headers: Mapping[str, str], begun: float) -> None:
        """Take up what an answer's headers say to a request that was made at `begun`. Ones that
        are missing or odd change nothing.

        The window ends so long after the request came to Discord; one that is made so long after
        `begun` takes the same way and comes there when the window is over, and a little later."""
        if name := headers.get("X-RateLimit-Bucket"):
            self._move(route, channel, name)
        try:
            limit = int(headers["X-RateLimit-Limit"])
            remaining = int(headers["X-RateLimit-Remaining"])
            reset_after = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        bucket = self._bucket(route, channel)
        bucket.limit, bucket.remaining = limit, remaining
        bucket.resets_at = begun + reset_after + MARGIN
        if remaining == limit - 1:  # the first request of a window: all of it lies ahead
            self._rates[self._name(route)] = limit / max(reset_after, 0.001)

    def pause(self, route: str, channel: str, seconds: float, *, everywhere: bool) -> None:
        """A request was refused for so long: here, or (the bot's global limit) everywhere."""
        until = self._clock.monotonic() + seconds
        if everywhere:
            self._global_until = max(self._global_until, until)
            return
        bucket = self._bucket(route, channel)
        bucket.limit = max(bucket.limit, 1)
        bucket.remaining = 0
        bucket.resets_at = max(bucket.resets_at, until)

    def rate(self, route: str) -> float | None:
        """Requests a second that each channel's bucket sustains, once an answer has shown it."""
        return self._rates.get(self._name(route))

    def _name(self, route: str) -> str:
        return self._hashes.get(route, route)

    def _bucket(self, route: str, channel: str) -> _Bucket:
        return self._buckets.setdefault((self._name(route), channel), _Bucket())

    def _move(self, route: str, channel: str, name: str) -> None:
        """The route's bucket has a name: what was counted for the route alone goes along."""
        if self._hashes.get(route) == name:
            return
        old = self._bucket(route, channel)
        self._hashes[route] = name
        self._buckets.setdefault((name, channel), old)
