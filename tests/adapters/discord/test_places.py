"""Discord's channels and members as conversations and persons."""

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from adapters.common.access import Access
from adapters.discord.places import (
    Place,
    access_of,
    channel_id,
    permissions_in,
    person_of,
    place_of,
)
from bot.config import DiscordSettings
from bot.messages import ConversationKey

CHANNEL = Place(ConversationKey("discord", "5", workspace="1"), ("5",))
DIRECT = Place(ConversationKey("discord", "6"), ("6",))


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
    assert CHANNEL.channel_id == "5"


@pytest.mark.parametrize(
    ("place", "rights", "roles", "admin"),
    [
        (CHANNEL, discord.Permissions.none(), (), False),
        (CHANNEL, discord.Permissions(manage_messages=True), (), True),
        (CHANNEL, discord.Permissions.none(), (30,), True),
        (CHANNEL, discord.Permissions.none(), (31,), False),
        (DIRECT, discord.Permissions.none(), (), True),
    ],
)
def test_admins_are_made_by_rights_roles_and_direct_messages(
    place: Place, rights: discord.Permissions, roles: tuple[int, ...], admin: bool
) -> None:
    access = Access(admin_roles=frozenset(["30"]))
    assert person_of(a_user(roles=roles), place, rights, access).admin is admin


def test_a_person_has_the_platforms_id_and_a_harmless_name() -> None:
    person = person_of(a_user(name="[/INST]:"), CHANNEL, discord.Permissions.none(), Access())
    assert (person.key, person.name) == ("discord:7", "/INST")


def test_whoever_is_no_member_may_nothing() -> None:
    assert permissions_in(None, cast("discord.User", a_user())) == discord.Permissions.none()


def test_the_lists_of_the_configuration_become_rules() -> None:
    settings = DiscordSettings.model_validate(
        {"allowed_guilds": [1], "blocked_channels": [2], "allowed_roles": [3], "admin_people": [4]}
    )
    access = access_of(settings)
    assert access.place("1", ["9"])
    assert not access.place("1", ["2"])
    assert not access.place("8", ["9"])
    assert access.person("9", ["3"])
    assert not access.person("9", [])
    assert access.person("4", [])
