"""Channels, threads and people as the desk knows them."""

import pytest

from adapters.common.place import Place
from adapters.slack.places import access_of, member_of, place_of, place_of_message
from bot.config import SlackSettings
from bot.messages import ConversationKey
from tests.adapters.slack.near import near
from tests.slack_loopback import Someone

CHANNEL = place_of("T1", "C1")
THREAD = place_of("T1", "C1", "1.5")
DIRECT = place_of("T1", "D1")


def test_a_message_stands_in_its_thread_and_a_threads_first_message_in_the_channel() -> None:
    assert place_of_message("T1", "C1", "1.6", "1.5") == THREAD
    assert place_of_message("T1", "C1", "1.5", "1.5") == CHANNEL
    assert place_of_message("T1", "C1", "1.5", "") == CHANNEL


def test_only_a_direct_message_is_between_two() -> None:
    assert [place.direct for place in (CHANNEL, THREAD, DIRECT)] == [False, False, True]


@pytest.mark.parametrize(("key", "team"), [("T1", "T1"), ("E1.T1", "T1")])
def test_lists_name_a_workspace_by_its_team(key: str, team: str) -> None:
    assert place_of(key, "C1").workspace == team


def test_a_channels_thread_is_listed_with_its_channel() -> None:
    assert Place(ConversationKey("slack", "C1", "1.5", "T1"), ("C1",)) == THREAD


async def test_a_member_is_an_admin_where_slack_says_so() -> None:
    async with near() as at:
        Someone(at.slack, "U2", "Ada", is_admin=True)
        member = member_of(at.workspace, "U2")
        assert (member.id, member.key) == ("U2", "T1.U2")
        profile = await member.profile()
        assert (profile.name, profile.admin) == ("Ada", True)


def test_the_lists_of_the_configuration_become_rules() -> None:
    access = access_of(SlackSettings.model_validate({"blocked_channels": ["C2"]}))
    assert access.place("T1", ["C1"], direct=False)
    assert not access.place("T1", ["C2"], direct=False)
