"""How a command reports an error: one line on stderr for each expected error, never a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bot.errors import ParleyError


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print each ParleyError that leaves the body, alone or in an exception group, on stderr and
    exit with code 1. Any other exception is a defect and propagates."""
    try:
        yield
    except Exception as exc:
        errors = expected_errors(exc)
        if errors is None:
            raise
        for error in errors:
            print_error(str(error))
        sys.exit(1)


def print_error(text: str) -> None:
    """Print `text` on stderr, each line prefixed with ``parley:``; in red on a terminal, unless
    the variable NO_COLOR is set (https://no-color.org)."""
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    for line in text.splitlines():
        prefixed = f"parley: {line}"
        typer.echo(typer.style(prefixed, fg=typer.colors.RED) if coloured else prefixed, err=True)


def expected_errors(exc: BaseException) -> list[ParleyError] | None:
    """The ParleyErrors in `exc`, groups flattened; None if any exception in it is another one."""
    if isinstance(exc, ParleyError):
        return [exc]
    if not isinstance(exc, ExceptionGroup):
        return None
    found: list[ParleyError] = []
    for inner in exc.exceptions:
        errors = expected_errors(inner)
        if errors is None:
            return None
        found += errors
    return found
