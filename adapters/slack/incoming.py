"""Messages as they come in, change and go: what each of them asks of the engine."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.common.texts import control_word
from adapters.slack import mrkdwn
from adapters.slack.desk import Asked, Desk
from adapters.slack.places import Place
from adapters.slack.private_replies import Teller
from adapters.slack.subcommands import SubCommands, is_sub_command
from adapters.slack.workspaces import Workspace
from bot.errors import NothingToDo

logger = logging.getLogger(__name__)

JSON = Mapping[str, Any]

REMEMBERED = 4096
"""Messages whose handling is remembered: a mention comes as two events, and Slack repeats events
that it thinks were not acknowledged. The database remembers questions for longer."""

_QUESTIONS = frozenset({None, "", "file_share", "thread_broadcast", "me_message"})
"""The subtypes that a person's own words come with."""


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
        )

    def place(self, workspace: Workspace) -> Place:
        return Place.of_message(workspace.key, self.channel, self.ts, self.thread_ts)


class Incoming:
    """Handles the events of messages. Each returns at once; the work goes on beside."""

    def __init__(self, desk: Desk, sub_commands: SubCommands) -> None:
        self._desk = desk
        self._sub_commands = sub_commands
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def event(self, workspace: Workspace, event: JSON) -> None:
        """An event of the types message and app_mention."""
        subtype, channel = event.get("subtype"), str(event["channel"])
        if subtype == "message_changed":
            self._changed(workspace, channel, event)
        elif subtype == "message_deleted":
            before = event.get("previous_message") or {}
            thread_ts = str(before.get("thread_ts") or "")
            self._gone(workspace, channel, str(event["deleted_ts"]), thread_ts)
        elif (said := Said.of(event, channel)) and said.user != workspace.bot_user:
            self._came(workspace, said, mentioned=event["type"] == "app_mention")

    # ------------------------------------------------------------ a new message

    def _came(self, workspace: Workspace, said: Said, *, mentioned: bool) -> None:
        place = said.place(workspace)
        mentioned = mentioned or f"<@{workspace.bot_user}" in said.text
        elsewhere = mrkdwn.addressee(said.text) not in ("", workspace.bot_user)
        if not (mentioned or place.direct or (place.thread and not elsewhere)):
            return
        if not self._desk.speaks_in(place):
            logger.info("%s: not among the places where Parley speaks", place.key)
            return
        if not self._first_time((workspace.key, said.channel, said.ts)):
            return
        teller = Teller(workspace, place, said.user)

        async def handle() -> None:
            async with self._desk.order(place):
                addressed = mentioned or place.direct or said.parent_user == workspace.bot_user
                if addressed or await self._desk.takes_part(place):
                    await self._handle(workspace, place, said, teller)

        self._desk.begin(teller, handle)

    def _first_time(self, message: tuple[str, str, str]) -> bool:
        if message in self._seen:
            return False
        self._seen[message] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _handle(self, workspace: Workspace, place: Place, said: Said, teller: Teller) -> None:
        person = await self._desk.person(workspace, place, said.user)
        asked = await self._asked(workspace, said)
        if word := control_word(asked.text):
            await teller.tell(await self._desk.obey(word, place, person))
            return
        if is_sub_command(asked.text):
            await self._sub_commands.do(asked.text, place, person, teller)
            return
        place = place.asked_in(self._desk.rules.scope, said.ts)
        if notes := await self._desk.ask(workspace, place, person, asked):
            await teller.tell("\n".join(notes))

    async def _asked(self, workspace: Workspace, said: Said) -> Asked:
        typed = mrkdwn.without_mention(said.text, workspace.bot_user)
        text = await mrkdwn.plain(typed, workspace.people.name)
        return Asked(f"{workspace.key}/{said.channel}/{said.ts}", said.ts, text, said.files)

    # ------------------------------------------------------------ a message that changes or goes

    def _changed(self, workspace: Workspace, channel: str, event: JSON) -> None:
        now, before = event.get("message") or {}, event.get("previous_message") or {}
        if now.get("subtype") == "tombstone":  # deleted, but its thread goes on
            self._gone(workspace, channel, str(now["ts"]), str(now.get("thread_ts") or ""))
            return
        said = Said.of(now, channel)
        if said is None or now.get("text") == before.get("text"):  # previews, new threads
            return
        place = said.place(workspace)
        if not self._desk.speaks_in(place):
            return
        teller = Teller(workspace, place, said.user)

        async def answer_anew() -> None:
            async with self._desk.order(place):
                await self._answer_anew(workspace, place, said)

        self._desk.begin(teller, answer_anew)

    async def _answer_anew(self, workspace: Workspace, place: Place, said: Said) -> None:
        asked = await self._asked(workspace, said)
        try:
            composed = await self._desk.compose(workspace, asked)
        except NothingToDo:
            await self._delete(place, said.ts)
            return
        for there in _candidates(place, said.ts):
            surface = self._desk.surface(workspace, there, said.user, said.ts)
            engine = self._desk.engine
            if await engine.question_edited(there.key, said.ts, composed.text, surface):
                return

    def _gone(self, workspace: Workspace, channel: str, ts: str, thread_ts: str) -> None:
        place = Place.of_message(workspace.key, channel, ts, thread_ts)

        async def delete() -> None:
            async with self._desk.order(place):
                await self._delete(place, ts)

        self._desk.begin(Teller(workspace, place, ""), delete)

    async def _delete(self, place: Place, ts: str) -> None:
        for there in _candidates(place, ts):
            if await self._desk.engine.question_deleted(there.key, ts):
                return


def _candidates(place: Place, ts: str) -> list[Place]:
    """The conversations in which the question of a message may have been asked: the place where it
    stands, and the thread that it may have opened."""
    if place.thread or place.direct:
        return [place]
    return [place, Place(place.workspace, place.channel, ts)]
