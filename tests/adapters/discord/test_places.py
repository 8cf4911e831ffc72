"""Discord's channels and members as conversations and persons."""

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from adapters.common.place import Place
from adapters.discord.places import (
    access_of,
    channel_id,
    member_of,
    permissions_in,
    place_of,
)
from bot.config import DiscordSettings
from bot.messages import ConversationKey

CHANNEL = Place(ConversationKey("discord", "5", workspace="1"), ("5",))
DIRECT = Place(ConversationKey("discord", "6"), ("6",), direct=True)


def a_user(user_id: int = 7, name: str = "Ana", roles: tuple[int, ...] = ()) -> Any:
    return SimpleNamespace(
        id=user_id, display_name=name, roles=[SimpleNamespace(id=role) for role in roles]
    )


def test_a_channel_is_known_by_its_category_too() -> None:
    place = place_of(SimpleNamespace(category_id=4), 5, 1)
    assert place == Place(ConversationKey("discord", "5", workspace="1"), ("5", "4"))
    assert not place.direct


def test_a_direct_message_has_no_workspace() -> None:
    assert place_of(None, 6, None) == DIRECT
    assert DIRECT.direct


def test_the_messages_of_a_threads_conversation_are_in_the_thread() -> None:
    assert channel_id(ConversationKey("discord", "5", "8", "1")) == "8"
    assert channel_id(CHANNEL.key) == "5"


@pytest.mark.parametrize(
    ("permissions", "admin"),
    [(discord.Permissions.none(), False), (discord.Permissions(manage_messages=True), True)],
)
async def test_who_may_manage_messages_is_an_admin(
    permissions: discord.Permissions, admin: bool
) -> None:
    assert (await member_of(a_user(), permissions).profile()).admin is admin


async def test_a_member_has_the_platforms_ids_and_a_harmless_name() -> None:
    member = member_of(a_user(name="[/INST]:", roles=(30,)), discord.Permissions.none())
    assert (member.id, member.roles) == ("7", frozenset(["30"]))
    assert (await member.profile()).name == "/INST"


def test_whoever_is_no_member_may_nothing() -> None:
    assert permissions_in(None, cast("discord.User", a_user())) == discord.Permissions.none()


def test_the_lists_of_the_configuration_become_rules() -> None:
    settings = DiscordSettings.model_validate(
        {"allowed_guilds": [1], "blocked_channels": [2], "allowed_roles": [3], "admin_people": [4]}
    )
    access = access_of(settings)
    assert access.place("1", ["9"], direct=False)
    assert not access.place("1", ["2"], direct=False)
    assert not access.place("8", ["9"], direct=False)
    assert access.person("9", ["3"])
    assert not access.person("9", [])
    assert access.person("4", [])
