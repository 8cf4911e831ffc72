"""What a Slack workspace holds: people, channels, messages, files, and the limits on calls."""

import asyncio
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.clock import Clock

JSON = dict[str, Any]
ChannelKind = Literal["channel", "group", "im", "mpim"]

ALL_SCOPES = frozenset(
    (
        *("app_mentions:read", "assistant:write", "channels:history", "groups:history"),
        *("im:history", "mpim:history", "chat:write", "chat:write.public", "commands"),
        *("files:read", "files:write", "users:read", "channels:read", "groups:read"),
    )
)


class ApiError(Exception):
    """A call is refused: ``{"ok": false, "error": code}``, with `extra` beside it."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


class TooFast(ApiError):
    """HTTP 429 with Retry-After."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ratelimited")
        self.retry_after = retry_after


@dataclass
class Message:
    """A message, as it stands and as it stood."""

    ts: str
    channel: str
    user: str
    bot_id: str = ""
    text: str = ""
    markdown: str = ""
    blocks: list[JSON] = field(default_factory=list)
    thread_ts: str = ""
    ephemeral_to: str = ""
    files: list[JSON] = field(default_factory=list)
    attachments: list[JSON] = field(default_factory=list)
    metadata: JSON | None = None
    unfurls: bool = True
    deleted: bool = False
    streaming: bool = False
    stream_began: float = 0.0
    stopped_by_user: bool = False
    edited: str = ""
    """The ``ts`` of the last edit by a person."""
    history: list[str] = field(default_factory=list)
    """Every text that a reader could see, in order."""

    @property
    def shown(self) -> str:
        """The text as a reader sees it, without buttons and small print."""
        if self.blocks:
            texts = [block["text"] for block in self.blocks if block["type"] == "markdown"]
            texts += [block["text"]["text"] for block in self.blocks if block["type"] == "section"]
            return "\n".join([*([self.markdown] if self.markdown else []), *texts])
        return self.markdown or self.text

    @property
    def small_print(self) -> str:
        """The texts of its context blocks."""
        return " ".join(
            element["text"]
            for block in self.blocks
            if block["type"] == "context"
            for element in block["elements"]
        )

    def elements(self) -> Iterable[JSON]:
        """Its buttons."""
        for block in self.blocks:
            if block["type"] in ("actions", "context_actions"):
                yield from block["elements"]

    def payload(self) -> JSON:
        """As the API and the events show it."""
        shown: JSON = {"type": "message", "ts": self.ts, "user": self.user}
        shown["text"] = self.markdown or self.text
        if self.bot_id:
            shown["bot_id"] = self.bot_id
        if self.thread_ts:
            shown["thread_ts"] = self.thread_ts
        if self.blocks:
            shown["blocks"] = self.blocks
        if self.files:
            shown["files"] = self.files
        if self.attachments:
            shown["attachments"] = self.attachments
        if self.metadata:
            shown["metadata"] = self.metadata
        if self.edited:
            shown["edited"] = {"user": self.user, "ts": self.edited}
        return shown


@dataclass
class Channel:
    """A place. `members` are those who can post; the bot among them or not."""

    id: str
    kind: ChannelKind
    members: set[str]
    streams: bool = True
    """Native streams are allowed here."""
    topic: str = ""
    """As Slack keeps it: escaped."""


@dataclass
class File:
    id: str
    name: str
    content: bytes = b""
    mimetype: str = "text/plain"
    channel: str = ""
    thread_ts: str = ""
    deleted: bool = False
    held: asyncio.Event | None = None
    """Where there is one, a download waits until it is set."""


