"""Runs Parley on Discord until it is cancelled, and says plainly why it cannot where it can't."""

import logging
from collections.abc import Callable
from typing import Protocol

import aiohttp
import discord
from discord.http import Route

from adapters.discord.api import HttpWire, MessageWrites
from adapters.discord.client import ParleyClient, use_addresses
from adapters.discord.desk import Rules
from adapters.discord.places import PLATFORM, access_of
from bot.clock import Clock, SystemClock
from bot.config import Settings
from bot.engine import Engine
from bot.errors import ConfigError

logger = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = 2.0, 60.0
"""Seconds between two attempts to reach Discord at the start."""
GUILDS_SETTLE = 2.0
"""Seconds without news of another server after which the list of servers is taken as whole."""
PORTAL = "https://discord.com/developers/applications"


class Running(Protocol):
    """What this adapter needs of a Parley that runs."""

    @property
    def engine(self) -> Engine: ...


async def serve(
    parley: Running,
    settings: Settings,
    *,
    ready: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Answer on Discord until cancelled. `ready` is told once, when the connection stands.

    Raises ConfigError where Discord does not accept the token. Where Discord cannot be reached it
    is tried again; where the Message Content intent is not switched on, it goes on without.
    """
    use_addresses(settings.discord.api_url, settings.discord.gateway_url)
    clock = clock or SystemClock()
    token = settings.discord.token.get_secret_value()
    async with aiohttp.ClientSession() as session:
        writes = MessageWrites(HttpWire(session, Route.BASE, token), clock)
        try:
            await _Run(parley.engine, settings, ready, clock, writes).reach()
        finally:
            await parley.engine.leave(PLATFORM)


def rules_of(settings: Settings) -> Rules:
    """What the settings say to this adapter."""
    return Rules(
        access=access_of(settings.discord),
        direct_messages=settings.discord.direct_messages,
        thread_per_question=settings.conversation.scope == "thread",
        attachment_characters=settings.limits.attachment_characters,
        retention_days=settings.storage.retention_days,
    )


class _Run:
    """The attempts to be on Discord, until one lasts."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        ready: Callable[[str], None],
        clock: Clock,
        writes: MessageWrites,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._ready = ready
        self._clock = clock
        self._writes = writes
        self._message_content = settings.discord.message_content
        self._recovered = False

    async def reach(self) -> None:
        delay = FIRST_RETRY
        while True:
            try:
                await self._connect()
                return
            except discord.PrivilegedIntentsRequired:
                self._message_content = False
                logger.warning(
                    "Discord: the Message Content intent is off, so Parley reads direct messages, "
                    "mentions, replies that ping it, and commands only. Switch it on at %s (Bot, "
                    "Privileged Gateway Intents), or set [discord] message_content = false.",
                    PORTAL,
                )
            except (aiohttp.ClientError, TimeoutError, OSError, discord.DiscordException) as exc:
                logger.warning(
                    "Discord cannot be reached (%s); trying again in %.0f s.", exc, delay
                )
                await self._clock.sleep(delay)
                delay = min(LONGEST_RETRY, delay * 2)

    async def _connect(self) -> None:
        client = ParleyClient(
            self._engine,
            self._writes,
            rules_of(self._settings),
            message_content=self._message_content,
            shards=self._settings.discord.shards,
            on_up=self._ready,
            guild_ready_timeout=GUILDS_SETTLE,
        )
        async with client:
            await log_in(client, self._settings)
            await self._recover(client)
            await client.connect()

    async def _recover(self, client: ParleyClient) -> None:
        """Take up what an earlier run left, before the first event of this one."""
        if self._recovered:
            return
        self._recovered = True
        resume = self._settings.delivery.after_restart == "continue"
        taken_up = await self._engine.recover(PLATFORM, client.find_surface, resume=resume)
        if taken_up:
            logger.info("%d answers of an earlier run are taken up", len(taken_up))


async def log_in(client: discord.Client, settings: Settings) -> None:
    """Raises ConfigError where there is no token, or Discord does not accept it."""
    token = settings.discord.token.get_secret_value()
    if not token:
        raise ConfigError(
            f"[discord] token is not set. Copy it from {PORTAL} (Bot, Reset Token) into the "
            "variable PARLEY_DISCORD__TOKEN."
        )
    try:
        await client.login(token)
    except discord.LoginFailure as exc:
        raise ConfigError(
            "[discord] token: Discord does not accept it. Copy it anew from "
            f"{PORTAL} (Bot, Reset Token) into the variable PARLEY_DISCORD__TOKEN."
        ) from exc
