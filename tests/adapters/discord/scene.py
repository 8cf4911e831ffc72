"""Parley on a loopback Discord: the real client, a working engine, and a scripted model."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from adapters.discord import serve as serving
from adapters.discord import surface
from adapters.discord.client import ParleyClient
from adapters.discord.rendering import MOST_UNITS, utf16_units
from bot.clock import SystemClock
from bot.config import DiscordSettings, Settings
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.models import ModelSlots
from bot.engine.window import WindowOptions
from bot.messages import Sampling
from bot.ports import Generator, Quota, Store
from storage.in_memory import MemoryStore
from tests.discord_loopback import TOKEN, Channel, Loopback, Message, User, Window
from tests.fake_surface import join
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
"""A Friday; what ``{date}`` in a system prompt says."""


async def _at_once(*_: object, **__: object) -> None:
    """In place of the seconds that Discord wants between two identifies."""


@contextmanager
def own_addresses() -> Iterator[None]:
    """discord.py keeps addresses in classes: give them back what they had. And don't be as patient
    as with Discord: the loopback has no other servers to wait for, and says how fast it may go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Route, "BASE", Route.BASE)
        patch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
        patch.setattr(serving, "GUILDS_SETTLE", 0.02)
        patch.setattr(surface, "EDITS_PER_SECOND", 1000.0)
        patch.setattr(ParleyClient, "before_identify_hook", _at_once)
        yield


@dataclass
class Scene:
    """What a test sees of it all."""

    discord: Loopback
    generator: ScriptedGenerator
    store: Store
    general: Channel
    ana: User
    settings: Settings
    slots: int = 64
    """Answers that are generated at once."""
    engine: Engine = field(init=False)
    further: dict[str, ModelSlots] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """What `ready` was told."""

    async def answered(self, channel: Channel | None = None, count: int = 1) -> list[Message]:
        """Wait until so many answers have come to their end; all of the bot's messages."""
        where = channel or self.general
        await until(lambda: len(ended(self.discord.world.answers_in(where))) >= count)
        await self.engine.finish()
        return self.discord.world.answers_in(where)

    async def answer(self, channel: Channel, user: User, text: str) -> str:
        """Ask in a channel and read the whole answer."""
        before = len(self.discord.world.answers_in(channel))
        done = len(ended(self.discord.world.answers_in(channel)))
        await self.discord.ask(channel, user, text)
        messages = await self.answered(channel, done + 1)
        return whole(messages[before:])

    @asynccontextmanager
    async def running(self, generator: Generator | None = None) -> AsyncIterator[Engine]:
        """One run of Parley, from its start until it is shut down."""
        clock = SystemClock()
        fold = self.settings.conversation.thinking == "fold"
        delivery = Delivery(clock, self.store, edit_interval=0.0, max_messages=8, fold=fold)
        chosen = options(self.slots, self.settings.conversation.channel_context)
        engine = Engine(
            generator or self.generator,
            self.store,
            delivery,
            clock,
            chosen,
            further=self.further,
        )
        ups = len(self.said)
        async with engine, asyncio.TaskGroup() as tasks:
            self.engine = engine
            task = tasks.create_task(serving.serve(self, self.settings, ready=self.said.append))
            await until(lambda: len(self.said) > ups or task.done())
            try:
                yield engine
            finally:
                task.cancel()


def ended(messages: list[Message]) -> list[Message]:
    """The last messages of answers that have come to their end."""
    return [message for message in messages if "regenerate" in message.buttons]


def whole(messages: list[Message]) -> str:
    """An answer put together from its messages, without the small print below them."""
    for message in messages:
        assert utf16_units(message.content) <= MOST_UNITS
    return join("\n".join(_without_notes(message.content)) for message in messages)


def _without_notes(content: str) -> list[str]:
    return [line for line in content.split("\n") if not line.startswith("-# ")]


def options(slots: int = 64, channel_context: int = 0) -> EngineOptions:
    window = WindowOptions(
        "Be kind.",
        True,
        Sampling(max_new_tokens=5000, max_thinking_tokens=1000),
        now=lambda: NOON,
        channel_context=channel_context,
    )
    return EngineOptions(
        window=window,
        slots=slots,
        queue=100,
        queue_per_person=100,
        quota=Quota(),
        question_characters=20_000,
        checkpoint_interval=0.05,
    )


@asynccontextmanager
async def loopback(
    generator: ScriptedGenerator | None = None, **discord: object
) -> AsyncIterator[Scene]:
    """A loopback Discord with a channel, Ana in it, and no Parley yet."""
    async with Loopback.open() as server:
        settings = DiscordSettings.model_validate(
            {
                "token": SecretStr(TOKEN),
                "api_url": server.api_url,
                "gateway_url": server.gateway.url,
                **discord,
            }
        )
        generous = Window(1000, 1.0)
        server.rest.limits.windows = {"POST": generous, "PATCH": generous}
        with own_addresses():
            yield Scene(
                server,
                generator or ScriptedGenerator(context=100_000),
                MemoryStore(),
                server.world.channel("general"),
                server.world.user("Ana"),
                Settings(discord=settings),
            )


@asynccontextmanager
async def scene(
    generator: ScriptedGenerator | None = None, **discord: object
) -> AsyncIterator[Scene]:
    """The same with Parley connected."""
    async with loopback(generator, **discord) as stage, stage.running():
        yield stage
