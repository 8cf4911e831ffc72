"""Which texts are commands; what they do is in tests/scenarios and tests/adapters/slack."""

import pytest

from adapters.common.text_commands import is_text_command


@pytest.mark.parametrize("text", ["/parley", "/parley status", " /PARLEY mute "])
def test_words_that_begin_with_the_command_are_one(text: str) -> None:
    assert is_text_command(text)


@pytest.mark.parametrize("text", ["", "parley status", "what does /parley do?", "/parleys"])
def test_other_words_are_questions(text: str) -> None:
    assert not is_text_command(text)
