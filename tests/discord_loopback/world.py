"""The servers, channels, people and messages of the loopback Discord, and their payloads."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

TOKEN = "loopback"
GUILD = 600000000000000001
EVERYONE = GUILD
"""The role that everybody has carries the server's id."""
ORDINARY_RIGHTS = 1024 | 2048 | 65536 | 32768 | (1 << 38) | (1 << 35)
"""View, send, read history, attach files, send in threads, create public threads."""
MANAGE_MESSAGES = 8192
READ_MESSAGE_HISTORY = 65536
THREAD_STARTER = 21
"""The type of Discord's own first message in a thread that was opened on a message."""

EPOCH = 1420070400000
"""Milliseconds since 1970 at which Discord's ids begin."""

_newest = 0


def new_id(ago: float = 0.0) -> str:
    """A new id; it contains the time, `ago` seconds before now. Without `ago` ids only grow."""
    global _newest
    made = (int((time.time() - ago) * 1000) - EPOCH) << 22
    if ago:
        return str(made)
    _newest = max(_newest + 1, made)
    return str(_newest)


def now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(eq=False, slots=True)
class User:
    name: str
    id: str = field(default_factory=new_id)
    bot: bool = False
    roles: list[str] = field(default_factory=list)

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def payload(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "username": self.name.lower(),
            "global_name": self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
        }

    def member(self) -> dict[str, Any]:
        return {"roles": self.roles, "joined_at": now(), "deaf": False, "mute": False, "flags": 0}


BOT = User("Parley", "500000000000000001", bot=True)


@dataclass(eq=False, slots=True)
class Channel:
    name: str
    id: str = field(default_factory=new_id)
    direct_with: User | None = None
    parent: "Channel | None" = None
    """Of a thread."""
    owner: User | None = None
    """Of a thread."""
    closed: bool = False
    """The bot may not write here."""
    hidden: bool = False
    """The bot may not read what was said here, and in the threads of this channel: it lacks Read
    Message History."""
    forum: bool = False
    category: "Channel | None" = None
    """The category that it is in."""
    is_category: bool = False
    topic: str | None = None
    opened: str = field(default_factory=new_id)
    """Of a thread: the id of Discord's own first message in it."""
    overwrites: list[dict[str, Any]] = field(default_factory=list)
    """Permission overwrites, besides that of `closed`."""

    @property
    def hides_history(self) -> bool:
        """Whether the bot may not read what was said here."""
        return self.hidden or (self.parent is not None and self.parent.hidden)

    @property
    def type(self) -> int:
        if self.direct_with:
            return 1
        if self.parent:
            return 11
        return 4 if self.is_category else 15 if self.forum else 0

    def payload(self) -> dict[str, Any]:
        if self.direct_with:
            people = [self.direct_with.payload()]
            return {"id": self.id, "type": 1, "recipients": people, "last_message_id": None}
        common = {"id": self.id, "guild_id": str(GUILD), "name": self.name, "type": self.type}
        if self.parent:
            return common | {
                "parent_id": self.parent.id,
                "owner_id": self.owner.id if self.owner else BOT.id,
                "message_count": 0,
                "member_count": 1,
                "thread_metadata": {
                    "archived": False,
                    "auto_archive_duration": 1440,
                    "archive_timestamp": now(),
                    "locked": False,
                },
            }
        rights = self.closed * 2048 | self.hidden * READ_MESSAGE_HISTORY
        deny = {"id": BOT.id, "type": 1, "allow": "0", "deny": str(rights)}
        denied = [deny] if rights else []
        return common | {
            "position": 0,
            "topic": self.topic,
            "nsfw": False,
            "parent_id": self.category.id if self.category else None,
            "permission_overwrites": [*denied, *self.overwrites],
        }


