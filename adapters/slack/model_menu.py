"""The menu of the models, below what ``/parley model`` shows.

Format: https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element (static
options, 100 at most), and for what is chosen
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload.
"""

from collections.abc import Sequence
from typing import Any

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.slack.payloads import JSON, record, text
from adapters.slack.places import member_of, place_of
from adapters.slack.private_replies import PrivateReply
from adapters.slack.workspaces import Workspace

CHOOSE = "parley_model"
"""The menu's ``action_id``."""
MOST_OPTIONS = 100


def menu(models: Sequence[str]) -> dict[str, Any]:
    """The element, with these models to choose from."""
    return {
        "type": "static_select",
        "action_id": CHOOSE,
        "placeholder": {"type": "plain_text", "text": "Choose a model (admins)"},
        "options": [
            {"text": {"type": "plain_text", "text": name}, "value": name}
            for name in models[:MOST_OPTIONS]
        ],
    }


class ModelMenu:
    """Hands choices to the desk. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers

    def chosen(self, workspace: Workspace, body: JSON, action: JSON) -> None:
        """Somebody chose a model. Rights are looked up anew. The menu stands in a message that only
        this person sees, in a channel, where there are commands. Raises Malformed."""
        place = place_of(workspace.key, text(record(body, "container"), "channel_id"))
        user = text(record(body, "user"), "id")
        name = text(record(action, "selected_option"), "value")
        reply = PrivateReply(workspace, place, user, text(body, "response_url", ""))

        async def choose() -> str:
            person = await self._desk.person(place, member_of(workspace, user))
            return await self._desk.model(place, person, name)

        async def handle() -> None:
            if said := await self._desk.explained(place.key, choose()):
                await reply(said)

        self._handlers.start(handle())
