"""Registers the slash commands with Discord, and makes the invite link. Uses the REST API only; no
gateway connection is opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import discord

from adapters.common.desk import Desk
from adapters.discord.client import intents, use_addresses
from adapters.discord.serve import log_in
from adapters.discord.slash import new_tree
from bot.config import Settings
from bot.errors import ConfigError, SurfaceError

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
)
"""The permissions that the invite link asks for: what answering needs, and no others."""


async def sync_commands(settings: Settings, guild: str = "") -> int:
    """Register all commands, globally (clients may take a while to show them) or, with a guild's
    id, in that server only (at once). Replaces those registered before. Returns their number.
    Raises ConfigError for a wrong token and for a server that the bot is not in, SurfaceError where
    Discord cannot be reached or refuses."""
    async with _logged_in(settings) as client:
        tree = new_tree(client, _no_desk)
        target = discord.Object(int(guild)) if guild else None
        if target is not None:
            tree.copy_global_to(guild=target)
        try:
            return len(await tree.sync(guild=target))
        except discord.Forbidden as exc:
            raise ConfigError(
                f"Discord does not let Parley register commands in server {guild}. Invite it there "
                "with the link that parley discord invite prints."
            ) from exc


async def invite_link(settings: Settings) -> str:
    """The URL at which an admin adds Parley to a server. Raises as `sync_commands`."""
    async with _logged_in(settings) as client:
        assert client.application_id is not None
        return discord.utils.oauth_url(
            client.application_id,
            permissions=PERMISSIONS,
            scopes=("bot", "applications.commands"),
        )


@asynccontextmanager
async def _logged_in(settings: Settings) -> AsyncIterator[discord.Client]:
    """A client that is logged in to the REST API while the body runs."""
    use_addresses(settings.discord.api_url, settings.discord.gateway_url)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice used
    client = discord.Client(intents=intents(message_content=False))
    try:
        async with client:
            await log_in(client, settings)
            yield client
    except (aiohttp.ClientError, TimeoutError, discord.HTTPException) as exc:
        raise SurfaceError(f"Discord cannot be reached or refuses: {exc}.") from exc


def _no_desk() -> Desk:
    raise AssertionError("no command is used while the commands are registered")
