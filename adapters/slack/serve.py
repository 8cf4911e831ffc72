"""Runs Parley on Slack until it is cancelled, and says plainly why it cannot where it can't."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.catch_up import CatchUp
from adapters.common.connect import Running, keep_connecting, resume_answers
from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.rules import Rules
from adapters.slack.client import Listeners
from adapters.slack.desk import SlackPlatform
from adapters.slack.history import SlackHistory
from adapters.slack.installations import InstallationBook, open_installations
from adapters.slack.place_names import place_names
from adapters.slack.places import PLATFORM, access_of
from adapters.slack.socket_mode import socket_address, socket_mode
from adapters.slack.surroundings import SlackSurroundings
from adapters.slack.transports import INSTALL_PATH, Events, http_mode
from adapters.slack.workspaces import DEFAULT_BASE_URL, Workspaces
from bot.clock import Clock, SystemClock
from bot.config import Settings, SlackSettings
from bot.errors import ConfigError
from bot.observer import PlatformConnected, PlatformLost

logger = logging.getLogger(__name__)

CALL_SECONDS = 30.0


async def serve(
    parley: Running,
    settings: Settings,
    *,
    ready: Callable[[str], None],
    clock: Clock | None = None,
    handlers: Handlers | None = None,
) -> None:
    """Answer on Slack until cancelled. `ready` is called once, when events can come. `handlers`
    shows the caller whether any event is being handled.

    Raises ConfigError where Slack accepts no token or a scope is missing. Where Slack cannot be
    reached it is tried again.
    """
    _check(settings.slack, settings.database_url)
    clock = clock or SystemClock()
    connection = _Connection(parley, settings, ready, clock, handlers or Handlers())
    await keep_connecting(connection.hold, clock)


def _check(slack: SlackSettings, database_url: str) -> None:
    """What can be said without asking Slack. Raises ConfigError."""
    if not slack.on:
        raise ConfigError(
            "[slack] bot_token is not set. Copy the Bot User OAuth Token (xoxb-…) from the app's "
            "page OAuth & Permissions into the variable PARLEY_SLACK__BOT_TOKEN."
        )
    if slack.client_id and not slack.client_secret.get_secret_value():
        raise ConfigError(
            "[slack] client_secret is not set, but client_id is. Copy it from the app's page Basic "
            "Information into the variable PARLEY_SLACK__CLIENT_SECRET."
        )
    if slack.client_id and database_url == "memory://":
        raise ConfigError(
            "[storage] url: memory:// keeps nothing, and with [slack] client_id the tokens of the "
            "workspaces have to be kept. Set url to a SQLite file or a PostgreSQL database, or use "
            "bot_token instead of client_id."
        )
    if slack.mode == "socket" and not slack.app_token.get_secret_value():
        raise ConfigError(
            "[slack] app_token is not set. Socket Mode needs an app-level token (xapp-…) with the "
            "scope connections:write, from the app's page Basic Information: put it into the "
            "variable PARLEY_SLACK__APP_TOKEN, or set mode to http."
        )
    if slack.mode == "http" and not slack.signing_secret.get_secret_value():
        raise ConfigError(
            "[slack] signing_secret is not set, and HTTP mode needs it. Copy it from the app's "
            "page Basic Information into the variable PARLEY_SLACK__SIGNING_SECRET."
        )


class _Connection:
    """The connection to Slack: its clients, the desk and the way in which events come."""

    def __init__(
        self,
        parley: Running,
        settings: Settings,
        ready: Callable[[str], None],
        clock: Clock,
        handlers: Handlers,
    ) -> None:
        self._parley = parley
        self._settings = settings
        self._ready = ready
        self._clock = clock
        self._handlers = handlers

    async def hold(self) -> None:
        """Be connected until cancelled. Raises ConfigError, SurfaceBusy where Slack cannot be
        reached, StorageError."""
        slack = self._settings.slack
        async with AsyncExitStack() as stack:
            timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
            session = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=timeout, trust_env=True)
            )
            stack.push_async_callback(self._parley.engine.leave, PLATFORM)
            client = AsyncWebClient(
                base_url=slack.base_url or DEFAULT_BASE_URL, session=session, retry_handlers=[]
            )
            book = None
            if slack.client_id:
                url = self._settings.database_url
                book = await stack.enter_async_context(open_installations(url, slack, client))
            workspaces = Workspaces(slack, session, self._clock, book)
            only = await workspaces.start()
            socket = ""
            if slack.mode == "socket":
                socket = await socket_address(client, slack.app_token.get_secret_value())
            await stack.enter_async_context(self._handlers)
            desk = await self._desk(workspaces)
            listeners = Listeners(desk, workspaces, self._handlers, client)
            history = SlackHistory(workspaces, listeners.incoming)
            catch_up = CatchUp(desk, self._parley.store, history, clock=self._clock)
            events = self._events(listeners, client, book, socket, catch_up)
            where = await stack.enter_async_context(events)
            team = f"workspace {only.key}" if only else "every workspace that installed the app"
            self._ready(f"Slack: answering in {team}, {where}")
            await asyncio.Event().wait()

    async def _desk(self, workspaces: Workspaces) -> Desk:
        """The desk, with what an earlier run left unfinished resumed."""
        slack = self._settings.slack
        platform = SlackPlatform(workspaces)
        rules = Rules.of(self._settings, access_of(slack), answer_all=slack.answer_all_channels)
        desk = Desk(self._parley.engine, self._parley.store, platform, rules)
        platform.desk = desk
        find = partial(place_names, workspaces)
        self._parley.engine.variables.register(PLATFORM, find)
        self._parley.engine.read_surroundings(PLATFORM, SlackSurroundings(workspaces))
        await resume_answers(self._parley.engine, self._settings, PLATFORM, platform.find)
        resume = self._settings.delivery.after_restart == "continue"
        await desk.resume_summaries(PLATFORM, resume=resume)
        return desk

    def _lost(self) -> None:
        """The connection for events has ended; it is made again."""
        self._parley.engine.observer.observe(PlatformLost(PLATFORM))

    def _missed(self, catch_up: CatchUp) -> None:
        """Events come now. Some may have been missed; look for them beside."""
        self._parley.engine.observer.observe(PlatformConnected(PLATFORM))
        catch_up.begin()
        self._handlers.start(catch_up.run())

    @asynccontextmanager
    async def _events(
        self,
        listeners: Listeners,
        client: AsyncWebClient,
        book: InstallationBook | None,
        socket: str,
        catch_up: CatchUp,
    ) -> AsyncIterator[str]:
        """Receive events while the body runs, from `socket` or else by HTTP; yields which."""
        slack = self._settings.slack
        http = not socket
        events = None
        if http:
            secret = slack.signing_secret.get_secret_value()
            events = Events(listeners.dispatch, secret, self._clock)
        async with AsyncExitStack() as stack:
            where = "by Socket Mode"
            if http or book:
                flow = book.flow if book else None
                server = http_mode(slack.host, slack.port, events, flow)
                address = await stack.enter_async_context(server)
                where = f"by events at {address}" if http else where
                if book:
                    logger.info("the app is installed at %s%s", address, INSTALL_PATH)
            if not http:
                token = slack.app_token.get_secret_value()
                missed = partial(self._missed, catch_up)  # again when it has reconnected
                connection = socket_mode(
                    listeners.dispatch, client, token, socket, self._clock, missed, self._lost
                )
                await stack.enter_async_context(connection)
            else:
                self._missed(catch_up)
            yield where
