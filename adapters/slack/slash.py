"""The slash commands /ask, /stop, /reset and /parley, and the window for the system prompt.

Each is acknowledged before anything else is done, whatever the model is doing.
"""

import logging
from dataclasses import dataclass
from functools import partial

from adapters.common.control_words import ControlWord
from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.place import Place
from adapters.common.question import Message
from adapters.common.text_commands import EVERYONE, obey_text
from adapters.slack import modals, mrkdwn
from adapters.slack.desk import USAGE, lines
from adapters.slack.errors import Refused
from adapters.slack.late_replies import LateReply
from adapters.slack.model_menu import menu
from adapters.slack.payloads import JSON, text
from adapters.slack.places import member_of, place_of
from adapters.slack.private_replies import PrivateReply
from adapters.slack.showing import show_question
from adapters.slack.surface import SlackSurface
from adapters.slack.workspaces import Workspace
from bot.messages import Person
from bot.recent import Seen

logger = logging.getLogger(__name__)

REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Used:
    """A command that somebody used."""

    workspace: Workspace
    place: Place
    user: str
    name: str
    typed: str
    trigger: str
    """Unique in the workspace; opens a window within three seconds."""
    reply: PrivateReply

    @classmethod
    def of(cls, workspace: Workspace, command: JSON) -> "Used":
        """From Slack's payload. Raises Malformed."""
        place = place_of(workspace.key, text(command, "channel_id"))
        user = text(command, "user_id")
        return cls(
            workspace,
            place,
            user,
            text(command, "command"),
            text(command, "text", ""),
            text(command, "trigger_id"),
            PrivateReply(workspace, place, user, text(command, "response_url", "")),
        )


class Slash:
    """Handles commands. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers
        self._seen: Seen[str] = Seen(REMEMBERED)

    def used(self, workspace: Workspace, command: JSON) -> None:
        """Somebody used a command; the same, delivered twice, is done once. Raises Malformed."""
        used = Used.of(workspace, command)
        if self._seen.add(f"{workspace.key}/{used.trigger}"):
            self._handlers.start(self._handle(used))

    async def _handle(self, used: Used) -> None:
        if said := await self._desk.explained(used.place.key, self._do(used)):
            await used.reply(said)

    async def _do(self, used: Used) -> str:
        desk, place = self._desk, used.place
        person = await desk.person(place, member_of(used.workspace, used.user))
        typed = await mrkdwn.plain(used.typed, used.workspace.people.name)
        match used.name:
            case "/ask" if typed:
                return await self._ask(used, person, typed)
            case "/ask":
                return USAGE
            case "/stop":
                return await desk.stop(place, person, everyone=typed.lower() in EVERYONE)
            case "/reset":
                return await desk.obey(ControlWord.RESET, place, person)
            case _ if typed.lower() == "model" and desk.models:
                said = lines(await desk.model(place, person, ""))
                await used.reply.with_menu(said, menu(desk.models))
                return ""
            case _ if typed.lower() == "system":
                return await self._open_window(used, person)
            case _:
                url, clock = used.reply.response_url, used.workspace.clock
                private = LateReply(url, clock)
                return lines(await obey_text(desk, place, person, typed, USAGE, private))

    # ------------------------------------------------------------ /ask

    async def _ask(self, used: Used, person: Person, question: str) -> str:
        """Show the question, since nobody sees a command, and ask it."""
        ts = await show_question(used.workspace, used.place.key.channel, person, question)
        event_id = f"{used.workspace.key}/{used.trigger}"
        surface = SlackSurface(used.workspace, used.place.key)
        return await self._desk.ask_shown(
            used.place, person, Message(event_id, ts, question), partial(surface.remove, ts)
        )

    # ------------------------------------------------------------ the window

    async def _open_window(self, used: Used, person: Person) -> str:
        """Slack opens it within three seconds of the command only."""
        prompt = await self._desk.system_prompt(used.place, person)
        view = modals.system_prompt(used.place, prompt or "")
        await used.workspace.gateway.call("views.open", trigger_id=used.trigger, view=view)
        return ""

    def submitted(self, workspace: Workspace, user: str, view: JSON) -> None:
        """The window was filled in. Rights are looked up anew. Raises Malformed."""
        place, prompt = modals.submitted(view)
        reply = PrivateReply(workspace, place, user)

        async def set_it() -> str:
            if place.key.workspace != workspace.key:
                raise Refused("a window of another workspace was submitted", "restricted_action")
            person = await self._desk.person(place, member_of(workspace, user))
            return await self._desk.set_system_prompt(place, person, prompt)

        async def handle() -> None:
            if said := await self._desk.explained(place.key, set_it()):
                await reply(said)

        self._handlers.start(handle())
