"""Runs Parley on Discord until it is cancelled, and says plainly why it cannot where it can't."""

import logging
from collections.abc import Callable
from functools import partial

import aiohttp
import discord
from discord.http import Route

from adapters.common.connect import Running, keep_connecting, resume_answers
from adapters.common.rules import Rules
from adapters.discord.api import HttpWire, MessageWrites
from adapters.discord.checkup import PORTAL
from adapters.discord.client import ParleyClient, use_addresses
from adapters.discord.commands import register_changed
from adapters.discord.place_names import place_names
from adapters.discord.places import PLATFORM, access_of
from adapters.discord.surroundings import DiscordSurroundings
from bot.clock import Clock, SystemClock
from bot.config import Settings
from bot.errors import ConfigError, SurfaceBusy

logger = logging.getLogger(__name__)

GUILDS_SETTLE = 2.0
"""Seconds without news of another server after which the list of servers is taken as complete."""
UNREACHABLE_SECONDS = 2.0


async def serve(
    parley: Running,
    settings: Settings,
    *,
    ready: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Answer on Discord until cancelled. `ready` is called once, when the connection stands.

    Raises ConfigError where Discord does not accept the token. Where Discord cannot be reached it
    is tried again; where the Message Content intent is not switched on, it goes on without.
    """
    use_addresses(settings.discord.api_url, settings.discord.gateway_url)
    clock = clock or SystemClock()
    token = settings.discord.token.get_secret_value()
    async with aiohttp.ClientSession() as session:
        writes = MessageWrites(HttpWire(session, Route.BASE, token), clock)
        connection = _Connection(parley, settings, ready, writes)
        try:
            await keep_connecting(connection.hold, clock)
        finally:
            await parley.engine.leave(PLATFORM)


class _Connection:
    """The connection to Discord; held once, or again after it was lost for good."""

    def __init__(
        self,
        parley: Running,
        settings: Settings,
        ready: Callable[[str], None],
        writes: MessageWrites,
    ) -> None:
        self._parley = parley
        self._settings = settings
        self._ready = ready
        self._writes = writes
        self._message_content = settings.discord.message_content
        self._resumed = False
        self._to_register = settings.discord.register_commands

    async def hold(self) -> None:
        """Be connected until cancelled. Raises ConfigError, SurfaceBusy where Discord cannot be
        reached, StorageError."""
        try:
            await self._connect()
        except discord.PrivilegedIntentsRequired:
            logger.warning(
                "Discord: the Message Content intent is off, so Parley reads direct messages, "
                "mentions, replies that ping it, and commands only. Switch it on at %s (Bot, "
                "Privileged Gateway Intents), or set [discord] message_content = false.",
                PORTAL,
            )
            self._message_content = False
            await self.hold()
        except (aiohttp.ClientError, TimeoutError, OSError, discord.DiscordException) as exc:
            raise SurfaceBusy(
                f"Discord cannot be reached ({exc})", retry_after=UNREACHABLE_SECONDS
            ) from exc

    async def _connect(self) -> None:
        discord_settings = self._settings.discord
        rules = Rules.of(
            self._settings,
            access_of(discord_settings),
            direct_messages=discord_settings.direct_messages,
            answer_all=discord_settings.answer_all_channels,
        )
        client = ParleyClient(
            self._parley.engine,
            self._parley.store,
            self._writes,
            rules,
            message_content=self._message_content,
            shards=discord_settings.shards,
            on_up=self._ready,
            guild_ready_timeout=GUILDS_SETTLE,
        )
        find = partial(place_names, client)
        self._parley.engine.variables.register(PLATFORM, find)
        async with client, client.beside:
            await log_in(client, self._settings)
            self._parley.engine.read_surroundings(PLATFORM, DiscordSurroundings(client))
            await self._resume(client)
            if self._to_register:  # once in a run
                self._to_register = False
                client.beside.start(register_changed(client, client.tree))
            await client.connect()

    async def _resume(self, client: ParleyClient) -> None:
        """Once: answers of this run outlive a connection."""
        if not self._resumed:
            self._resumed = True
            find = client.platform.find
            await resume_answers(self._parley.engine, self._settings, PLATFORM, find)
            resume = self._settings.delivery.after_restart == "continue"
            await client.desk.resume_summaries(PLATFORM, resume=resume)


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
