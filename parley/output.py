"""Writes the output of a command to a file or to standard output."""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bot.errors import ConfigError, StorageError
from bot.files import private


@contextmanager
def open_output(output: Path | None, *, force: bool) -> Iterator[TextIO]:
    """The stream to write to; None is standard output. The file is readable by its owner only, and
    is replaced atomically when the body has ended: after an error, an existing one is unchanged.
    Raises ConfigError where the file exists and `force` is not given, and StorageError where it
    cannot be written."""
    if output is None:
        yield sys.stdout
        return
    if output.exists() and not force:
        raise ConfigError(
            f"{output} exists already; choose another file, or overwrite it with --force"
        )
    part = output.with_name(f".{output.name}.part")
    try:
        part.unlink(missing_ok=True)  # left by a killed process; its mode may differ
        with open(part, "w", encoding="utf-8", opener=private) as out:
            yield out
        part.replace(output)
    except OSError as exc:
        raise StorageError(f"{output} cannot be written: {exc.strerror}") from exc
    finally:
        part.unlink(missing_ok=True)


def say(text: str, indent: str = "") -> None:
    """Print a paragraph after `indent`: on a terminal in lines that fit it, broken between words;
    else in one line, as programs want it. What has no space in it, like a model's name, stays
    whole."""
    if not sys.stdout.isatty():
        print(indent + text)
        return
    width = shutil.get_terminal_size().columns
    print(
        textwrap.fill(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