@dataclass(eq=False, slots=True)
class Message:
    channel: Channel
    author: User
    content: str
    id: str = field(default_factory=new_id)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    allowed_mentions: dict[str, Any] | None = None
    replies_to: "Message | None" = None
    flags: int = 0
    nonce: str = ""
    ephemeral: bool = False
    deleted: bool = False
    edited: str | None = None
    webhook: bool = False
    embeds: list[dict[str, Any]] = field(default_factory=list)
    poll: dict[str, Any] | None = None
    stickers: list[dict[str, Any]] = field(default_factory=list)
    forwards: "Message | None" = None
    """It is a forward of this message, which may stand in a place that nobody here sees."""
    unresolved: bool = False
    """Events do not hold the message that it replies to."""
    versions: list[tuple[float, str]] = field(default_factory=list)
    """When it showed what, by the loop's clock."""

    @property
    def buttons(self) -> list[str]:
        """What the buttons below it do."""
        return [
            button["custom_id"].split(":")[1]
            for row in self.components
            for button in row["components"]
        ]

    def custom_id(self, action: str) -> str:
        for row in self.components:
            for button in row["components"]:
                if button["custom_id"].split(":")[1] == action:
                    return str(button["custom_id"])
        raise AssertionError(f"no button {action} below {self.content!r}")

    def payload(self, world: "World") -> dict[str, Any]:
        mentioned = [u for u in world.users.values() if u.mention in self.content]
        body: dict[str, Any] = {
            "id": self.id,
            "channel_id": self.channel.id,
            "author": self.author.payload(),
            "content": self.content,
            "timestamp": now(),
            "edited_timestamp": self.edited,
            "tts": False,
            "mention_everyone": False,
            "mentions": [user.payload() for user in mentioned],
            "mention_roles": [],
            "attachments": self.attachments,
            "embeds": self.embeds,
            "pinned": False,
            "type": 19 if self.replies_to else 0,
            "flags": self.flags,
            "components": self.components,
        }
        if self.webhook:
            body["webhook_id"] = "1"
        if self.poll:
            body["poll"] = self.poll
        if self.stickers:
            body["sticker_items"] = self.stickers
        if self.forwards:
            body |= self._forwarded(self.forwards)
        if not self.channel.direct_with:
            body["guild_id"] = str(GUILD)
            body["member"] = self.author.member()
        if self.replies_to:
            body["message_reference"] = {
                "message_id": self.replies_to.id,
                "channel_id": self.replies_to.channel.id,
            }
            to = self.replies_to
            replied = None if to.deleted else to.payload(world) | {"message_reference": None}
            if replied:
                replied.pop("message_reference")
            body["referenced_message"] = replied
            if self.unresolved:
                del body["referenced_message"]
        return body

    def _forwarded(self, origin: "Message") -> dict[str, Any]:
        """The snapshot of another message, which does not name its author
        (https://discord.com/developers/docs/resources/message#message-snapshot-object)."""
        snapshot = {
            "type": 0,
            "content": origin.content,
            "timestamp": now(),
            "edited_timestamp": None,
            "flags": 0,
            "mentions": [],
            "mention_roles": [],
            "attachments": origin.attachments,
            "embeds": origin.embeds,
            "components": [],
        }
        reference = {"type": 1, "message_id": origin.id, "channel_id": origin.channel.id}
        return {
            "flags": 1 << 14,
            "message_reference": reference,
            "message_snapshots": [{"message": snapshot}],
        }


@dataclass(eq=False, slots=True)
class Interaction:
    """A command or a press, and how the bot answered it."""

    user: User
    channel: Channel
    id: str = field(default_factory=new_id)
    token: str = field(default_factory=lambda: f"token-{new_id()}")
    callback: dict[str, Any] | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """What the person got to see."""
        first = [self.original] if self.original and not self.original.deleted else []
        return [message.content for message in (*first, *self.followups) if message.content]

    @property
    def private(self) -> bool:
        """Whether nobody else saw any of it."""
        messages = [*([self.original] if self.original else []), *self.followups]
        return bool(messages) and all(message.ephemeral for message in messages)


