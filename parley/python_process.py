"""Python processes that are asked in JSON and answer in JSON, and that end when their user does.

What takes much memory for a moment, and what imports libraries that run models, is done in a
process of its own: `result_of` asks once, `started` is for one that answers line by line.
"""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.worker.exit_text import exit_text

LONGEST_LINE = 2**24
"""Bytes of one line of output; a library may print long lines, too."""
_SHOWN = 300
"""Characters of what a process printed on stderr that an error shows."""


class ProcessFailed(Exception):
    """The process could not be started, ended without a result, or took too long: the reason, in
    one line."""


class Conversation:
    """A running process that answers each line of JSON with one."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def ask(self, request: Any, mark: str) -> Any:
        """Send `request` and return the JSON behind `mark` in the next line that begins with it;
        other lines are passed over. Waits for as long as it takes. Raises ProcessFailed where the
        process ends, or prints a line of more than `LONGEST_LINE` bytes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            await self.process.stdin.drain()
            while line := (await self.process.stdout.readline()).decode(errors="replace"):
                if line.startswith(mark):
                    return json.loads(line.removeprefix(mark))
        except (OSError, ValueError) as exc:
            raise ProcessFailed(f"its process gave no answer ({exc})") from exc
        raise ProcessFailed("its process ended")


@contextlib.asynccontextmanager
async def started(
    *arguments: str,
    python: str = "",
    environment: Mapping[str, str] | None = None,
    stderr: int | None = DEVNULL,
) -> AsyncIterator[Process]:
    """The interpreter `python` ("" for this one) with `arguments` and pipes for stdin and stdout;
    it is killed, where it still runs, and waited for at the end. `environment`: None is this
    process's own. `stderr` as for `asyncio.create_subprocess_exec`. Raises ProcessFailed."""
    program = python or sys.executable
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "-X",
            "utf8",
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env=dict(os.environ if environment is None else environment),
            limit=LONGEST_LINE,
        )
    except OSError as exc:
        raise ProcessFailed(f"{program} cannot be started ({exc.strerror})") from exc
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                process.kill()
        await process.wait()


async def result_of(
    *arguments: str,
    python: str = "",
    environment: Mapping[str, str] | None = None,
    request: Any = None,
    seconds: float | None = None,
    stderr: int | None = DEVNULL,
) -> Any:
    """Run `started` with `request` as JSON on its stdin to its end, within `seconds` (None: however
    long it takes). Returns the JSON that it prints: all of its output, or the last line where
    libraries print others before it. With ``stderr=PIPE`` an error shows the end of what it printed
    there. Raises ProcessFailed."""
    async with started(
        *arguments, python=python, environment=environment, stderr=stderr
    ) as process:
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate(json.dumps(request).encode())
        except TimeoutError as exc:
            raise ProcessFailed(f"no result within {seconds:g} seconds") from exc
    try:
        return _parsed(out.decode("utf-8", "replace"))
    except ValueError as exc:
        said = " ".join((err or b"").decode("utf-8", "replace").split())[-_SHOWN:]
        reason = f"the process ended without a result ({exit_text(process.returncode)})"
        raise ProcessFailed(reason + (f": {said}" if said else "")) from exc


def _parsed(output: str) -> Any:
    """Raises ValueError."""
    try:
        return json.loads(output)
    except ValueError:
        return json.loads("".join(output.splitlines()[-1:]))
