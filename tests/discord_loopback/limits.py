"""Rate limits as Discord enforces them: fixed windows, a bucket for each route and channel."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Window:
    """So many requests in so many seconds, counted from the first one."""

    limit: int
    seconds: float


@dataclass(slots=True)
class _Count:
    begun: float
    used: int = 0


@dataclass(slots=True)
class Verdict:
    """What a request meets."""

    allowed: bool
    headers: dict[str, str]
    retry_after: float = 0.0


@dataclass(slots=True)
class Limits:
    """The windows of all routes. A route without one is unlimited and has no headers."""

    windows: dict[str, Window] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)

    def take(self, route: str, channel: str) -> Verdict:
        """Count one request."""
        window = self.windows.get(route)
        if window is None:
            return Verdict(True, {})
        now = self.clock()
        count = self._counts.get((route, channel))
        if count is None or now - count.begun >= window.seconds:
            count = self._counts[route, channel] = _Count(now)
        left = count.begun + window.seconds - now
        allowed = count.used < window.limit
        count.used += allowed
        headers = {
            "X-RateLimit-Bucket": f"hash-of-{route}",
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.limit - count.used),
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
        }
        return Verdict(allowed, headers, 0.0 if allowed else left)
