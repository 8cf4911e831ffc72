"""Slack's rate limits, enforced on this side so that calls are rarely refused.

Slack counts calls per minute, method, workspace and app
(https://docs.slack.dev/apis/web-api/rate-limits). Edits of growing answers are paced by
`bot.delivery`, which prioritizes among answers. `Tiers` covers the calls around them (new messages
in a channel, starting and stopping streams) and is a last check on all edits of a workspace.
"""

from bot.call_window import CallWindow
from bot.clock import Clock
from bot.token_bucket import TokenBucket

MINUTE = 61.0
"""Seconds of Slack's minute as it is counted here: calls take unequal times to arrive."""
EDITS, APPENDS = 50, 100
"""Calls of chat.update (tier 3) and chat.appendStream (tier 4) in any minute."""
POST_BURST, POSTS_PER_SECOND = 50, 10.0
"""New messages of a workspace: Slack counts them per channel, see `_POSTS`."""

_WINDOWS: dict[str, int] = {
    "chat.update": EDITS,
    "chat.startStream": 20,  # tier 2
    "chat.stopStream": 20,
    "agents.sessions.setStatus": 45,  # tier 3; the rest is for the ends, which are never refused
    "conversations.history": 45,  # tier 3; the rest is for other uses of these methods
    "conversations.replies": 45,
}
"""Calls in any minute."""
_POSTS = (1.0, 2)
"""chat.postMessage in one channel: calls a second, and burst."""


class Tiers:
    """The rate limits of one workspace: a `CallWindow` for each method in `_WINDOWS`, and for
    chat.postMessage a `TokenBucket` for each channel. Other methods are never delayed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, TokenBucket | CallWindow] = {}

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
            bucket.pause(seconds)
            bucket.drain()

    def _bucket(self, method: str, channel: str) -> TokenBucket | CallWindow | None:
        name = f"{method} {channel}" if channel else method
        if name not in self._buckets:
            if (limit := self._new(method)) is None:
                return None
            self._drop_full()
            self._buckets[name] = limit
        return self._buckets[name]

    def _new(self, method: str) -> TokenBucket | CallWindow | None:
        if method == "chat.postMessage":
            return TokenBucket(self._clock, *_POSTS)
        most = _WINDOWS.get(method)
        return CallWindow(self._clock, most, MINUTE) if most else None

    def _drop_full(self) -> None:
        """Drop the buckets that are as good as new, so that quiet channels take no memory."""
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.full}
