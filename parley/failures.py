"""What a person is told when a command fails: lines, never a traceback for what was foreseen."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bot.errors import ParleyError


@contextmanager
def explained() -> Iterator[None]:
    """End the process with 1 and a line on stderr for each ParleyError that comes out of the
    body, alone or in groups. Whatever else comes out is a defect and goes on."""
    try:
        yield
    except Exception as exc:
        errors = _foreseen(exc)
        if errors is None:
            raise
        for error in errors:
            tell(str(error))
        sys.exit(1)


def tell(text: str) -> None:
    """Say on stderr what went wrong, each line with the program's name."""
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    for line in text.splitlines():
        said = f"parley: {line}"
        typer.echo(typer.style(said, fg=typer.colors.RED) if coloured else said, err=True)


def _foreseen(exc: BaseException) -> list[ParleyError] | None:
    """The errors in `exc`; None where any of it was not foreseen."""
    if isinstance(exc, ParleyError):
        return [exc]
    if not isinstance(exc, ExceptionGroup):
        return None
    found: list[ParleyError] = []
    for inner in exc.exceptions:
        errors = _foreseen(inner)
        if errors is None:
            return None
        found += errors
    return found
