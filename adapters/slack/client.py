"""The Bolt app: registers a listener for each event, command, button and dialog.

Bolt verifies signatures and routes; the listeners acknowledge at once and start a handler, so that
Slack's limit of three seconds does not depend on the model.
"""

import logging
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.slack.api import JSON
from adapters.slack.buttons import Buttons
from adapters.slack.incoming import Incoming
from adapters.slack.manifest import COMMANDS
from adapters.slack.modals import SYSTEM_VIEW
from adapters.slack.rendering import ACTION_IDS
from adapters.slack.slash import Slash
from adapters.slack.workspaces import Workspace, Workspaces
from bot.errors import ParleyError

logger = logging.getLogger(__name__)


class Listeners:
    """The Bolt app, `app`, and the handlers that its listeners start."""

    def __init__(
        self,
        desk: Desk,
        workspaces: Workspaces,
        handlers: Handlers,
        client: AsyncWebClient,
        signing_secret: str,
    ) -> None:
        self._workspaces = workspaces
        self._handlers = handlers
        self.incoming = Incoming(desk, handlers)
        self._slash = Slash(desk, handlers)
        self._buttons = Buttons(desk, handlers)
        self.app = AsyncApp(
            name="parley",
            logger=_quiet_logger(),
            client=client,
            signing_secret=signing_secret,
            authorize=_authorizer(workspaces),
            # needed for the deletion of a message by which the bot shows the question of an /ask
            ignoring_self_events_enabled=False,
        )
        self._register()

    def _register(self) -> None:
        app = self.app
        for event in ("message", "app_mention"):
            app.event(event)(self._message)
        app.event("agent_session_stopped")(self._stopped)
        app.event("app_home_opened")(self._opened)
        for event in ("app_uninstalled", "tokens_revoked"):
            app.event(event)(self._uninstalled)
        for command in COMMANDS:
            app.command(command["command"])(self._command)
        for action_id in ACTION_IDS:
            app.action(action_id)(self._action)
        app.view(SYSTEM_VIEW)(self._view)
        app.error(_failed)

    async def _message(self, event: JSON, context: AsyncBoltContext) -> None:
        self.incoming.event(_workspace(context), event)

    async def _stopped(self, event: JSON, context: AsyncBoltContext) -> None:
        self._buttons.stopped(_workspace(context), event)

    async def _opened(self, event: JSON, context: AsyncBoltContext) -> None:
        self._buttons.opened(_workspace(context), event)

    async def _uninstalled(self, event: JSON, body: JSON) -> None:
        if event["type"] == "tokens_revoked" and not (event.get("tokens") or {}).get("bot"):
            return
        whole = body.get("is_enterprise_install") in (True, "true")
        enterprise = str(body.get("enterprise_id") or "")
        team = "" if whole else str(body.get("team_id") or "")
        self._handlers.start(self._uninstall(enterprise, team))

    async def _uninstall(self, enterprise: str, team: str) -> None:
        try:
            await self._workspaces.uninstalled(enterprise, team)
        except ParleyError as error:
            logger.error("the app was removed from %s: %s", team or enterprise, error)

    async def _command(self, ack: AsyncAck, command: JSON, context: AsyncBoltContext) -> None:
        await ack()
        self._slash.used(_workspace(context), command)

    async def _action(
        self, ack: AsyncAck, body: JSON, action: JSON, context: AsyncBoltContext
    ) -> None:
        await ack()
        self._buttons.pressed(_workspace(context), body, action)

    async def _view(self, ack: AsyncAck, body: JSON, view: JSON, context: AsyncBoltContext) -> None:
        await ack()
        self._slash.submitted(_workspace(context), str(body["user"]["id"]), view)


async def _failed(error: Exception, body: JSON) -> BoltResponse:
    """Respond with status 200 in spite of the error, so that Slack does not deliver the event
    again."""
    if isinstance(error, ParleyError):
        logger.error("an event of type %s was lost: %s", body.get("type"), error)
        return BoltResponse(status=200)
    logger.error("an event of type %s failed: a defect of Parley", body.get("type"), exc_info=error)
    return BoltResponse(status=200)


def _workspace(context: AsyncBoltContext) -> Workspace:
    workspace = context["workspace"]
    assert isinstance(workspace, Workspace)
    return workspace


def _authorizer(workspaces: Workspaces) -> Any:
    async def authorize(
        enterprise_id: str | None, team_id: str | None, context: AsyncBoltContext
    ) -> AuthorizeResult | None:
        """Look up the workspace of an event. Makes no request to Slack: the token was checked at
        the start, or at the installation."""
        workspace = await workspaces.of(enterprise_id or "", team_id or "")
        if workspace is None:
            return None
        context["workspace"] = workspace
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_token=workspace.token,
            bot_id=workspace.bot_id,
            bot_user_id=workspace.bot_user,
        )

    return authorize


def _quiet_logger() -> logging.Logger:
    """The logger for Bolt: WARNING and above only."""
    bolt = logging.getLogger("adapters.slack.bolt")
    bolt.setLevel(logging.WARNING)
    return bolt
