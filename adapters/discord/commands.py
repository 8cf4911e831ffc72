"""Registers the commands at the start of the bot, where Discord has others.

One GET compares; only a difference is written, in one PUT that replaces all. Writing is rarely
needed and counted: Discord creates at most 200 new commands a day
(https://discord.com/developers/docs/interactions/application-commands#registering-a-command, which
also describes the objects).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import discord
from discord import app_commands

logger = logging.getLogger(__name__)

SECONDS = 120.0
"""The most that comparing and writing may take, waits for a rate limit included."""
ENTRY_POINT = 4
"""The type of the command that opens an Activity. Discord makes it, and lets no bulk write drop it.
"""

_MATTERS = (
    *("type", "name", "description", "options", "choices", "required", "channel_types"),
    *("min_value", "max_value", "min_length", "max_length", "autocomplete", "nsfw"),
    *("default_member_permissions", "contexts", "integration_types", "value"),
)
"""What is compared. Discord adds ids, versions, and what is deprecated."""
_SETS = ("contexts", "integration_types", "channel_types")

Tree = app_commands.CommandTree[discord.Client]


async def register_changed(client: discord.Client, tree: Tree) -> None:
    """Register the commands of `tree` for all servers, where Discord has others. `client` is logged
    in. Raises nothing: a failure is one line in the log."""
    try:
        async with asyncio.timeout(SECONDS):
            await _register_changed(client, tree)
    except (discord.DiscordException, aiohttp.ClientError, TimeoutError, OSError) as error:
        logger.warning(
            "Discord: the commands could not be compared or registered (%s). What is registered "
            "stays. Try again with: parley discord sync",
            " ".join(str(error).split()) or type(error).__name__,
        )


async def _register_changed(client: discord.Client, tree: Tree) -> None:
    application = client.application_id
    assert application is not None, "known from the login on"
    wanted: list[Any] = [command.to_dict(tree) for command in tree.get_commands()]
    listed: list[Any] = list(await client.http.get_global_commands(application))
    kept = [command for command in listed if command.get("type") == ENTRY_POINT]
    registered = [command for command in listed if command.get("type") != ENTRY_POINT]
    changed = _changed(wanted, registered)
    if not changed:
        logger.debug("Discord: the commands are registered as they are")
        return
    await client.http.bulk_upsert_global_commands(application, payload=[*wanted, *kept])
    logger.info("Discord: the commands were registered again: %s", ", ".join(changed))


def _changed(wanted: Sequence[Any], registered: Sequence[Any]) -> list[str]:
    """The names of the commands that differ, sorted."""
    different = _by_name(wanted).items() ^ _by_name(registered).items()
    return sorted({name for (_type, name), _ in different})


def _by_name(commands: Sequence[Any]) -> dict[tuple[int, str], object]:
    return {(int(c.get("type") or 1), str(c.get("name"))): _essence(c) for c in commands}


def _essence(value: Any, key: str = "") -> object:
    """What of an object is compared, without what is absent by default, and hashable."""
    if isinstance(value, Mapping):
        named = ((name, _essence(value.get(name), name)) for name in _MATTERS)
        return tuple((name, part) for name, part in named if part)
    if isinstance(value, list | tuple):
        parts = [_essence(each) for each in value]
        return tuple(sorted(parts, key=repr) if key in _SETS else parts)
    if key == "type":
        return int(value or 1)
    return "" if value in (None, False) else str(value)
