"""The texts that people read."""

import pytest

from adapters.common.texts import (
    forgotten_text,
    note_of,
    privacy_text,
    reset_text,
    settings_text,
    status_text,
)
from bot.engine import Status
from bot.messages import ModelInfo
from bot.ports import AnswerState, ConversationSettings, Part


def test_settings_are_listed_with_their_defaults_named() -> None:
    text = settings_text(ConversationSettings(temperature=0.5, muted=True))
    assert "Temperature: 0.5" in text
    assert "Longest answer: default" in text
    assert "Muted: yes" in text


def test_the_status_names_model_device_queue_and_speed() -> None:
    model = ModelInfo("llama-2-7b", "openvino", "GPU", "sym_int4", 4096)
    text = status_text(Status(model, writing=1, waiting=2, tokens_per_second=41.25))
    for fact in ("llama-2-7b", "GPU", "4,096", "1 answer being", "2 questions waiting", "41.2"):
        assert fact in text
    assert "not known yet" in status_text(Status(model, 0, 0, 0.0))


def test_privacy_says_how_long_things_are_kept() -> None:
    assert "for 30 days" in privacy_text(30, "/reset", "/forget me")
    assert "until somebody deletes it" in privacy_text(0, "/reset", "/forget me")


def test_what_was_forgotten_is_counted() -> None:
    assert "1 question of yours" in forgotten_text(1)
    assert "2 questions of yours" in forgotten_text(2)
    assert "no questions of yours" in forgotten_text(0)


@pytest.mark.parametrize(
    "text", [forgotten_text(1), forgotten_text(0), privacy_text(0, "`/reset`", "`/forget me`")]
)
def test_what_a_deletion_leaves_to_others_is_said(text: str) -> None:
    assert "My answers to other people stay, even where they quote you." in text


def test_a_reset_says_that_what_was_said_stays_stored() -> None:
    text = reset_text(3, "`/forget me`")
    assert "no longer see the 3 earlier questions" in text
    assert "stored; `/forget me` deletes" in text
    assert "forgotten" not in text
    assert "the earlier question." in reset_text(1, "`/forget me`")
    assert reset_text(0, "`/forget me`") == "Conversation restarted. It was empty."


def test_privacy_says_that_what_is_pointed_at_is_stored_and_fits_into_a_message() -> None:
    text = privacy_text(0, "`/reset`", "`/forget me`", catches_up=True)
    assert "What a question points at is stored as a part of it" in text
    assert len(text) < 2000


def test_privacy_tells_a_reset_from_a_deletion() -> None:
    text = privacy_text(0, "`/reset`", "`/parley forget me`")
    assert "`/reset` (admins) restarts" in text
    assert "stays stored" in text
    assert "`/parley forget me` deletes everything" in text


def test_privacy_names_the_reading_of_history_where_it_is_on() -> None:
    on = privacy_text(0, "/reset", "/forget me", catches_up=True)
    off = privacy_text(0, "/reset", "/forget me", catches_up=False)
    assert "the newest messages where I answered lately" in on
    assert "the newest messages where I answered lately" not in off


def test_privacy_says_what_is_read_of_other_people_and_that_it_is_not_kept() -> None:
    text = privacy_text(0, "/reset", "/forget me")
    assert "the newest messages of that thread and the message that it was opened on" in text
    assert "stored nowhere" in text
    assert "In a channel I read only what is asked of me." in text
    some = privacy_text(0, "/reset", "/forget me", channel_context=5)
    assert "the 5 messages before the question" in some
    assert "only what is asked" not in some


def test_a_note_does_not_hide_that_an_answer_can_be_continued() -> None:
    note = note_of(Part(1, 0, "Hello", AnswerState.CUT, last=True, note="And this."))
    assert note == "Length limit reached. Press Continue for more. And this."


@pytest.mark.parametrize("state", list(AnswerState))
def test_how_an_answer_ended_is_said_where_its_text_does_not_show_it(state: AnswerState) -> None:
    note = note_of(Part(1, 0, "Hello", state, last=True))
    assert bool(note) is (not state.open and state is not AnswerState.DONE)
    assert note_of(Part(1, 0, "Hello", state, last=False)) == ""


def test_privacy_says_that_thoughts_are_stored() -> None:
    assert "what the model thought" in privacy_text(0, "`/reset`", "`/forget me`")
