"""What every command does around its work: settings, log, event loop and signals."""

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
from parley.failures import print_error

LOG_BYTES = 1_000_000
LOG_FILES = 3

INTERRUPTED = 130
TERMINATED = 143
"""Exit codes that shells use for SIGINT and SIGTERM (128 + the signal's number)."""


def configure(config: Path | None, *, verbose: bool, log_to_file: bool) -> Settings:
    """Read the settings and set up the log. Commands that use the terminal themselves log to a
    file, the others to stderr. Raises ConfigError."""
    settings = load(config)
    level = "debug" if verbose else settings.log.level
    handler = _file_handler() if log_to_file else None
    set_up(level, settings.secrets, handler, line_format=settings.log.format)
    return settings


def override_generation(
    settings: Settings, max_new_tokens: int | None, temperature: float | None
) -> Settings:
    """A copy of `settings` with these values in ``[generation]``; None keeps the configured one."""
    given = {"max_new_tokens": max_new_tokens, "temperature": temperature}
    changes = {key: value for key, value in given.items() if value is not None}
    generation = settings.generation.model_copy(update=changes)
    return settings.model_copy(update={"generation": generation})


def log_file() -> Path:
    """The log file of the commands that use the terminal."""
    return user_log_path(APP) / "parley.log"


class _PrivateLog(RotatingFileHandler):
    """A rotated log whose files are readable by their owner alone."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=private)


def _file_handler() -> logging.Handler:
    """A rotating log file: at most `LOG_FILES` files of `LOG_BYTES`. Where it cannot be written,
    a warning is printed and nothing is logged: the command works without a log."""
    file = log_file()
    try:
        make_private_folder(file.parent)
        return _PrivateLog(file, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    except OSError as exc:
        print_error(f"{file} cannot be written ({exc.strerror}); nothing will be logged.")
        return logging.NullHandler()


def run(command: Coroutine[None, None, None]) -> None:
    """Run `command` in a new event loop. Ctrl-C, SIGTERM and SIGHUP cancel it and let it clean up;
    the process then exits with 130 (Ctrl-C) or 143."""
    try:
        asyncio.run(_cancelled_by_signals(command))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None


async def _cancelled_by_signals(command: Coroutine[None, None, None]) -> None:
    task = asyncio.current_task()
    assert task is not None
    for name in ("SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # Windows has neither
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), task.cancel)
    await command
