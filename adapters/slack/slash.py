"""The slash commands /ask, /stop, /reset and /parley, and the window for the system prompt.

Each is acknowledged before anything else is done, whatever the model is doing.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from adapters.common.texts import LONGEST_SYSTEM_PROMPT, ControlWord, stopped_text
from adapters.slack import mrkdwn
from adapters.slack.desk import Asked, Desk
from adapters.slack.errors import Refused
from adapters.slack.places import Place
from adapters.slack.private_replies import Teller
from adapters.slack.subcommands import HELP, SubCommands
from adapters.slack.workspaces import Workspace
from bot.errors import NotAllowed
from bot.messages import ConversationKey, Person

logger = logging.getLogger(__name__)

JSON = Mapping[str, Any]

SYSTEM_VIEW = "parley_system"
_BLOCK = "text"
REMEMBERED = 1024
LONGEST_QUESTION_SHOWN = 2500
"""Characters of a question in the message that shows it."""
LONGEST_WINDOW_TEXT = 3000
"""What a window's text field takes."""


class Slash:
    """Handles commands. Each returns at once; the work goes on beside."""

    def __init__(self, desk: Desk, sub_commands: SubCommands) -> None:
        self._desk = desk
        self._sub_commands = sub_commands
        self._seen: OrderedDict[str, None] = OrderedDict()

    def used(self, workspace: Workspace, command: JSON) -> None:
        """Somebody used a command; the same, delivered twice, is done once."""
        trigger = f"{workspace.key}/{command['trigger_id']}"
        if trigger in self._seen:
            return
        self._seen[trigger] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        place = Place(workspace.key, str(command["channel_id"]))
        user = str(command["user_id"])
        teller = Teller(workspace, place, user, str(command.get("response_url", "")))

        async def do() -> None:
            await self._do(workspace, place, user, command, teller)

        self._desk.begin(teller, do)

    async def _do(
        self, workspace: Workspace, place: Place, user: str, command: JSON, teller: Teller
    ) -> None:
        person = await self._desk.person(workspace, place, user)
        text = await mrkdwn.plain(str(command.get("text") or ""), workspace.people.name)
        match command["command"]:
            case "/ask" if text:
                await self._ask(workspace, place, person, text, command, teller)
            case "/ask":
                await teller.tell(HELP)
            case "/stop":
                everyone = text.lower() in ("all", "everyone")
                count = await self._desk.stop(place, person, everyone=everyone)
                await teller.tell(stopped_text(count))
            case "/reset":
                await teller.tell(await self._desk.obey(ControlWord.RESET, place, person))
            case _ if text.lower() == "system":
                await self._open_window(workspace, place, person, command)
            case _:
                await self._sub_commands.do(text, place, person, teller)

    # ------------------------------------------------------------ /ask

    async def _ask(
        self,
        workspace: Workspace,
        place: Place,
        person: Person,
        text: str,
        command: JSON,
        teller: Teller,
    ) -> None:
        """Show the question, since nobody sees a command, and ask it."""
        async with self._desk.order(place):
            ts = await self._show(workspace, place, person, text)
            try:
                there = place.asked_in(self._desk.rules.scope, ts)
                asked = Asked(f"{workspace.key}/{command['trigger_id']}", ts, text)
                notes = await self._desk.ask(workspace, there, person, asked)
            except BaseException:
                await self._take_back(workspace, place, ts)
                raise
            if notes is None:
                await self._take_back(workspace, place, ts)
            elif notes:
                await teller.tell("\n".join(notes))

    async def _show(self, workspace: Workspace, place: Place, person: Person, text: str) -> str:
        await workspace.tiers.turn("chat.postMessage", place.channel)
        shown = text
        if len(shown) > LONGEST_QUESTION_SHOWN:
            shown = f"{shown[:LONGEST_QUESTION_SHOWN]}…"
        posted = await workspace.gateway.patiently(
            "chat.postMessage",
            channel=place.channel,
            markdown_text=mrkdwn.harmless(f"**{person.name} asks:** {shown}"),
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(posted["ts"])

    async def _take_back(self, workspace: Workspace, place: Place, ts: str) -> None:
        surface = self._desk.surface(workspace, place, "", "")
        await surface.remove(ts)

    # ------------------------------------------------------------ the window

    async def _open_window(
        self, workspace: Workspace, place: Place, person: Person, command: JSON
    ) -> None:
        """Slack opens it within three seconds of the command only."""
        if not person.admin:
            raise NotAllowed("Only an admin can change the settings of this conversation.")
        settings = await self._desk.engine.settings(place.key)
        view = _window(place, (settings.system_prompt or "")[:LONGEST_WINDOW_TEXT])
        await workspace.gateway.call("views.open", trigger_id=command["trigger_id"], view=view)

    def submitted(self, workspace: Workspace, user: str, view: JSON) -> None:
        """The window was filled in. Who may is computed anew."""
        place = Place.of(ConversationKey.parse(str(view["private_metadata"])))
        text = str(view["state"]["values"][_BLOCK][_BLOCK].get("value") or "")
        teller = Teller(workspace, place, user)

        async def set_it() -> None:
            if place.workspace != workspace.key:
                raise Refused("a window of another workspace was submitted", "restricted_action")
            person = await self._desk.person(workspace, place, user)
            await teller.tell(await self._sub_commands.set_system_prompt(text, place, person))

        self._desk.begin(teller, set_it)


def _window(place: Place, prompt: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": _BLOCK,
        "multiline": True,
        "max_length": min(LONGEST_SYSTEM_PROMPT, LONGEST_WINDOW_TEXT),
    }
    if prompt:
        field["initial_value"] = prompt
    return {
        "type": "modal",
        "callback_id": SYSTEM_VIEW,
        "private_metadata": str(place.key),
        "title": {"type": "plain_text", "text": "System prompt"},
        "submit": {"type": "plain_text", "text": "Save"},
        "blocks": [
            {
                "type": "input",
                "block_id": _BLOCK,
                "optional": True,
                "label": {"type": "plain_text", "text": "What the model is told first"},
                "hint": {"type": "plain_text", "text": "Empty: as the configuration says."},
                "element": field,
            }
        ],
    }
