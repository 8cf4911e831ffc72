"""Slack's rate limits, enforced on this side so that calls are rarely refused.

Slack counts calls per minute, method, workspace and app
(https://docs.slack.dev/apis/web-api/rate-limits). Edits of growing answers are paced by
`bot.delivery`, which prioritizes among answers. `Tiers` covers the calls around them (new messages
in a channel, starting and stopping streams) and is a last check on all edits of a workspace.
"""

from bot.clock import Clock
from bot.token_bucket import TokenBucket

EDITS_PER_SECOND, EDIT_BURST = 40 / 60, 10
"""chat.update: tier 3, 50 a minute. Burst and one minute's refill together stay within that."""
APPENDS_PER_SECOND, APPEND_BURST = 80 / 60, 20
"""chat.appendStream: tier 4, 100 a minute."""
POST_BURST = 30
"""New messages that may be posted at once in a workspace: Slack counts them per channel."""

_LIMITS: dict[str, tuple[float, int]] = {
    "chat.postMessage": (1.0, 2),  # per channel
    "chat.update": (EDITS_PER_SECOND, EDIT_BURST),
    "chat.startStream": (0.25, 5),  # tier 2, 20 a minute
    "chat.stopStream": (0.25, 5),
    "conversations.history": (0.5, 15),  # tier 3; the rest is for other uses of these methods
    "conversations.replies": (0.5, 15),
}
"""Calls a second, and burst. In any minute they admit no more than Slack does."""


class Tiers:
    """The rate limits of one workspace: a `TokenBucket` for each method, or for each method and
    channel where `channel` is given. Methods that are not in `_LIMITS` are never delayed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def wait(self, method: str, channel: str = "") -> float:
        """Seconds until `take` can succeed; 0.0 where it can already."""
        bucket = self._bucket(method, channel)
        return 0.0 if bucket is None else bucket.wait()

    async def turn(self, method: str, channel: str = "") -> None:
        """Wait until `method` may be called (in this channel), and count the call.

        Callers proceed in the order in which they called. Cancelled, the call is not counted.
        """
        if bucket := self._bucket(method, channel):
            await bucket.reserve()

    def take(self, method: str, channel: str = "") -> bool:
        """Whether `method` may be called now; if so, the call is counted. Never waits."""
        bucket = self._bucket(method, channel)
        return bucket is None or bucket.take()

    def pause(self, method: str, seconds: float, channel: str = "") -> None:
        """Slack refused a call (429): admit none for `seconds`, its Retry-After, and no burst
        after that."""
        if bucket := self._bucket(method, channel):
            bucket.drain()
            bucket.pause(seconds)

    def _bucket(self, method: str, channel: str) -> TokenBucket | None:
        limit = _LIMITS.get(method)
        if limit is None:
            return None
        name = f"{method} {channel}" if channel else method
        if name not in self._buckets:
            self._drop_full()
            self._buckets[name] = TokenBucket(self._clock, *limit)
        return self._buckets[name]

    def _drop_full(self) -> None:
        """Drop the buckets that are as good as new, so that quiet channels take no memory."""
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.full}
