"""What system prompts know of a place on Discord, from the gateway and from the REST API."""

import discord
import pytest

from adapters.discord.client import use_addresses
from adapters.discord.place_names import place_names
from bot.messages import ConversationKey
from bot.ports import PlaceNames
from tests.adapters.discord.scene import loopback
from tests.discord_loopback import TOKEN
from tests.discord_loopback.world import GUILD, new_id


def key(channel: str, guild: int | str = GUILD) -> ConversationKey:
    return ConversationKey("discord", channel, workspace=str(guild))


async def asked(stage_channel: str | None = None, guild: int | str = GUILD) -> PlaceNames:
    """What a client that is logged in, and not connected, finds out of a channel."""
    async with loopback() as stage:
        stage.general.topic = "Wool & more"
        use_addresses(stage.settings.discord.api_url, stage.settings.discord.gateway_url)
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(TOKEN)
            where = stage_channel or stage.general.id
            return await place_names(client, key(where, guild))


async def test_before_the_gateway_told_of_a_server_the_rest_api_does() -> None:
    assert await asked() == PlaceNames("Loopback", "general", "Wool & more", "Parley")


async def test_what_discord_does_not_show_has_no_name() -> None:
    assert await asked(new_id()) == PlaceNames("Loopback", bot="Parley")


async def test_a_direct_message_has_neither_server_nor_channel() -> None:
    assert await asked(new_id(), guild="") == PlaceNames(bot="Parley", direct=True)


@pytest.mark.parametrize("forum", [False, True])
async def test_a_thread_has_the_names_of_its_channel(*, forum: bool) -> None:
    async with loopback() as stage:
        world = stage.discord.world
        parent = world.channel("wool", forum=forum)
        parent.topic = "Ask here"
        thread = world.thread(parent, new_id(), "A sweater", stage.ana)
        async with stage.running() as engine:
            where = ConversationKey("discord", parent.id, thread.id, str(GUILD))
            said = await engine.variables.fill("{server} {channel} {topic} {bot}", where)
    assert said == "Loopback wool Ask here Parley"
