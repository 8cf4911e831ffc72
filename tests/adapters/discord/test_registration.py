"""Registering the commands, and the invite link."""

from urllib.parse import parse_qs, urlparse

import pytest
from pydantic import SecretStr

from adapters.discord.checkup import COMMANDS
from adapters.discord.registration import invite_link, sync_commands
from bot.errors import ConfigError, SurfaceError
from tests.adapters.discord.scene import loopback
from tests.discord_loopback import BOT


async def test_all_commands_are_registered_for_servers_and_direct_messages() -> None:
    async with loopback() as s:
        count = await sync_commands(s.settings)
        told = {command["name"]: command for command in s.discord.world.commands}
        assert count == len(told)
        assert set(told) == COMMANDS
        assert all(command["contexts"] == [0, 1] for command in told.values())
        assert all(command["integration_types"] == [0] for command in told.values())
        assert s.discord.rest.synced == [""]


async def test_commands_can_be_registered_in_one_server_only() -> None:
    async with loopback() as s:
        await sync_commands(s.settings, "600000000000000001")
        assert s.discord.rest.synced == ["600000000000000001"]


async def test_the_invite_link_asks_for_the_permissions_that_are_needed_and_no_others() -> None:
    async with loopback() as s:
        link = urlparse(await invite_link(s.settings))
    asked = {key: value[0] for key, value in parse_qs(link.query).items()}
    assert (link.netloc, asked["client_id"]) == ("discord.com", BOT.id)
    assert asked["scope"] == "bot applications.commands"
    view, send, files, history, threads, in_threads = 10, 11, 15, 16, 35, 38
    bits = (view, send, files, history, threads, in_threads)
    assert int(asked["permissions"]) == sum(1 << bit for bit in bits)


async def test_without_a_token_the_remedy_is_named() -> None:
    async with loopback() as s:
        none = s.settings.discord.model_copy(update={"token": SecretStr("")})
        with pytest.raises(ConfigError, match=r"\[discord\] token is not set. Copy it from https"):
            await invite_link(s.settings.model_copy(update={"discord": none}))


async def test_a_discord_that_is_down_is_one_line() -> None:
    async with loopback() as s:
        s.discord.rest.logins_refused = 1
        with pytest.raises(SurfaceError, match="Discord cannot be reached or refuses: 503"):
            await invite_link(s.settings)
