"""What is done with Discord once, without staying there: telling it the commands, and inviting."""

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
"""What Parley needs where it answers."""


async def sync_commands(settings: Settings, guild: str = "") -> int:
    """Tell Discord which commands there are, everywhere (it may take people's apps a while to
    show them) or in one server (at once); their number. Raises ConfigError and SurfaceError."""
    async with _logged_in(settings) as client:
        tree = new_tree(client, _no_desk)
        target = discord.Object(int(guild)) if guild else None
        if target is not None:
            tree.copy_global_to(guild=target)
        try:
            return len(await tree.sync(guild=target))
        except discord.Forbidden as exc:
            raise ConfigError(
                f"Discord does not let Parley make commands in server {guild}: invite it there "
                "with the link that parley discord invite gives."
            ) from exc


async def invite_link(settings: Settings) -> str:
    """The address at which somebody may add Parley to a server. Raises as `sync_commands`."""
    async with _logged_in(settings) as client:
        assert client.application_id is not None
        return discord.utils.oauth_url(
            client.application_id,
            permissions=PERMISSIONS,
            scopes=("bot", "applications.commands"),
        )


@asynccontextmanager
async def _logged_in(settings: Settings) -> AsyncIterator[discord.Client]:
    use_addresses(settings.discord.api_url, settings.discord.gateway_url)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    client = discord.Client(intents=intents(message_content=False))
    try:
        async with client:
            await log_in(client, settings)
            yield client
    except (aiohttp.ClientError, TimeoutError, discord.HTTPException) as exc:
        raise SurfaceError(f"Discord cannot be reached or refuses: {exc}.") from exc


def _no_desk() -> Desk:
    raise AssertionError("nobody uses commands while they are told to Discord")
