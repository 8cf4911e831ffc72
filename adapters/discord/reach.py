"""Where the bot is on Discord, where it may write, and a first message there. REST only.

Permissions are computed as Discord documents it
(https://discord.com/developers/docs/topics/permissions#permission-overwrites).
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord

from adapters.discord.api import HttpWire, MessageWrites, Wire
from adapters.discord.checkup import API, PORTAL
from adapters.discord.registration import PERMISSIONS
from bot.clock import SystemClock
from bot.config import DiscordSettings
from bot.errors import ConfigError, SurfaceError

MOST_SERVERS = 25
"""Servers of which the channels are read: each costs three requests."""
TEXT, ANNOUNCEMENTS = 0, 5
"""Types of channels (https://discord.com/developers/docs/resources/channel#channel-object)."""
_TO_WRITE = ("View Channels", "Send Messages")


@dataclass(frozen=True, slots=True)
class Channel:
    """A text channel."""

    id: str
    name: str
    server: str
    """The name of the server."""
    missing: tuple[str, ...]
    """The permissions of the invite link that the bot lacks there, as Discord's settings call them.
    """

    @property
    def writable(self) -> bool:
        """Whether the bot can post there."""
        return not any(name in self.missing for name in _TO_WRITE)


@dataclass(frozen=True, slots=True)
class Server:
    """A server (guild) that the bot is in."""

    id: str
    name: str
    channels: tuple[Channel, ...]
    """As in Discord's list, without those that the bot cannot see."""


async def servers_of(settings: DiscordSettings) -> list[Server]:
    """The servers that the bot is in, with their text channels; at most `MOST_SERVERS`. Raises
    ConfigError for a token that Discord refuses, SurfaceError where Discord cannot be reached."""
    async with _connected(settings) as wire:
        me = str((await _get(wire, "/users/@me")).get("id", ""))
        guilds = _objects(await _get(wire, "/users/@me/guilds"))
        return [await _server(wire, me, guild) for guild in guilds[:MOST_SERVERS]]


async def say_in(settings: DiscordSettings, channel: str, text: str) -> None:
    """Post `text` in the channel with this id; it pings nobody. Raises SurfaceError, with one line,
    where Discord refuses or cannot be reached."""
    async with _connected(settings) as wire:
        payload = {"content": text, "allowed_mentions": {"parse": []}}
        await MessageWrites(wire, SystemClock()).create(channel, payload)


@asynccontextmanager
async def _connected(settings: DiscordSettings) -> AsyncIterator[Wire]:
    base = settings.api_url or API
    try:
        async with aiohttp.ClientSession(trust_env=True) as session:
            yield HttpWire(session, base, settings.token.get_secret_value())
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise SurfaceError(f"Discord cannot be reached at {base} ({exc}).") from exc


async def _get(wire: Wire, path: str) -> Any:
    response = await wire("GET", path, None, None)
    if response.status == 200:
        return response.body
    if response.status == 401:
        raise ConfigError(
            f"[discord] token: Discord does not accept it. Copy it anew from {PORTAL} (Bot, Reset "
            "Token)."
        )
    raise SurfaceError(f"Discord answers {path} with HTTP {response.status}.")


def _objects(body: Any) -> list[dict[str, Any]]:
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


# ---------------------------------------------------------------- permissions


async def _server(wire: Wire, me: str, guild: dict[str, Any]) -> Server:
    place = f"/guilds/{guild.get('id')}"
    name = str(guild.get("name", "?"))
    roles = await _get(wire, f"{place}/roles")
    member = await _get(wire, f"{place}/members/{me}")
    channels = sorted(
        (c for c in _objects(await _get(wire, f"{place}/channels")) if _is_text(c)),
        key=lambda channel: (int(channel.get("position") or 0), str(channel.get("id"))),
    )
    everyone = str(guild.get("id"))
    mine = frozenset({everyone, *map(str, member.get("roles", []))})
    bot = _Bot(me, everyone, mine, _base(_objects(roles), mine))
    found = [Channel(str(c["id"]), str(c.get("name")), name, bot.lacks(c)) for c in channels]
    return Server(everyone, name, tuple(c for c in found if "View Channels" not in c.missing))


def _is_text(channel: dict[str, Any]) -> bool:
    return channel.get("type") in (TEXT, ANNOUNCEMENTS)


def _base(roles: Iterable[dict[str, Any]], mine: frozenset[str]) -> int:
    """The permissions of a member with the roles `mine`, in the server as a whole."""
    value = 0
    for role in roles:
        if str(role.get("id")) in mine:
            value |= int(role.get("permissions") or 0)
    return value


@dataclass(frozen=True, slots=True)
class _Bot:
    """The bot as a member of a server."""

    id: str
    everyone: str
    """The role that everybody has: its id is the server's."""
    roles: frozenset[str]
    base: int
    """Its permissions in the server as a whole."""

    def lacks(self, channel: dict[str, Any]) -> tuple[str, ...]:
        """The permissions of the invite link that it lacks in `channel`."""
        return missing(self._rights(_objects(channel.get("permission_overwrites"))))

    def _rights(self, overwrites: Sequence[dict[str, Any]]) -> int:
        """First the overwrites of @everyone, then of all other roles together, then its own."""
        if self.base & discord.Permissions(administrator=True).value:
            return discord.Permissions.all().value
        others = self.roles - {self.everyone}
        value = self.base
        for kind, ids in ((0, {self.everyone}), (0, others), (1, {self.id})):
            group = [o for o in overwrites if o.get("type") == kind and str(o.get("id")) in ids]
            value = (value & ~_bits(group, "deny")) | _bits(group, "allow")
        return value


def _bits(overwrites: Iterable[dict[str, Any]], key: str) -> int:
    value = 0
    for overwrite in overwrites:
        value |= int(overwrite.get(key) or 0)
    return value


_NAMES = {
    "read_messages": "View Channels",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "create_public_threads": "Create Public Threads",
    "read_message_history": "Read Message History",
    "attach_files": "Attach Files",
}


def missing(value: int) -> tuple[str, ...]:
    """The permissions of the invite link that `value` lacks, as Discord's settings call them."""
    have = discord.Permissions(value)
    return tuple(
        _NAMES.get(name, name) for name, wanted in PERMISSIONS if wanted and not getattr(have, name)
    )
