"""Asks before something is deleted."""

import sys

import typer

from bot.errors import ConfigError


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless `yes`. Ends the process where the answer is no. Raises ConfigError where nobody
    is there to answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nobody is there to be asked; add --yes to delete without asking")
    typer.confirm(question, abort=True)
