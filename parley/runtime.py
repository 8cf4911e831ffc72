"""What every command does first, and how it runs."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

import typer
from platformdirs import user_log_path

from bot.config import APP, Settings, load
from bot.files import make_private_folder, private
from bot.logs import set_up
from parley.failures import tell

LOG_BYTES = 1_000_000
LOG_FILES = 3

INTERRUPTED = 130
TERMINATED = 143
"""Exit codes, as shells have them for SIGINT and SIGTERM."""


def started(config: Path | None, *, verbose: bool, log_to_file: bool) -> Settings:
    """The settings, with the log set up. Commands that share the terminal with a person log to a
    file. Raises ConfigError."""
    settings = load(config)
    level = "debug" if verbose else settings.log.level
    handler = _file_handler() if log_to_file else None
    set_up(level, settings.secrets, handler)
    return settings


def with_generation(
    settings: Settings, max_new_tokens: int | None, temperature: float | None
) -> Settings:
    """`settings` with what the command line says of answers; None says nothing."""
    said = {"max_new_tokens": max_new_tokens, "temperature": temperature}
    changes = {key: value for key, value in said.items() if value is not None}
    generation = settings.generation.model_copy(update=changes)
    return settings.model_copy(update={"generation": generation})


def log_file() -> Path:
    """Where the commands that talk in the terminal log."""
    return user_log_path(APP) / "parley.log"


class _PrivateLog(RotatingFileHandler):
    """A rotated log whose files are readable by their owner alone."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=private)


def _file_handler() -> logging.Handler:
    """The log's file, three of a megabyte at most. Where it cannot be written, that is said once
    and there is no log: it is no reason not to answer."""
    file = log_file()
    try:
        make_private_folder(file.parent)
        return _PrivateLog(file, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    except OSError as exc:
        tell(f"{file} cannot be written ({exc.strerror}); there will be no log.")
        return logging.NullHandler()


def run(command: Coroutine[None, None, None]) -> None:
    """Run it to its end. Ctrl-C and SIGTERM cancel it, and it still tidies up."""
    try:
        asyncio.run(_terminable(command))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None


async def _terminable(command: Coroutine[None, None, None]) -> None:
    task = asyncio.current_task()
    assert task is not None
    for name in ("SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # Windows has neither
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), task.cancel)
    await command
