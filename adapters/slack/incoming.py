"""Slack's messages as they are posted, edited and deleted, parsed for the desk."""

import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from adapters.common.control_words import after_mention
from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.place import Place
from adapters.common.platform import Heard
from adapters.common.pointed import Earlier
from adapters.common.question import Message
from adapters.slack import mrkdwn
from adapters.slack.content import carried
from adapters.slack.files import attachments_of
from adapters.slack.payloads import JSON, Malformed, record, records, text
from adapters.slack.places import member_of, place_of, place_of_message
from adapters.slack.pointed import Previews, earlier, root_of
from adapters.slack.private_replies import PrivateReply
from adapters.slack.workspaces import Workspace
from bot.recent import Seen

logger = logging.getLogger(__name__)

_QUESTIONS = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""The subtypes that a person's own words come with."""


def moment_of(ts: object) -> datetime | None:
    """The moment in a message's ``ts``, seconds since 1970 with six decimals; None for anything
    else."""
    seconds, _, micros = str(ts or "").partition(".")
    if not (seconds.isdecimal() and micros.isdecimal() and len(seconds) <= 11 and len(micros) == 6):
        return None
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros))


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a person."""

    user: str
    channel: str
    ts: str
    thread_ts: str
    text: str
    files: tuple[JSON, ...]
    parent_user: str
    """Who wrote the first message of the thread."""
    edited_at: datetime | None = None
    raw: JSON = field(default_factory=dict, repr=False, compare=False)
    """The message as Slack sent it."""

    @classmethod
    def of(cls, message: JSON, channel: str) -> "Said | None":
        """None where it is not a person's: a bot's, Slack's own, or an event about a message.
        Raises Malformed."""
        user = text(message, "user", "")
        machine = message.get("bot_id") or message.get("bot_profile") or user == "USLACKBOT"
        if not user or machine or text(message, "subtype", "") not in _QUESTIONS:
            return None
        return cls(
            user,
            channel,
            text(message, "ts"),
            text(message, "thread_ts", ""),
            text(message, "text", ""),
            records(message, "files"),
            text(message, "parent_user_id", ""),
            moment_of(record(message, "edited").get("ts")),
            message,
        )

    def place(self, workspace: Workspace) -> Place:
        """Where it stands, and where a question in it is answered."""
        place = place_of_message(workspace.key, self.channel, self.ts, self.thread_ts)
        if place.key.thread or not workspace.reply_in_thread:
            return place
        if place.direct:  # it opens a chat
            return place_of(workspace.key, self.channel, self.ts)
        return replace(place, answers_in=self.ts)

    def event_id(self, workspace: Workspace) -> str:
        """Unique on Slack; a mention comes as two events with the same."""
        return _event_id(workspace, self.channel, self.ts)

    def heard(self, workspace: Workspace, *, mentioned: bool = False) -> Heard:
        """How it concerns the bot. `mentioned`: Slack itself said so, by an app_mention."""
        typed = mrkdwn.without_mention(self.text, workspace.bot_user)
        in_thread = self.thread_ts not in ("", self.ts)
        alone = partial(workspace.threads.alone, self.channel, self.thread_ts, self.user)
        return Heard(
            event_id=self.event_id(workspace),
            message_id=self.ts,
            mentioned=mentioned or self._mentions(workspace),
            to_others=mrkdwn.addressee(self.text) not in ("", workspace.bot_user),
            typed=mrkdwn.unescape(after_mention(typed) if typed != self.text else typed),
            own_thread=True if self.parent_user == workspace.bot_user else None,
            alone=alone if in_thread else None,
            at=self.edited_at or moment_of(self.ts),
        )

    async def message(self, workspace: Workspace, previews: Previews | None = None) -> Message:
        """What was typed, readable, and what it points at. `previews`: for the copies of messages
        that it links to."""
        typed = mrkdwn.without_mention(self.text, workspace.bot_user)
        plain = await mrkdwn.plain(typed, workspace.people.name)
        event_id = self.event_id(workspace)
        in_thread = self.thread_ts not in ("", self.ts) and workspace.reads_freely
        return Message(
            event_id=event_id,
            message_id=self.ts,
            text=after_mention(plain) if typed != self.text else plain,
            files=attachments_of(self.files, workspace.gateway),
            carried=await carried(workspace, self.raw),
            find=previews.find(workspace, event_id, self.raw) if previews else None,
            look=partial(self._earlier, workspace) if self._mentions(workspace) else None,
            root=partial(root_of, workspace, self.channel, self.thread_ts) if in_thread else None,
        )

    def _mentions(self, workspace: Workspace) -> bool:
        return f"<@{workspace.bot_user}" in mrkdwn.without_code(self.text)

    async def _earlier(self, workspace: Workspace) -> Earlier:
        """What was said before it. Raises SurfaceError."""

        async def read(message: JSON) -> Message | None:
            try:
                said = Said.of(message, self.channel)
            except Malformed:
                return None
            return await said.message(workspace) if said else None

        thread = "" if self.thread_ts == self.ts else self.thread_ts
        return await earlier(workspace, self.channel, self.ts, thread, self.user, read)


class Incoming:
    """Hands the events of messages to the desk. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers
        self._deletions: Seen[str] = Seen()
        """The event ids of deleted messages: Slack does not keep the order of its events."""
        self._previews = Previews()

    def event(self, workspace: Workspace, event: JSON) -> None:
        """An event of the types message and app_mention. Raises Malformed."""
        subtype, channel = text(event, "subtype", ""), text(event, "channel")
        if (thread := text(event, "thread_ts", "")) and text(event, "ts", "") != thread:
            user = text(event, "user", "") or text(event, "bot_id", "")
            workspace.threads.replied(channel, thread, user)
        if subtype == "message_changed":
            self._changed(workspace, channel, event)
        elif subtype == "message_deleted":
            thread_ts = text(record(event, "previous_message"), "thread_ts", "")
            self._deleted(workspace, channel, text(event, "deleted_ts"), thread_ts)
        elif (said := Said.of(event, channel)) and said.user != workspace.bot_user:
            self._posted(workspace, said, mentioned=event.get("type") == "app_mention")

    def _posted(self, workspace: Workspace, said: Said, *, mentioned: bool) -> None:
        place, heard = said.place(workspace), said.heard(workspace, mentioned=mentioned)
        if not self._desk.may_concern(place, heard) or self._is_deleted(heard):
            return
        self._handlers.start(self.receive(workspace, said, mentioned=mentioned))

    async def receive(self, workspace: Workspace, said: Said, *, mentioned: bool = False) -> None:
        """A message was posted. Returns when it is accepted, refused or ignored."""
        place = said.place(workspace)
        await self._desk.receive(
            place,
            member_of(workspace, said.user),
            partial(said.message, workspace, self._previews),
            said.heard(workspace, mentioned=mentioned),
            PrivateReply(workspace, place, said.user, asked=said.ts),
        )

    def _changed(self, workspace: Workspace, channel: str, event: JSON) -> None:
        now, before = record(event, "message"), record(event, "previous_message")
        if now.get("subtype") == "tombstone":  # deleted, but its thread goes on
            self._deleted(workspace, channel, text(now, "ts"), text(now, "thread_ts", ""))
            return
        said = Said.of(now, channel)
        if said is None or now.get("text") == before.get("text"):  # previews, new threads
            if said is not None:
                self._previews.arrived(said.event_id(workspace), now)
            return
        self._handlers.start(self.edit(workspace, said))

    async def edit(self, workspace: Workspace, said: Said) -> None:
        """A message has a new text. Returns when the edit is applied or refused."""
        place, member = said.place(workspace), member_of(workspace, said.user)
        heard, reply = (
            said.heard(workspace),
            PrivateReply(workspace, place, said.user, asked=said.ts),
        )
        if self._is_deleted(heard):
            return
        read = partial(said.message, workspace, self._previews)
        await self._desk.edited(place, member, read, heard, reply)

    def _deleted(self, workspace: Workspace, channel: str, ts: str, thread_ts: str) -> None:
        place = place_of_message(workspace.key, channel, ts, thread_ts)
        self._deletions.add(_event_id(workspace, channel, ts))
        self._handlers.start(self._desk.deleted(place, [ts]))

    def _is_deleted(self, heard: Heard) -> bool:
        """Whether the event of a message's deletion came before this one."""
        if heard.event_id not in self._deletions:
            return False
        logger.info("message %s was deleted before its event came", heard.event_id)
        return True


def _event_id(workspace: Workspace, channel: str, ts: str) -> str:
    return f"{workspace.key}/{channel}/{ts}"
