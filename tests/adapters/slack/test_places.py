"""Channels and threads as conversations."""

import pytest

from adapters.slack.places import Place, Scope
from bot.messages import ConversationKey

CHANNEL = Place("T1", "C1")
THREAD = Place("T1", "C1", "1.5")
DIRECT = Place("T1", "D1")


@pytest.mark.parametrize("place", [CHANNEL, THREAD, DIRECT, Place("E1.T1", "C1", "1.5")])
def test_a_place_is_found_again_by_its_conversations_key(place: Place) -> None:
    assert Place.of(ConversationKey.parse(str(place.key))) == place


def test_a_message_stands_in_its_thread_and_a_threads_first_message_in_the_channel() -> None:
    assert Place.of_message("T1", "C1", "1.6", "1.5") == THREAD
    assert Place.of_message("T1", "C1", "1.5", "1.5") == CHANNEL
    assert Place.of_message("T1", "C1", "1.5", "") == CHANNEL


@pytest.mark.parametrize(
    ("place", "scope", "answered"),
    [
        (CHANNEL, "channel", CHANNEL),
        (CHANNEL, "thread", Place("T1", "C1", "9.9")),
        (THREAD, "thread", THREAD),
        (DIRECT, "thread", DIRECT),
    ],
)
def test_where_a_question_is_answered(place: Place, scope: Scope, answered: Place) -> None:
    assert place.asked_in(scope, "9.9") == answered


def test_only_a_direct_message_is_between_two() -> None:
    assert [place.direct for place in (CHANNEL, THREAD, DIRECT)] == [False, False, True]
