"""Discord's rate limits as its response headers state them, so that no request is sent only to be
refused.

Every response carries ``X-RateLimit-Bucket``, ``-Limit``, ``-Remaining`` and ``-Reset-After``
(https://discord.com/developers/docs/topics/rate-limits). What Discord calls a bucket is a fixed
window: so many requests until it resets, then all of them at once again. Routes with the same
bucket hash share one, and each channel has its own. That is not a token bucket, which refills
evenly and knows its limit beforehand, so `bot.token_bucket` does not apply here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import SurfaceBusy

MARGIN = 0.05
"""Seconds by which the network latencies of two requests may differ."""


@dataclass(slots=True)
class _Window:
    """The current window of one bucket in one channel."""

    limit: int = 0
    """Requests per window; 0 while it is unknown, and then nothing is limited."""
    remaining: int = 0
    """As of the last response; requests in flight are not yet subtracted."""
    resets_at: float = 0.0
    in_flight: int = 0


class Buckets:
    """The buckets of one bot token. Never waits: a request that is too early raises SurfaceBusy."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hashes: dict[str, str] = {}
        self._windows: dict[tuple[str, str], _Window] = {}
        self._rates: dict[str, float] = {}
        self._global_until = 0.0

    @contextmanager
    def request(self, route: str, channel: str) -> Iterator[None]:
        """Count one request to `route` in `channel` as in flight while the context lasts.

        Raises SurfaceBusy, with the seconds to wait and `foreseen` set, where none is left.
        """
        window = self._window(route, channel)
        if wait := self.wait(route, channel):
            raise SurfaceBusy(
                f"channel {channel}: the rate limit is used up", retry_after=wait, foreseen=True
            )
        window.in_flight += 1
        try:
            yield
        finally:
            window.in_flight -= 1

    def wait(self, route: str, channel: str) -> float:
        """Seconds until a request may be made; 0.0 where it may now."""
        window = self._window(route, channel)
        until = self._global_until
        if window.limit and window.remaining - window.in_flight <= 0:
            until = max(until, window.resets_at)
        return max(0.0, until - self._clock.monotonic())

    def learn(self, route: str, channel: str, headers: Mapping[str, str], begun: float) -> None:
        """Update the window from the response headers of a request that was sent at `begun` (the
        clock's time). Missing or malformed headers change nothing.

        Discord measures Reset-After from when the request arrived there. Adding it to `begun`
        gives the earliest time to send the next request, which has the same latency, so that it
        arrives when the window has reset; `MARGIN` allows for jitter."""
        if name := headers.get("X-RateLimit-Bucket"):
            self._move(route, channel, name)
        try:
            limit = int(headers["X-RateLimit-Limit"])
            remaining = int(headers["X-RateLimit-Remaining"])
            reset_after = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        window = self._window(route, channel)
        window.limit, window.remaining = limit, remaining
        window.resets_at = begun + reset_after + MARGIN
        if remaining == limit - 1:  # the first request of a window: Reset-After is its length
            self._rates[self._name(route)] = limit / max(reset_after, 0.001)

    def pause(self, route: str, channel: str, seconds: float, *, everywhere: bool) -> None:
        """A request was refused (429): make none for `seconds`, in this bucket and channel or,
        with `everywhere` (the bot's global limit), in any."""
        until = self._clock.monotonic() + seconds
        if everywhere:
            self._global_until = max(self._global_until, until)
            return
        window = self._window(route, channel)
        window.limit = max(window.limit, 1)
        window.remaining = 0
        window.resets_at = max(window.resets_at, until)

    def rate(self, route: str) -> float | None:
        """Requests a second that each channel's window sustains; None until a response to the
        first request of a window has shown it."""
        return self._rates.get(self._name(route))

    def _name(self, route: str) -> str:
        """The bucket's hash, or the route while the hash is unknown."""
        return self._hashes.get(route, route)

    def _window(self, route: str, channel: str) -> _Window:
        return self._windows.setdefault((self._name(route), channel), _Window())

    def _move(self, route: str, channel: str, name: str) -> None:
        """Store a route's bucket hash; the window that was kept under the route goes with it."""
        if self._hashes.get(route) == name:
            return
        old = self._window(route, channel)
        self._hashes[route] = name
        self._windows.setdefault((name, channel), old)
