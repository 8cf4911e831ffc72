"""What every command does around its work: settings, log, event loop and signals."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

import typer
from platformdirs import user_log_path

from bot.config import APP, Settings, load
from bot.files import make_private_folder, private
from bot.logs import set_up, writes_json
from parley.failures import expected_errors, print_error

logger = logging.getLogger(__name__)

LOG_BYTES = 1_000_000
LOG_FILES = 3

INTERRUPTED = 130
TERMINATED = 143
"""Exit codes that shells use for SIGINT and SIGTERM (128 + the signal's number)."""


def configure(config: Path | None, *, verbose: bool, log_to_file: bool | Path) -> Settings:
    """Read the settings, tell their warnings, and set up the log. Commands that use the terminal
    themselves log to a file (True: to `log_file`), the others to stderr. Raises ConfigError."""
    settings = load(config)
    level = "debug" if verbose else settings.log.level
    file = log_file() if log_to_file is True else log_to_file
    handler = _file_handler(file) if file else None
    set_up(level, settings.secrets, handler, line_format=settings.log.format)
    unseen = isinstance(log_to_file, Path) or (not log_to_file and writes_json())
    for line in settings.warnings:
        logger.warning("%s", line) if unseen else print_error(line)
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


@contextmanager
def errors_logged(file: Path | None) -> Iterator[None]:
    """Log the errors that leave the body, instead of printing them, where `file` is given (nobody
    sees a terminal then) or the log is JSON (a line of text would spoil it); exits with code 1
    then. Until the settings are read, the log in `file` has their defaults."""
    if file is not None:
        set_up("info", handler=_file_handler(file))
        _give_streams()
    try:
        yield
    except Exception as exc:
        errors = expected_errors(exc)
        if errors is None and not isinstance(exc, typer.Exit):
            logger.exception("Parley ended by a defect")
        if errors is None or not (file or writes_json()):
            raise
        for error in errors:
            logger.error("%s", error)
        raise typer.Exit(1) from exc


def _give_streams() -> None:
    """Without a window a program on Windows has no standard streams; what is written is lost."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the run
            setattr(sys, name, nothing)


def _file_handler(file: Path) -> logging.Handler:
    """A rotating log file: at most `LOG_FILES` files of `LOG_BYTES`. Where it cannot be written,
    a warning is printed and nothing is logged: the command works without a log."""
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
