"""The model that comes with Parley, in its own process, on the loopback Discord."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.config import Settings
from bot.generation import WorkerGenerator
from bot.messages import ConversationKey
from bot.ports import ConversationSettings
from parley.app import worker_options
from tests.adapters.discord.scene import Scene, loopback, whole
from tests.adapters.discord.texts import same
from tests.discord_loopback import Channel
from tests.discord_loopback.world import GUILD
from tests.until import until

pytestmark = pytest.mark.process

EXACT = ConversationSettings(temperature=0.0, max_new_tokens=1200, show_names=False)


@asynccontextmanager
async def demo(*names: str) -> AsyncIterator[tuple[Scene, list[Channel]]]:
    """Parley with the demonstration model, and channels in which it takes the likeliest word."""
    pytest.importorskip("openvino_genai")
    model = WorkerGenerator(worker_options(Settings()))
    try:
        async with loopback() as s:
            channels = [s.discord.world.channel(name) for name in names]
            for channel in channels:
                key = ConversationKey("discord", channel.id, workspace=str(GUILD))
                await s.store.change_settings(key, EXACT)
            async with s.running(model):
                yield s, channels
    finally:
        await model.aclose()


async def test_a_name_is_remembered_in_its_channel_and_only_there_until_the_reset() -> None:
    async with demo("one", "two") as (s, (one, two)):
        mod = s.discord.world.user("Mo", moderator=True)
        await s.discord.gateway.dispatch("GUILD_UPDATE", s.discord.world.guild())
        await s.answer(one, s.ana, "Hello! My name is Tamsin.")
        assert "Tamsin" in await s.answer(one, s.ana, "What is my name?")
        assert "Tamsin" not in await s.answer(two, s.ana, "What is my name?")
        reset = await s.discord.command(mod, one, "reset")
        await until(lambda: reset.said)
        assert "Tamsin" not in await s.answer(one, s.ana, "What is my name?")


async def test_a_long_story_is_read_as_the_model_wrote_it() -> None:
    async with demo("stories") as (s, (stories,)):
        await s.discord.ask(stories, s.ana, "Tell me a long story.")
        messages = await s.answered(stories)
        (answer,) = await s.store.answers()
    assert len(answer.text) > 2000
    assert len(messages) >= 2
    assert same(whole(messages)) == same(answer.text)
