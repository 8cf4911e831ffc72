"""Messages that are commands."""

import pytest

from adapters.common.control_words import ControlWord, after_mention, control_word


@pytest.mark.parametrize(
    "text",
    ["stop", " Stop! ", "/stop", "STOP.", "stop …", "please stop", "Stop please!", "stop, please"],
)
def test_a_message_that_is_only_the_word_stop_is_a_command(text: str) -> None:
    assert control_word(text) is ControlWord.STOP


@pytest.mark.parametrize(
    "text", ["", "please", "stop it", "stop using emojis", "how do I stop?", "stop?", "pleasestop"]
)
def test_a_message_with_more_in_it_is_a_question(text: str) -> None:
    assert control_word(text) is None


def test_reset_is_known_too() -> None:
    assert control_word("reset") is ControlWord.RESET
    assert control_word("Please reset.") is ControlWord.RESET


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (", stop", "stop"),
        (",stop", "stop"),
        (": what is this?", "what is this?"),
        (" – hello", "hello"),
        ("hello", "hello"),
        (":smile: hi", ":smile: hi"),
        ("-5 + 3?", "-5 + 3?"),
        ("", ""),
        (",", ""),
    ],
)
def test_the_separator_after_a_mention_is_not_part_of_the_text(typed: str, text: str) -> None:
    assert after_mention(typed) == text


def test_a_long_text_of_spaces_is_no_command_and_is_read_in_one_pass() -> None:
    """Looked at with the square of its length, this text would take minutes."""
    assert control_word("stop" + " " * 400_000 + "it") is None
    assert control_word(" " * 400_000 + "stop") is ControlWord.STOP
