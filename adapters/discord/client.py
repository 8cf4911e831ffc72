"""The connection to Discord: its events, handed to whoever handles them."""

import logging
from collections.abc import Callable
from typing import Any

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from adapters.common.desk import Desk, Rules
from adapters.discord.api import MessageWrites
from adapters.discord.buttons import answer_button
from adapters.discord.desk import DiscordPlatform
from adapters.discord.incoming import Incoming
from adapters.discord.places import place_of
from adapters.discord.slash import new_tree
from bot.engine import Engine
from bot.ports import Store

logger = logging.getLogger(__name__)


def use_addresses(api_url: str, gateway_url: str) -> None:
    """Let discord.py talk to these addresses; "" is Discord's own. For the whole process, since
    discord.py keeps them in classes. Call it before a client is made."""
    if api_url:
        Route.BASE = api_url
    if gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway_url)


def intents(*, message_content: bool) -> discord.Intents:
    """What Parley wants to be told of: guilds with their channels and roles, and messages."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = True
    wanted.message_content = message_content
    return wanted


class ParleyClient(discord.AutoShardedClient):
    """Parley on Discord, for one run of the connection."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        writes: MessageWrites,
        rules: Rules,
        *,
        message_content: bool = True,
        shards: int = 1,
        on_up: Callable[[str], None] = lambda _: None,
        **options: Any,
    ) -> None:
        """`writes` outlives the client: answers grow on while the connection is made anew.
        `shards` 0 asks Discord how many. `on_up` is called once, when the connection stands."""
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here
        super().__init__(
            intents=intents(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            shard_count=shards or None,
            **options,
        )
        self._on_up = on_up
        self._incoming: Incoming | None = None
        self._up = False
        self.platform = DiscordPlatform(self, writes)
        self.desk = Desk(engine, store, self.platform, rules)
        self.tree = new_tree(self, lambda: self.desk)
        self.add_dynamic_items(answer_button(self.desk))

    async def setup_hook(self) -> None:
        """Logged in, not yet connected: the handlers know now who the bot is."""
        assert self.user is not None
        self._incoming = Incoming(self.desk, self.user)

    # ------------------------------------------------------------ events

    async def on_ready(self) -> None:
        """The connection stands; comes again after one that was lost for good."""
        if self._up:
            return
        self._up = True
        self._name_unknown_places()
        guilds = f"{len(self.guilds)} server{'' if len(self.guilds) == 1 else 's'}"
        self._on_up(f"Discord: {self.user} in {guilds}")

    async def on_message(self, message: discord.Message) -> None:
        if self._incoming is not None:
            await self._incoming.posted(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        if self._incoming is not None:
            await self._incoming.edited(event.message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self._gone(event.channel_id, event.guild_id, [event.message_id])

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self._gone(event.channel_id, event.guild_id, sorted(event.message_ids))

    async def _gone(self, channel_id: int, guild_id: int | None, messages: list[int]) -> None:
        guild = self.get_guild(guild_id) if guild_id else None
        channel = guild.get_channel_or_thread(channel_id) if guild else None
        if self._incoming is not None:
            await self._incoming.deleted(place_of(channel, channel_id, guild_id), messages)

    async def on_error(self, event: str, /, *_args: Any, **_kwargs: Any) -> None:
        """A handler failed by a defect; the others go on."""
        logger.error("the handling of %s failed by a defect of Parley", event, exc_info=True)  # noqa: LOG014

    # ------------------------------------------------------------ what the operator should know

    def _name_unknown_places(self) -> None:
        """A typing error in a list would silently change who is answered."""
        access = self.desk.rules.access
        for key, ids in (
            ("allowed_guilds", access.workspaces.allowed),
            ("blocked_guilds", access.workspaces.blocked),
        ):
            for unknown in sorted(i for i in ids if self.get_guild(int(i)) is None):
                logger.warning(
                    "[discord] %s: %s is no server that Parley is in. Check the id, or invite "
                    "Parley there (parley discord invite).",
                    key,
                    unknown,
                )
        for key, ids in (
            ("allowed_channels", access.channels.allowed),
            ("blocked_channels", access.channels.blocked),
        ):
            for unknown in sorted(i for i in ids if self.get_channel(int(i)) is None):
                logger.warning(
                    "[discord] %s: %s is no channel that Parley can see. Check the id, or let "
                    "Parley's role view it.",
                    key,
                    unknown,
                )
