"""Options that several commands share."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.errors import ConfigError

LowBit = Literal[
    "auto", "sym_int4", "asym_int4", "sym_int5", "asym_int5", "sym_int8", "nf4", "fp4", "fp8",
    "mixed_fp4", "mixed_fp8", "fp16", "bf16", "fp32",
]  # fmt: skip
"""`bot.config_types.LowBit`, without the import: help would be slow with it."""

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings to use, instead of config.toml here or in your configuration folder.",
    ),
]

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log everything, message texts included.")
]

Conversation = Annotated[
    str, typer.Option("--conversation", metavar="NAME", help="Which conversation to go on with.")
]

MaxNewTokens = Annotated[
    int | None,
    typer.Option("--max-new-tokens", metavar="N", min=1, help="The longest answer, in tokens."),
]

Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature", metavar="T", min=0, max=2, help="0 is exact, higher is livelier."
    ),
]

Kept = Annotated[str, typer.Argument(metavar="NAME|KEY", help="As “parley history list” has it.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless `yes`. Ends the process where the answer is no. Raises ConfigError where nobody
    is there to answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nobody is there to be asked; add --yes to delete without asking")
    typer.confirm(question, abort=True)
