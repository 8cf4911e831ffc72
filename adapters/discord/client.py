"""The gateway client: receives Discord's events and passes them to the handlers."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from adapters.common.catch_up import CatchUp
from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.rules import Rules
from adapters.discord.api import MessageWrites
from adapters.discord.buttons import answer_button
from adapters.discord.desk import DiscordPlatform
from adapters.discord.history import DiscordHistory
from adapters.discord.incoming import Incoming
from adapters.discord.malformed import Malformed, guarded, guarded_task, with_token
from adapters.discord.places import PLATFORM, place_of
from adapters.discord.slash import new_tree
from bot.engine import Engine
from bot.observer import PlatformConnected, PlatformLost
from bot.ports import Store

logger = logging.getLogger(__name__)


def use_addresses(api_url: str, gateway_url: str) -> None:
    """Set the base URLs of the REST API and of the gateway; "" keeps Discord's own. Applies to the
    whole process, since discord.py stores them in classes; to be called before a client is made."""
    if api_url:
        Route.BASE = api_url
    if gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway_url)


def intents(*, message_content: bool) -> discord.Intents:
    """The gateway intents: guilds (with channels and roles), messages in guilds and in DMs, and
    with `message_content` the privileged intent for the text of messages without a mention."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = True
    wanted.message_content = message_content
    return wanted


class ParleyClient(discord.AutoShardedClient):
    """Parley on Discord, for one gateway session (which discord.py resumes by itself)."""

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
        """`writes` outlives the client: answers are edited while a new connection is made. `shards`
        is the number of gateway connections, 0 for what Discord recommends. `on_up` is called once,
        with a line for the operator, when the bot is connected."""
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice used
        super().__init__(
            intents=intents(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            shard_count=shards or None,
            **options,
        )
        self._on_up = on_up
        self._store = store
        self._incoming: Incoming | None = None
        self._catch_up: CatchUp | None = None
        self.beside = Handlers()
        """What runs beside the events; to be entered while the client is connected."""
        self._up = False
        self._engine = engine
        self._lost_shards: set[int] = set()
        self.platform = DiscordPlatform(self, writes)
        self.desk = Desk(engine, store, self.platform, rules)
        self.tree = new_tree(self, lambda: self.desk)
        self.add_dynamic_items(answer_button(self.desk))
        self._guard()

    def _guard(self) -> None:
        """Let a malformed event end alone, in whatever discord.py does with it."""
        parsers = self._connection.parsers
        parsers["INTERACTION_CREATE"] = with_token(parsers["INTERACTION_CREATE"])
        parsers |= {event: guarded(f"event {event}", parse) for event, parse in parsers.items()}
        views: Any = self._connection._view_store
        views.schedule_dynamic_item_call = guarded_task(
            "press of a button", views.schedule_dynamic_item_call
        )

    async def setup_hook(self) -> None:
        """Called by discord.py between the login, which gives the bot's own id, and the gateway's
        connection."""
        assert self.user is not None
        self._incoming = Incoming(self.desk, self.user)
        history = DiscordHistory(self, self._incoming, self.user)
        self._catch_up = CatchUp(self.desk, self._store, history)

    # ------------------------------------------------------------ events

    async def on_connect(self) -> None:
        """A new session begins, whose events come next; those since the last one are lost. A
        session that was resumed is no new one."""
        if self._catch_up is not None:
            self._catch_up.begin()

    async def on_ready(self) -> None:
        """Connected, and the list of servers is complete. discord.py calls it again after a session
        that could not be resumed."""
        if self._catch_up is not None:
            self.beside.start(self._catch_up.run())
        if self._up:
            return
        self._up = True
        self._warn_of_unknown_ids()
        guilds = f"{len(self.guilds)} server{'' if len(self.guilds) == 1 else 's'}"
        self._on_up(f"Discord: {self.user} in {guilds}")

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """discord.py connects again by itself, and resumes the session where it can."""
        self._lost_shards.add(shard_id)
        self._engine.observer.observe(PlatformLost(PLATFORM))

    async def on_shard_connect(self, shard_id: int) -> None:
        self._shard_back(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        self._shard_back(shard_id)

    def _shard_back(self, shard_id: int) -> None:
        self._lost_shards.discard(shard_id)
        if self._up and not self._lost_shards:
            self._engine.observer.observe(PlatformConnected(PLATFORM))

    async def on_message(self, message: discord.Message) -> None:
        if self._incoming is not None:
            await self._incoming.posted(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        if self._incoming is not None:
            await self._incoming.edited(event.message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self._deleted(event.channel_id, event.guild_id, [event.message_id])

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self._deleted(event.channel_id, event.guild_id, sorted(event.message_ids))

    async def _deleted(self, channel_id: int, guild_id: int | None, messages: list[int]) -> None:
        guild = self.get_guild(guild_id) if guild_id else None
        channel = guild.get_channel_or_thread(channel_id) if guild else None
        if self._incoming is not None:
            await self._incoming.deleted(place_of(channel, channel_id, guild_id), messages)

    async def on_error(self, event: str, /, *_args: Any, **_kwargs: Any) -> None:
        """An event handler raised: the event is malformed, or it is a defect. Other events are not
        affected."""
        error = sys.exception()
        if isinstance(error, Malformed):
            logger.warning("%s", error)
            return
        logger.error("the handler of the event %s failed: a defect of Parley", event, exc_info=True)  # noqa: LOG014

    # ------------------------------------------------------------ configuration

    def _warn_of_unknown_ids(self) -> None:
        """Log each id in the allow and block lists that Discord does not know: a typing error there
        would silently change who is answered."""
        access = self.desk.rules.access
        if self.desk.rules.answer_all and not self.intents.message_content:
            logger.warning(
                "[discord] answer_all_channels: the Message Content intent is off, so a mention is "
                "needed there all the same."
            )
        for key, ids in (
            ("allowed_guilds", access.workspaces.allowed),
            ("blocked_guilds", access.workspaces.blocked),
        ):
            for unknown in sorted(i for i in ids if self.get_guild(int(i)) is None):
                logger.warning(
                    "[discord] %s: Parley is in no server %s. Check the id, or invite Parley there "
                    "(parley discord invite).",
                    key,
                    unknown,
                )
        for key, ids in (
            ("allowed_channels", access.channels.allowed),
            ("blocked_channels", access.channels.blocked),
            ("answer_all_channels", self.desk.rules.answer_all),
        ):
            for unknown in sorted(i for i in ids if self.get_channel(int(i)) is None):
                logger.warning(
                    "[discord] %s: Parley can see no channel %s. Check the id, or give Parley's "
                    "role View Channel there.",
                    key,
                    unknown,
                )
