"""Files that commands write for people."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bot.errors import ConfigError, StorageError
from bot.files import private


@contextmanager
def opened(output: Path | None, *, force: bool) -> Iterator[TextIO]:
    """Where to write; None is standard output. The file, which its owner alone can read, appears
    when it is whole; an existing one is kept without `force`, and whenever something goes wrong.
    Raises ConfigError and StorageError."""
    if output is None:
        yield sys.stdout
        return
    if output.exists() and not force:
        raise ConfigError(f"{output} exists already; name another file, or replace it with --force")
    part = output.with_name(f".{output.name}.part")
    try:
        part.unlink(missing_ok=True)  # of a process that was killed; its rights may be others
        with open(part, "w", encoding="utf-8", opener=private) as out:
            yield out
        part.replace(output)
    except OSError as exc:
        raise StorageError(f"{output} cannot be written: {exc.strerror}") from exc
    finally:
        part.unlink(missing_ok=True)
