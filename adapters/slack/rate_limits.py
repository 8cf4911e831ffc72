"""Slack's rate limits, kept by this side so that they are seldom met.

A limit is per method, workspace and app (https://docs.slack.dev/apis/web-api/rate-limits). The
edits of growing answers are paced by `bot.delivery`, which knows whose turn it is; this is for the
calls around them (new messages in a channel, the beginnings and the ends of streams), and the last
word on all edits of a workspace.
"""

from bot.clock import Clock

EDITS_PER_SECOND, EDIT_BURST = 40 / 60, 10
"""chat.update: tier 3, 50 in a minute, of which some may come at once."""
APPENDS_PER_SECOND, APPEND_BURST = 80 / 60, 20
"""chat.appendStream: tier 4, 100 in a minute."""
POST_BURST = 30
"""New messages in the channels of a workspace at once: Slack counts them for each channel."""

_RATES: dict[str, tuple[float, float]] = {
    "chat.postMessage": (1.0, 2),  # in one channel
    "chat.update": (EDITS_PER_SECOND, EDIT_BURST),
    "chat.startStream": (0.25, 5),  # tier 2, 20 a minute
    "chat.stopStream": (0.25, 5),
}
"""Calls a second, and how many at once after a pause: together never above a minute's limit."""


class _Bucket:
    def __init__(self, now: float, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.stamp = burst, now

    def refill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.stamp) * self.rate)
        self.stamp = max(now, self.stamp)


class Tiers:
    """The limits of one workspace. Turns are given in the order in which they are asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, method: str, channel: str = "") -> float:
        """Seconds until `take` may say yes; 0.0 where it does now."""
        bucket = self._bucket(method, channel)
        if bucket is None or bucket.tokens >= 1:
            return 0.0
        paused = max(0.0, bucket.stamp - self._clock.monotonic())
        return paused + (1 - bucket.tokens) / bucket.rate

    async def turn(self, method: str, channel: str = "") -> None:
        """Wait until `method` may be called (in this channel)."""
        bucket = self._bucket(method, channel)
        if bucket is None:
            return
        bucket.tokens -= 1
        if bucket.tokens < 0:
            paused = bucket.stamp - self._clock.monotonic()
            try:
                await self._clock.sleep(paused - bucket.tokens / bucket.rate)
            except BaseException:
                bucket.tokens += 1
                raise

    def take(self, method: str, channel: str = "") -> bool:
        """Whether `method` may be called at once; if so, the call is counted."""
        bucket = self._bucket(method, channel)
        if bucket is None:
            return True
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def pause(self, method: str, seconds: float, channel: str = "") -> None:
        """Slack said to wait: nothing of this kind for so long."""
        if bucket := self._bucket(method, channel):
            bucket.tokens = min(bucket.tokens, 0.0)
            bucket.stamp += seconds

    def _bucket(self, method: str, channel: str) -> _Bucket | None:
        rates = _RATES.get(method)
        if rates is None:
            return None
        now = self._clock.monotonic()
        name = f"{method} {channel}" if channel else method
        if name not in self._buckets:
            self._forget_idle(now)
            self._buckets[name] = _Bucket(now, *rates)
        bucket = self._buckets[name]
        bucket.refill(now)
        return bucket

    def _forget_idle(self, now: float) -> None:
        """Channels without a pause to keep need no bucket: it would be full."""
        for name in list(self._buckets):
            bucket = self._buckets[name]
            bucket.refill(now)
            if bucket.tokens >= bucket.burst:
                del self._buckets[name]
