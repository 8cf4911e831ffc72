"""The app's Home tab: what Parley is, who may do what, the model, and what is left of a quota.

It is published anew whenever somebody opens it (app_home_opened, views.publish), for that person
alone. Rights are looked up each time.
"""

import logging

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.slack.desk import USAGE, lines
from adapters.slack.mrkdwn import harmless
from adapters.slack.payloads import JSON, text
from adapters.slack.places import member_of, place_of
from adapters.slack.workspaces import Workspace
from bot.errors import SurfaceError

logger = logging.getLogger(__name__)


class Home:
    """Publishes it. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers

    def opened(self, workspace: Workspace, event: JSON) -> None:
        """Somebody opened the Home tab. Raises Malformed."""
        user, place = text(event, "user"), place_of(workspace.key, text(event, "channel"))

        async def publish() -> None:
            about = self._desk.about(place, member_of(workspace, user))
            said = await self._desk.explained(place.key, about)
            try:
                await workspace.gateway.call(
                    "views.publish", user_id=user, view=_view(said, lines(USAGE))
                )
            except SurfaceError as error:
                logger.warning("the Home tab cannot be shown: %s", error)

        self._handlers.start(publish())


def _view(*texts: str) -> dict[str, object]:
    blocks: list[dict[str, object]] = []
    for one in texts:
        blocks += [{"type": "divider"}] if blocks else []
        blocks.append({"type": "markdown", "text": harmless(one)})
    return {"type": "home", "blocks": blocks}
