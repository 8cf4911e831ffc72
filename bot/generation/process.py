"""Starts the worker process, logs its stderr, and explains how it ended."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Collection
from pathlib import Path

from bot import worker
from bot.environment import model_environment
from bot.errors import ModelError
from bot.worker.exit_text import exit_text

logger = logging.getLogger(__name__)

WORKER = str(Path(worker.__file__).with_name("__main__.py"))
"""The path of the worker's program."""
_READ_BYTES = 16 * 1024
_OUTPUT_CHARACTERS = 300


async def spawn(python: str, passed_on: Collection[str] = ()) -> asyncio.subprocess.Process:
    """Start the worker under the interpreter `python`, with pipes for stdin, stdout and stderr, in
    the environment that `bot.environment.model_environment` returns for the variables `passed_on`.
    Raises ModelError where it cannot be started."""
    try:
        return await asyncio.create_subprocess_exec(
            python,
            "-X",
            "utf8",
            WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=model_environment(os.environ, passed_on),
        )
    except OSError as exc:
        raise ModelError(
            f"{python} cannot be started ({exc.strerror}): name a Python interpreter in "
            '[model] python, or "" for Parley\'s own.'
        ) from exc


class StderrLog:
    """Logs a process's stderr at DEBUG and keeps its last lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=3)

    async def read(self) -> None:
        """Read until the process, and any process that it started, has closed stderr."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(_READ_BYTES):
            for line in data.decode("utf-8", "replace").splitlines():
                if line.strip():
                    self._lines.append(line.strip())
                    logger.debug("worker %d: %s", self._process.pid, line)

    @property
    def last_output(self) -> str:
        """A sentence with the last lines, or "" without any."""
        lines = " | ".join(self._lines)
        return f" Its last output: {lines[-_OUTPUT_CHARACTERS:]}" if lines else ""


def ending(code: int | None, last_output: str, python: str = "") -> str:
    """Why a worker ended that did not report the reason itself, in one line. `python` is its
    interpreter where the worker's code did not even start, else ""."""
    if python:
        return (
            f"{python} did not start the model's process ({exit_text(code)}): check [model] python."
            f"{last_output}"
        )
    return f"The model's process ended unexpectedly: {exit_text(code)}.{last_output}"