class Window:
    """At most `most` calls in any `seconds`."""

    def __init__(self, clock: Clock, most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._calls: deque[float] = deque()

    def take(self) -> None:
        now = self._clock.monotonic()
        while self._calls and self._calls[0] <= now - self._seconds:
            self._calls.popleft()
        if len(self._calls) >= self._most:
            raise TooFast(max(1, math.ceil(self._calls[0] + self._seconds - now)))
        self._calls.append(now)


TIERS: dict[str, tuple[int, float]] = {
    "chat.update": (50, 60),
    "chat.startStream": (20, 60),
    "chat.stopStream": (20, 60),
    "chat.appendStream": (100, 60),
    "users.info": (100, 60),
    "agents.sessions.setStatus": (50, 60),
    "assistant.threads.setStatus": (600, 60),
    "conversations.history": (50, 60),
    "conversations.replies": (50, 60),
}
"""Calls a minute for an app in a workspace: Slack's tiers 2 to 4, taken at their word."""
LINE_SECONDS = 120.0
"""After which the status of a thread is removed where no message was posted."""
POSTS_PER_CHANNEL = (12, 10.0)
"""About one a second, with a short burst allowed."""


class Team:
    """A workspace in which the app is installed."""

    def __init__(
        self,
        clock: Clock,
        team_id: str = "T1",
        scopes: Iterable[str] = ALL_SCOPES,
        organisation: str = "",
        now: Callable[[], float] = time.time,
    ):
        """`now` is the time, in seconds since 1970, that new messages get as their ``ts``."""
        self.clock = clock
        self.now = now
        self.id = team_id
        self.organisation = organisation
        """The organisation in which the app is installed as a whole; "" for an installation in
        this workspace alone."""
        self.bot_token = f"xoxb-{team_id.lower()}-secret-token"
        self.bot_user = f"UBOT{team_id}"
        self.bot_id = f"B{team_id}"
        self.scopes = set(scopes)
        self.revoked = False
        self.users: dict[str, JSON] = {}
        self.channels: dict[str, Channel] = {}
        self.unreachable: set[str] = set()
        """People to whom the app cannot write directly."""
        self.messages: dict[tuple[str, str], Message] = {}
        self.files: dict[str, File] = {}
        self.prompts: list[JSON] = []
        self.statuses: list[tuple[str, str, str]] = []
        """Channel, thread and text of each status that was set."""
        self.titles: dict[tuple[str, str], str] = {}
        """By channel and thread: the titles of chats."""
        self.homes: dict[str, JSON] = {}
        """By person: the Home tab that was published last."""
        self.lines: dict[tuple[str, str], tuple[str, float]] = {}
        """By channel and thread: the status that was set last, and when."""
        self.sessions: dict[tuple[str, str], str] = {}
        self.views: list[JSON] = []
        self.triggers: dict[str, float] = {}
        self.trigger_seconds = 3.0
        """How long a trigger id is good, by the clock: on one that runs fast, little real time."""
        self.calls: list[tuple[str, JSON]] = []
        self.refused: Counter[str] = Counter()
        self.troubles: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self.held: dict[str, asyncio.Event] = {}
        """Methods whose calls take effect at once and are answered only when the event is set."""
        self._windows: dict[str, Window] = {}
        self._clock_ts = 0
        self.user(self.bot_user, "parley", is_bot=True)

    def user(self, user: str, name: str, **flags: Any) -> None:
        profile = {"display_name": name, "real_name": f"{name} Realname"}
        self.users[user] = {"id": user, "name": name.lower(), "profile": profile, **flags}

    def channel(self, channel: str, kind: ChannelKind = "channel", *, joined: bool = True) -> str:
        """Make a channel that everybody is in, the bot too if it `joined`."""
        members = set(self.users)
        if not joined:
            members.discard(self.bot_user)
        self.channels[channel] = Channel(channel, kind, members)
        return channel

    def next_ts(self, ago: float = 0.0) -> str:
        """The ``ts`` of a new message, `ago` seconds before now. Without `ago` they only grow."""
        made = int((self.now() - ago) * 1_000_000)
        if not ago:
            self._clock_ts = made = max(made, self._clock_ts + 1)
        return f"{made // 1_000_000}.{made % 1_000_000:06d}"

    def trigger(self) -> str:
        """A trigger id; it is good for `trigger_seconds`."""
        trigger = f"{len(self.triggers) + 1}.{self.id}.trigger"
        self.triggers[trigger] = self.clock.monotonic()
        return trigger

    def fail(self, method: str, *troubles: Exception) -> None:
        """Let the next calls of `method` meet these troubles: an ApiError, or a ConnectionError
        for a lost answer (the call takes effect and the connection breaks)."""
        self.troubles[method].extend(troubles)

    def limit(self, method: str, channel: str) -> None:
        """Count a call. Raises TooFast."""
        name, bounds = method, TIERS.get(method)
        if method == "chat.postMessage":
            name, bounds = f"{method} {channel}", POSTS_PER_CHANNEL
        if bounds is None:
            return
        window = self._windows.setdefault(name, Window(self.clock, *bounds))
        try:
            window.take()
        except TooFast:
            self.refused[method] += 1
            raise

    # ---------------------------------------------------------------- what people see

    def visible(self, channel: str, thread_ts: str = "") -> list[Message]:
        """The messages of a place in order: a channel without its threads, or a thread without
        its first message. Ephemeral ones are left out."""
        return sorted(
            (
                message
                for message in self.messages.values()
                if message.channel == channel
                and not message.deleted
                and not message.ephemeral_to
                and (message.thread_ts if message.thread_ts != message.ts else "") == thread_ts
            ),
            key=lambda message: message.ts,
        )

    def answers(self, channel: str, thread_ts: str = "") -> list[Message]:
        """Those of them that the bot posted."""
        return [m for m in self.visible(channel, thread_ts) if m.bot_id == self.bot_id]

    def line(self, channel: str, thread_ts: str) -> str:
        """The status below a thread; "" for none. It is removed by a message of the bot in the
        thread, and after two minutes (docs.slack.dev, assistant.threads.setStatus)."""
        text, since = self.lines.get((channel, thread_ts), ("", 0.0))
        return text if self.clock.monotonic() - since < LINE_SECONDS else ""

    def ephemeral(self, user: str) -> list[str]:
        """What only this person sees, oldest first."""
        return [m.shown for m in self.whispers(user)]

    def whispers(self, user: str) -> list[Message]:
        """The messages that only this person sees, oldest first; not those in a thread without
        messages, which Slack shows to nobody."""
        return [m for m in self.messages.values() if m.ephemeral_to == user and not m.deleted]
