"""The Bolt app: registers a listener for each event, command, button and dialog.

Bolt routes; the listeners acknowledge at once and start a handler, so that Slack's limit of three
seconds does not depend on the model. Signatures are verified by `adapters.slack.transports`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.slack.agent_view import AgentView
from adapters.slack.buttons import Buttons
from adapters.slack.home import Home
from adapters.slack.incoming import Incoming
from adapters.slack.manifest import COMMANDS
from adapters.slack.modals import SYSTEM_VIEW
from adapters.slack.model_menu import CHOOSE, ModelMenu
from adapters.slack.payloads import JSON, Malformed, check, origin_of, record, text
from adapters.slack.rendering import ACTION_IDS
from adapters.slack.shortcuts import ASK, SUMMARIZE, Shortcuts
from adapters.slack.slash import Slash
from adapters.slack.workspaces import Workspace, Workspaces
from bot.errors import ParleyError

logger = logging.getLogger(__name__)


class Listeners:
    """The Bolt app, and the handlers that its listeners start."""

    def __init__(
        self, desk: Desk, workspaces: Workspaces, handlers: Handlers, client: AsyncWebClient
    ) -> None:
        self._workspaces = workspaces
        self._handlers = handlers
        self.incoming = Incoming(desk, handlers)
        self._slash = Slash(desk, handlers)
        self._buttons = Buttons(desk, handlers)
        self._shortcuts = Shortcuts(desk, handlers)
        self._agent_view = AgentView(handlers)
        self._home = Home(desk, handlers)
        self._menu = ModelMenu(desk, handlers)
        self._app = AsyncApp(
            name="parley",
            logger=_quiet_logger(),
            client=client,
            authorize=_authorizer(workspaces),
            request_verification_enabled=False,
            raise_error_for_unhandled_request=True,
            # needed for the deletion of a message by which the bot shows the question of an /ask
            ignoring_self_events_enabled=False,
        )
        self._register()

    async def dispatch(self, body: object) -> BoltResponse:
        """Route what Slack sent, parsed, to its listener, and return what it is acknowledged with:
        status 400 where the body is malformed. Raises nothing: what is wrong with one event is
        logged, and the next one is handled."""
        sent = body if isinstance(body, dict) else {}
        try:
            check(sent)
            origin = origin_of(sent)
            # The mode in which Bolt takes the parsed body, by HTTP too.
            request = AsyncBoltRequest(body=sent, mode="socket_mode")
            request.context["enterprise_id"] = origin.enterprise
            request.context["team_id"] = origin.team
            return await self._app.async_dispatch(request)
        except Exception as error:  # Bolt's, from reading the body: a listener's goes to `_failed`
            _ignored(sent, error)
            return BoltResponse(status=400)

    def _register(self) -> None:
        app = self._app
        for event in ("message", "app_mention"):
            app.event(event)(self._message)
        app.event("agent_session_stopped")(self._stopped)
        app.event("app_home_opened")(self._opened)
        app.event("app_context_changed")(self._context_changed)
        for event in ("assistant_thread_started", "assistant_thread_context_changed"):
            app.event(event)(self._chat_started)
        for event in ("app_uninstalled", "tokens_revoked"):
            app.event(event)(self._uninstalled)
        for command in COMMANDS:
            app.command(command["command"])(self._command)
        for action_id in ACTION_IDS:
            app.action(action_id)(self._action)
        app.action(CHOOSE)(self._choice)
        app.view(SYSTEM_VIEW)(self._view)
        app.view(ASK)(self._asked)
        app.shortcut(ASK)(self._ask_about)
        app.shortcut(SUMMARIZE)(self._summarize)
        app.error(_failed)

    async def _message(self, event: JSON, context: AsyncBoltContext) -> None:
        with _if_well_formed(event):
            self.incoming.event(_workspace(context), event)

    async def _stopped(self, event: JSON, context: AsyncBoltContext) -> None:
        with _if_well_formed(event):
            self._buttons.stopped(_workspace(context), event)

    async def _opened(self, event: JSON, context: AsyncBoltContext) -> None:
        with _if_well_formed(event):
            if event.get("tab") == "messages":
                self._agent_view.opened(_workspace(context), event)
            elif event.get("tab") == "home":
                self._home.opened(_workspace(context), event)

    async def _context_changed(self, event: JSON, context: AsyncBoltContext) -> None:
        with _if_well_formed(event):
            self._agent_view.context_changed(_workspace(context), event)

    async def _chat_started(self, event: JSON, context: AsyncBoltContext) -> None:
        with _if_well_formed(event):
            self._agent_view.started(_workspace(context), event)

    async def _uninstalled(self, event: JSON, body: JSON) -> None:
        with _if_well_formed(event):
            if event["type"] == "tokens_revoked" and not record(event, "tokens").get("bot"):
                return
            origin = origin_of(body)
            team = "" if origin.whole else origin.team
            self._handlers.start(self._uninstall(origin.enterprise, team))

    async def _uninstall(self, enterprise: str, team: str) -> None:
        try:
            await self._workspaces.uninstalled(enterprise, team)
        except ParleyError as error:
            logger.error("the app was removed from %s: %s", team or enterprise, error)

    async def _command(self, ack: AsyncAck, command: JSON, context: AsyncBoltContext) -> None:
        await ack()
        with _if_well_formed(command):
            self._slash.used(_workspace(context), command)

    async def _action(
        self, ack: AsyncAck, body: JSON, action: JSON, context: AsyncBoltContext
    ) -> None:
        await ack()
        with _if_well_formed(body):
            self._buttons.pressed(_workspace(context), body, action)

    async def _choice(
        self, ack: AsyncAck, body: JSON, action: JSON, context: AsyncBoltContext
    ) -> None:
        await ack()
        with _if_well_formed(body):
            self._menu.chosen(_workspace(context), body, action)

    async def _view(self, ack: AsyncAck, body: JSON, view: JSON, context: AsyncBoltContext) -> None:
        await ack()
        with _if_well_formed(body):
            user = text(record(body, "user"), "id")
            self._slash.submitted(_workspace(context), user, view)

    async def _asked(
        self, ack: AsyncAck, body: JSON, view: JSON, context: AsyncBoltContext
    ) -> None:
        await ack()
        with _if_well_formed(body):
            user = text(record(body, "user"), "id")
            self._shortcuts.submitted(_workspace(context), user, view)

    async def _ask_about(self, ack: AsyncAck, body: JSON, context: AsyncBoltContext) -> None:
        await ack()
        with _if_well_formed(body):
            self._shortcuts.ask(_workspace(context), body)

    async def _summarize(self, ack: AsyncAck, body: JSON, context: AsyncBoltContext) -> None:
        await ack()
        with _if_well_formed(body):
            self._shortcuts.summarize(_workspace(context), body)


async def _failed(
    error: Exception, body: JSON, response: BoltResponse | None
) -> BoltResponse | None:
    """Log why an event failed, and respond with status 200 in spite of it, so that Slack does not
    deliver the event again. `response`: None where a response was sent before."""
    kind = _kind(body)
    if isinstance(error, BoltUnhandledRequestError):
        logger.info("%s from Slack is not for Parley and was ignored", kind)
    elif isinstance(error, ParleyError):
        logger.error("%s was lost: %s", kind, error)
    else:
        logger.error("%s failed: a defect of Parley", kind, exc_info=error)
    return BoltResponse(status=200) if response is not None else None


@contextmanager
def _if_well_formed(payload: JSON) -> Iterator[None]:
    """Log Malformed, and go on. (Bolt would take back the acknowledgement of a listener that
    raises.)"""
    try:
        yield
    except Malformed as error:
        _ignored(payload, error)


def _ignored(body: JSON, error: Exception) -> None:
    why = error if isinstance(error, Malformed) else type(error).__name__
    logger.warning("%s from Slack is malformed and was ignored: %s", _kind(body), why)


def _kind(body: JSON) -> str:
    """What was sent, for the log."""
    event = body.get("event")
    kind = event.get("type") if isinstance(event, dict) else body.get("command", body.get("type"))
    return f"an event of type {str(kind)[:40]!r}"


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
