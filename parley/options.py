"""Command-line options and arguments that several commands share, and the confirmation prompt.

Imported for every ``--help``: nothing slow is imported here.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.errors import ConfigError
from bot.messages import ConversationKey

PLATFORM = "console"
"""The platform's name in the keys of conversations and people of the terminal."""

LowBit = Literal[
    "auto", "sym_int4", "asym_int4", "sym_int5", "asym_int5", "sym_int8", "nf4", "fp4", "fp8",
    "mixed_fp4", "mixed_fp8", "fp16", "bf16", "fp32",
]  # fmt: skip
"""The same as `bot.config_types.LowBit`, whose import (pydantic) would slow ``--help`` down. A test
compares both."""

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The settings file. Default: config.toml in the current folder, else in your "
        "configuration folder.",
    ),
]

Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Log at level debug, including message texts."),
]

Conversation = Annotated[
    str, typer.Option("--conversation", metavar="NAME", help="The conversation to continue.")
]

MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens", metavar="N", min=1, help="The maximum length of the answer in tokens."
    ),
]

Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="T",
        min=0,
        max=2,
        help="Sampling temperature: 0 always takes the most likely token, higher values vary more.",
    ),
]

StoredConversation = Annotated[
    str, typer.Argument(metavar="NAME|KEY", help="As “parley history list” shows it.")
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask `question` on the terminal, unless `yes`. Exits with code 1 if the answer is no. Raises
    ConfigError where standard input is no terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "standard input is no terminal, so you cannot be asked; add --yes to delete without "
            "confirmation"
        )
    typer.confirm(question, abort=True)


def conversation_named(name: str) -> ConversationKey:
    """The key of the terminal's conversation `name`. Raises ConfigError where the name is blank
    or holds a slash."""
    try:
        if not name.strip():
            raise ValueError(name)
        return ConversationKey(PLATFORM, name)
    except ValueError as exc:
        raise ConfigError(
            f"--conversation {name!r}: a name must not be empty and must not contain a slash."
        ) from exc
