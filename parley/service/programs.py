"""Runs the programs of the operating system that manage services."""

import asyncio
import os
from dataclasses import dataclass

from bot.errors import ConfigError

_PLAIN = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
"""Their output is parsed, so it is in English and without colours."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program printed, and how it ended."""

    code: int
    output: str
    errors: str

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        lines = (self.errors or self.output).strip().splitlines()
        return lines[0].strip() if lines else f"exit code {self.code}"


async def run(*command: str) -> Ended:
    """Run a program to its end, without a terminal. One that cannot be started has exit code 127,
    as in a shell."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **_PLAIN},
        )
    except OSError as exc:
        return Ended(127, "", f"{command[0]} cannot be started: {exc.strerror}")
    output, errors = await process.communicate()
    code = process.returncode or 0
    return Ended(code, output.decode(errors="replace"), errors.decode(errors="replace"))


async def require(*command: str) -> str:
    """The output of a program that has to succeed. Raises ConfigError."""
    ended = await run(*command)
    if ended.code:
        raise ConfigError(f"{' '.join(command)} failed: {ended.reason}")
    return ended.output


async def show(*command: str) -> int:
    """Run a program on this terminal, and return its exit code. Raises ConfigError where it cannot
    be started. Cancelled, it ends the program."""
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as exc:
        raise ConfigError(f"{command[0]} cannot be started: {exc.strerror}") from exc
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
