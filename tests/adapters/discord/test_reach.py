"""Where the bot is on Discord, what it may do there, and its first message."""

import pytest
from pydantic import SecretStr

from adapters.discord.reach import missing, say_in, servers_of
from adapters.discord.registration import PERMISSIONS
from bot.config import DiscordSettings
from bot.errors import ConfigError, SurfaceError
from tests.adapters.discord.scene import loopback
from tests.discord_loopback import BOT

SEND, VIEW, ADMINISTRATOR = 2048, 1024, 8


async def test_servers_have_their_text_channels_with_the_permissions_that_are_missing() -> None:
    async with loopback() as s:
        s.discord.world.channel("open")
        s.discord.world.channel("closed", closed=True)
        s.discord.world.channel("forum", forum=True)
        (server,) = await servers_of(s.settings.discord)
    found = {channel.name: channel for channel in server.channels}
    assert server.name == "Loopback"
    assert "forum" not in found
    assert (found["open"].missing, found["open"].writable) == ((), True)
    assert (found["closed"].missing, found["closed"].writable) == (("Send Messages",), False)


async def test_overwrites_count_in_discords_order() -> None:
    """Everyone's, then the roles', then the bot's own; an administrator may do everything."""
    async with loopback() as s:
        world = s.discord.world
        (everyone,) = world.roles
        lobby = world.channel("lobby")
        of_everyone = {"id": everyone, "type": 0, "allow": "0", "deny": str(SEND)}
        of_role = {"id": "77", "type": 0, "allow": str(SEND), "deny": "0"}
        of_bot = {"id": BOT.id, "type": 1, "allow": "0", "deny": str(SEND)}

        async def lacks(*overwrites: dict[str, object]) -> tuple[str, ...]:
            lobby.overwrites = list(overwrites)
            (server,) = await servers_of(s.settings.discord)
            return next(each for each in server.channels if each.id == lobby.id).missing

        assert await lacks(of_role, of_everyone) == ("Send Messages",)  # a role of somebody else
        BOT.roles = ["77"]
        world.roles["77"] = 0
        assert await lacks(of_role, of_everyone) == ()
        assert await lacks(of_bot, of_role, of_everyone) == ("Send Messages",)
        world.roles["77"] = ADMINISTRATOR
        assert await lacks(of_bot, of_role, of_everyone) == ()


async def test_a_channel_that_the_bot_cannot_see_is_not_listed() -> None:
    async with loopback() as s:
        channel = s.discord.world.channel("secret")
        channel.overwrites = [{"id": BOT.id, "type": 1, "allow": "0", "deny": str(VIEW)}]
        (server,) = await servers_of(s.settings.discord)
    assert "secret" not in {each.name for each in server.channels}


async def test_a_bot_that_nobody_invited_is_in_no_server() -> None:
    async with loopback() as s:
        s.discord.rest.invited = False
        assert await servers_of(s.settings.discord) == []


async def test_a_message_is_posted_and_pings_nobody() -> None:
    async with loopback() as s:
        channel = s.discord.world.channel("general")
        await say_in(s.settings.discord, channel.id, "Hello @everyone")
        (message,) = s.discord.world.answers_in(channel)
    assert (message.content, message.allowed_mentions) == ("Hello @everyone", {"parse": []})


async def test_a_channel_that_refuses_is_one_line() -> None:
    async with loopback() as s:
        closed = s.discord.world.channel("closed", closed=True)
        with pytest.raises(SurfaceError, match="does not let Parley write there"):
            await say_in(s.settings.discord, closed.id, "Hello")


async def test_a_wrong_token_and_a_discord_that_is_away_are_one_line() -> None:
    async with loopback() as s:
        wrong = s.settings.discord.model_copy(update={"token": SecretStr("wrong")})
        with pytest.raises(ConfigError, match=r"\[discord\] token: Discord does not accept it"):
            await servers_of(wrong)
    nowhere = DiscordSettings(token=SecretStr("x"), api_url="http://127.0.0.1:9/api/v10")
    with pytest.raises(SurfaceError, match=r"cannot be reached at http://127\.0\.0\.1:9"):
        await servers_of(nowhere)


def test_permissions_have_the_names_of_discords_settings() -> None:
    assert missing(PERMISSIONS.value) == ()
    assert set(missing(0)) == {
        *("View Channels", "Send Messages", "Send Messages in Threads"),
        *("Create Public Threads", "Read Message History", "Attach Files"),
    }
