"""Runs Parley on Slack until it is cancelled, and says plainly why it cannot where it can't."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.access import Access, AllowBlock
from adapters.slack.client import Listeners
from adapters.slack.desk import Desk, Rules
from adapters.slack.installations import InstallationBook, open_installations
from adapters.slack.places import PLATFORM
from adapters.slack.transports import INSTALL_PATH, http_mode, socket_address, socket_mode
from adapters.slack.workspaces import DEFAULT_BASE_URL, Workspaces
from bot.clock import Clock, SystemClock
from bot.config import Settings, SlackSettings
from bot.engine import Engine
from bot.errors import ConfigError, SurfaceBusy
from bot.ports import Store

logger = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = 2.0, 60.0
"""Seconds between two attempts to reach Slack at the start."""
CALL_SECONDS = 30.0


class Running(Protocol):
    """What this adapter needs of a Parley that runs."""

    @property
    def engine(self) -> Engine: ...
    @property
    def store(self) -> Store: ...


async def serve(
    parley: Running,
    settings: Settings,
    *,
    ready: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Answer on Slack until cancelled. `ready` is told once, when events can come.

    Raises ConfigError where Slack accepts no token or a scope is missing. Where Slack cannot be
    reached it is tried again.
    """
    _check(settings.slack)
    run = _Run(parley, settings, ready, clock or SystemClock())
    delay = FIRST_RETRY
    while True:
        try:
            await run.connect()
            return
        except SurfaceBusy as busy:
            logger.warning("%s; trying again in %.0f s.", busy, delay)
            await run.clock.sleep(delay)
            delay = min(LONGEST_RETRY, delay * 2)


def rules_of(settings: Settings) -> Rules:
    """What the settings say to this adapter."""
    slack = settings.slack
    return Rules(
        access=Access(
            workspaces=AllowBlock(slack.allowed_workspaces, slack.blocked_workspaces),
            channels=AllowBlock(slack.allowed_channels, slack.blocked_channels),
            people=AllowBlock(slack.allowed_people, slack.blocked_people),
            admin_people=slack.admin_people,
        ),
        scope=settings.conversation.scope,
        attachment_characters=settings.limits.attachment_characters,
        retention_days=settings.storage.retention_days,
    )


def _check(slack: SlackSettings) -> None:
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
    if slack.mode == "http" and not slack.signing_secret.get_secret_value():
        raise ConfigError(
            "[slack] signing_secret is not set, and HTTP mode needs it. Copy it from the app's "
            "page Basic Information into the variable PARLEY_SLACK__SIGNING_SECRET."
        )


class _Run:
    """The attempts to be on Slack, until one lasts."""

    def __init__(
        self, parley: Running, settings: Settings, ready: Callable[[str], None], clock: Clock
    ) -> None:
        self._parley = parley
        self._settings = settings
        self._ready = ready
        self.clock = clock

    async def connect(self) -> None:
        """Be on Slack until cancelled. Raises ConfigError, SurfaceBusy, StorageError."""
        try:
            await self._connect()
        except ExceptionGroup as group:  # of the task group, whose tasks raise nothing themselves
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from group
            raise

    async def _connect(self) -> None:
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
            workspaces = Workspaces(slack, session, self.clock, book)
            only = await workspaces.start()
            socket = ""
            if slack.mode == "socket":
                socket = await socket_address(client, slack.app_token.get_secret_value())
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            desk = Desk(
                self._parley.engine, self._parley.store, workspaces, rules_of(self._settings), tasks
            )
            await self._recover(desk)
            where = await stack.enter_async_context(self._events(desk, client, book, socket))
            team = f"workspace {only.key}" if only else "every workspace that installed the app"
            self._ready(f"Slack: answering in {team}, {where}")
            await asyncio.Event().wait()

    @asynccontextmanager
    async def _events(
        self, desk: Desk, client: AsyncWebClient, book: InstallationBook | None, socket: str
    ) -> AsyncIterator[str]:
        """Receiving events while the body runs, from `socket` or else by HTTP; gives how."""
        slack = self._settings.slack
        http = not socket
        secret = slack.signing_secret.get_secret_value()
        app = Listeners(desk, client, secret).app
        async with AsyncExitStack() as stack:
            where = "by Socket Mode"
            if http or book:
                flow = book.flow if book else None
                server = http_mode(slack.host, slack.port, app if http else None, flow)
                address = await stack.enter_async_context(server)
                where = f"by events at {address}" if http else where
                if book:
                    logger.info("the app is installed at %s%s", address, INSTALL_PATH)
            if not http:
                token = slack.app_token.get_secret_value()
                await stack.enter_async_context(socket_mode(app, client, token, socket))
            yield where

    async def _recover(self, desk: Desk) -> None:
        """Take up what an earlier run left, before the first event of this one."""
        resume = self._settings.delivery.after_restart == "continue"
        taken_up = await desk.engine.recover(PLATFORM, desk.find, resume=resume)
        if taken_up:
            logger.info("%d answers of an earlier run are taken up", len(taken_up))
