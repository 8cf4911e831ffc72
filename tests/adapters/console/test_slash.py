"""Commands as they are typed."""

import pytest

from adapters.console.slash import COMMANDS, help_text, parse
from bot.errors import NotUnderstood


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/reset", ("reset", "")),
        ("/RESET ", ("reset", "")),
        ("/system  You are a pirate. ", ("system", "You are a pirate.")),
        ("/system", ("system", "")),
        ("What is /reset?", None),
        (" /etc/passwd is what?", None),
    ],
)
def test_a_line_is_a_command_or_a_question(line: str, command: tuple[str, str] | None) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("/rest", "/reset?"),
        ("/cont", "/continue or /context?"),
        ("/xyzzy", "/help lists"),
        ("/", "/help lists"),
        ("/reset now", "takes no argument"),
    ],
)
def test_an_unknown_command_is_answered_with_a_similar_one(line: str, remedy: str) -> None:
    with pytest.raises(NotUnderstood, match=remedy.replace("?", r"\?")):
        parse(line)


def test_help_names_every_command() -> None:
    assert all(f"/{command.name}" in help_text() for command in COMMANDS)
