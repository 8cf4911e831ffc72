"""Slack's messages as they are posted, edited and deleted, parsed for the desk."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from adapters.common.control_words import after_mention
from adapters.common.desk import Desk, Heard
from adapters.common.handlers import Handlers
from adapters.common.place import Place
from adapters.common.question import Message
from adapters.slack import mrkdwn
from adapters.slack.files import attachments_of
from adapters.slack.places import member_of, place_of_message
from adapters.slack.private_replies import PrivateReply
from adapters.slack.workspaces import Workspace

logger = logging.getLogger(__name__)

JSON = Mapping[str, Any]

_QUESTIONS = frozenset({None, "", "file_share", "thread_broadcast", "me_message"})
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

    @classmethod
    def of(cls, message: JSON, channel: str) -> "Said | None":
        """None where it is not a person's: a bot's, Slack's own, or an event about a message."""
        user = str(message.get("user") or "")
        machine = message.get("bot_id") or message.get("bot_profile") or user == "USLACKBOT"
        if not user or machine or message.get("subtype") not in _QUESTIONS:
            return None
        return cls(
            user,
            channel,
            str(message["ts"]),
            str(message.get("thread_ts") or ""),
            str(message.get("text") or ""),
            tuple(message.get("files") or ()),
            str(message.get("parent_user_id") or ""),
            moment_of((message.get("edited") or {}).get("ts")),
        )

    def place(self, workspace: Workspace) -> Place:
        """Where it stands."""
        return place_of_message(workspace.key, self.channel, self.ts, self.thread_ts)

    def event_id(self, workspace: Workspace) -> str:
        """Unique on Slack; a mention comes as two events with the same."""
        return f"{workspace.key}/{self.channel}/{self.ts}"

    def heard(self, workspace: Workspace, *, mentioned: bool = False) -> Heard:
        """How it concerns the bot. `mentioned`: Slack itself said so, by an app_mention."""
        text = mrkdwn.without_code(self.text)
        typed = mrkdwn.without_mention(self.text, workspace.bot_user)
        return Heard(
            event_id=self.event_id(workspace),
            message_id=self.ts,
            mentioned=mentioned or f"<@{workspace.bot_user}" in text,
            to_others=mrkdwn.addressee(self.text) not in ("", workspace.bot_user),
            typed=after_mention(typed) if typed != self.text else typed,
            own_thread=True if self.parent_user == workspace.bot_user else None,
            at=self.edited_at or moment_of(self.ts),
        )

    async def message(self, workspace: Workspace) -> Message:
        """What was typed, readable."""
        typed = mrkdwn.without_mention(self.text, workspace.bot_user)
        text = await mrkdwn.plain(typed, workspace.people.name)
        return Message(
            event_id=self.event_id(workspace),
            message_id=self.ts,
            text=after_mention(text) if typed != self.text else text,
            files=attachments_of(self.files, workspace.gateway),
        )


class Incoming:
    """Hands the events of messages to the desk. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers

    def event(self, workspace: Workspace, event: JSON) -> None:
        """An event of the types message and app_mention."""
        subtype, channel = event.get("subtype"), str(event["channel"])
        if subtype == "message_changed":
            self._changed(workspace, channel, event)
        elif subtype == "message_deleted":
            before = event.get("previous_message") or {}
            thread_ts = str(before.get("thread_ts") or "")
            self._deleted(workspace, channel, str(event["deleted_ts"]), thread_ts)
        elif (said := Said.of(event, channel)) and said.user != workspace.bot_user:
            self._posted(workspace, said, mentioned=event["type"] == "app_mention")

    def _posted(self, workspace: Workspace, said: Said, *, mentioned: bool) -> None:
        place, heard = said.place(workspace), said.heard(workspace, mentioned=mentioned)
        if not self._desk.may_concern(place, heard):
            return

        self._handlers.start(self.receive(workspace, said, mentioned=mentioned))

    async def receive(self, workspace: Workspace, said: Said, *, mentioned: bool = False) -> None:
        """A message was posted. Returns when it is accepted, refused or ignored."""
        place = said.place(workspace)
        await self._desk.receive(
            place,
            member_of(workspace, said.user),
            partial(said.message, workspace),
            said.heard(workspace, mentioned=mentioned),
            PrivateReply(workspace, place, said.user),
        )

    def _changed(self, workspace: Workspace, channel: str, event: JSON) -> None:
        now, before = event.get("message") or {}, event.get("previous_message") or {}
        if now.get("subtype") == "tombstone":  # deleted, but its thread goes on
            self._deleted(workspace, channel, str(now["ts"]), str(now.get("thread_ts") or ""))
            return
        said = Said.of(now, channel)
        if said is None or now.get("text") == before.get("text"):  # previews, new threads
            return
        self._handlers.start(self.edit(workspace, said))

    async def edit(self, workspace: Workspace, said: Said) -> None:
        """A message has a new text. Returns when the edit is applied or refused."""
        place, member = said.place(workspace), member_of(workspace, said.user)
        heard, reply = said.heard(workspace), PrivateReply(workspace, place, said.user)
        await self._desk.edited(place, member, partial(said.message, workspace), heard, reply)

    def _deleted(self, workspace: Workspace, channel: str, ts: str, thread_ts: str) -> None:
        place = place_of_message(workspace.key, channel, ts, thread_ts)
        self._handlers.start(self._desk.deleted(place, [ts]))