class World:
    """All that there is."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {BOT.id: BOT}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}
        self.roles: dict[str, int] = {str(EVERYONE): ORDINARY_RIGHTS}
        self.commands: list[dict[str, Any]] = []
        BOT.roles = []

    def user(self, name: str, *, bot: bool = False, moderator: bool = False) -> User:
        user = User(name, bot=bot)
        if moderator:
            role = new_id()
            self.roles[role] = MANAGE_MESSAGES
            user.roles.append(role)
        self.users[user.id] = user
        return user

    def category(self, name: str) -> Channel:
        channel = Channel(name, is_category=True)
        self.channels[channel.id] = channel
        return channel

    def channel(self, name: str, *, closed: bool = False, forum: bool = False) -> Channel:
        channel = Channel(name, closed=closed, forum=forum)
        self.channels[channel.id] = channel
        return channel

    def direct(self, user: User) -> Channel:
        for channel in self.channels.values():
            if channel.direct_with is user:
                return channel
        channel = Channel("", direct_with=user)
        self.channels[channel.id] = channel
        return channel

    def thread(self, parent: Channel, id: str, name: str, owner: User) -> Channel:  # noqa: A002
        thread = Channel(name, id, parent=parent, owner=owner)
        self.channels[id] = thread
        return thread

    def rights(self, user: User, channel: Channel) -> int:
        """The permissions of a member, by roles alone."""
        rights = ORDINARY_RIGHTS
        for role in user.roles:
            rights |= self.roles[role]
        if user is BOT and channel.closed:
            rights &= ~2048
        return rights

    def history(
        self, channel: Channel, *, limit: int, before: int | None, after: int | None
    ) -> list[dict[str, Any]]:
        """Messages as GET /channels/{id}/messages returns them: newest first, those nearest to
        `after` where it is given, without the fields that only events have."""
        found = [m for m in self.shown_in(channel) if before is None or int(m.id) < before]
        found.sort(key=lambda message: int(message.id))
        if after is None:
            found = found[-limit:]
        else:
            found = [message for message in found if int(message.id) > after][:limit]
        shown = [message.payload(self) for message in reversed(found)]
        mark = self._starter_mark(channel) if len(found) < limit else None
        if mark is not None and (before is None or int(mark["id"]) < before):
            shown.append(mark)
        for body in shown:
            body.pop("guild_id", None)
            body.pop("member", None)
        return shown

    def _starter_mark(self, thread: Channel) -> dict[str, Any] | None:
        """The first message of a thread that was opened on a message: Discord's own, with that
        message beside it, or null where it was deleted."""
        starter = self.messages.get(thread.id)
        if starter is None or starter.channel is thread:
            return None
        mark = Message(thread, starter.author, "", thread.opened, replies_to=starter)
        body = mark.payload(self) | {"type": THREAD_STARTER}
        body["message_reference"]["guild_id"] = str(GUILD)
        return body

    def last_in(self, channel: Channel) -> str | None:
        """The id of its newest message, deleted or not."""
        ids = [m.id for m in self.messages.values() if m.channel is channel and not m.ephemeral]
        return max(ids, key=int, default=None)

    def described(self, channel: Channel) -> dict[str, Any]:
        """A channel's payload in the gateway's list."""
        return channel.payload() | {"last_message_id": self.last_in(channel)}

    def guild(self) -> dict[str, Any]:
        channels = [c for c in self.channels.values() if not c.direct_with]
        return {
            "id": str(GUILD),
            "name": "Loopback",
            "owner_id": "1",
            "roles": [self._role(role, rights) for role, rights in self.roles.items()],
            "emojis": [],
            "features": [],
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "premium_tier": 0,
            "nsfw_level": 0,
            "preferred_locale": "en-US",
            "member_count": len(self.users),
            "unavailable": False,
            "channels": [self.described(c) for c in channels if not c.parent],
            "threads": [self.described(c) for c in channels if c.parent],
            "members": [BOT.member() | {"user": BOT.payload()}],
            "presences": [],
            "voice_states": [],
        }

    @staticmethod
    def _role(role: str, rights: int) -> dict[str, Any]:
        return {
            "id": role,
            "name": "everyone" if role == str(EVERYONE) else "moderators",
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "position": 0,
            "permissions": str(rights),
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }

    # ------------------------------------------------------------ what can be seen

    def shown_in(self, channel: Channel) -> list[Message]:
        """What people see in a channel."""
        return [
            message
            for message in self.messages.values()
            if message.channel is channel and not (message.deleted or message.ephemeral)
        ]

    def answers_in(self, channel: Channel) -> list[Message]:
        """The bot's messages that people see in a channel."""
        return [message for message in self.shown_in(channel) if message.author is BOT]
