"""The program's two ways to start, and its first page of help."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import typer.main

from parley.program import COMMANDS, app
from tests.parley.parley_program import Program


def test_the_package_is_a_program(program: Program) -> None:
    """``python -m parley`` is the command `parley`: same commands, same exit codes."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "parley", *arguments],
            capture_output=True,
            text=True,
            env=program.environment,
            cwd=program.folder,
            timeout=60,
            check=False,
        )

    asked = run("--version")
    assert (asked.returncode, asked.stdout) == (0, f"Parley {version('parley-chat')}\n")
    failed = run("run")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("parley: No platform is configured.")
    assert run("nonsense").returncode == 2


def test_help_lists_every_command_and_the_most_used_first(program: Program) -> None:
    shown = program.run("--help").stdout
    places = [shown.index(f"│ {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert list(COMMANDS)[:2] == ["chat", "run"]


def commands() -> Iterator[Any]:
    """The program, its groups, and every command."""
    pending: list[Any] = [typer.main.get_command(app)]
    while pending:
        command = pending.pop()
        pending += getattr(command, "commands", {}).values()
        yield command


def test_no_help_text_loses_words_in_square_brackets() -> None:
    """The help is rendered as markup, in which "[model]" would be a tag and vanish."""
    for command in commands():
        texts = [command.help, *(getattr(each, "help", None) for each in command.params)]
        assert not [text for text in texts if text and "[" in text]


def test_help_is_broken_where_the_terminal_ends_and_between_paragraphs_only() -> None:
    texts = [command.help or "" for command in commands()]
    assert [text for text in texts if "\n\n" in text]
    assert not [text for text in texts if "\n" in text.replace("\n\n", "")]
