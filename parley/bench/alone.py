"""A process that generates without Parley around it: `bot.worker.alone`, driven line by line."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot import worker
from bot.environment import model_environment
from bot.errors import ModelError
from bot.worker.alone import MARK
from bot.worker.protocol import LoadOptions
from parley.bench.samples import Sample

LONGEST_LINE = 2**24
"""Bytes of one answer of the process; a library may print long lines, too."""


class Unavailable(ModelError):
    """This way to generate does not work here: the reason, in one line."""


class Alone:
    """A running process with its model loaded."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.title = ""
        """What it loaded, for people."""

    async def load(self, way: str, options: LoadOptions) -> None:
        """Load the model. Raises Unavailable."""
        self.title = (await self._ask({"way": way, "load": asdict(options)}))["ready"]

    async def run(self, prompts: Sequence[list[int]], stop: Collection[int], tokens: int) -> Sample:
        """Generate for all prompts at once, greedily. Raises Unavailable."""
        asked = {"prompts": list(prompts), "stop": sorted(stop), "tokens": tokens}
        found = await self._ask(asked)
        return Sample(found["seconds"], found["tokens"], tuple(found["first"]))

    async def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            await self._process.stdin.drain()
            while line := (await self._process.stdout.readline()).decode(errors="replace"):
                if line.startswith(MARK):
                    answer: dict[str, Any] = json.loads(line.removeprefix(MARK))
                    if answer["error"]:
                        raise Unavailable(answer["error"])
                    return answer
        except (OSError, ValueError) as exc:
            raise Unavailable(f"its process gave no answer ({exc})") from exc
        raise Unavailable("its process ended; --verbose shows what it printed")


@contextlib.asynccontextmanager
async def alone(
    way: str,
    options: LoadOptions,
    *,
    python: str = "",
    passed_on: Collection[str] = (),
    verbose: bool = False,
) -> AsyncIterator[Alone]:
    """A process that generates by `way`, one of `bot.worker.alone.WAYS`, while the body runs; under
    the interpreter `python` ("" for this one). `verbose` shows what it prints. Raises
    Unavailable."""
    try:
        process = await asyncio.create_subprocess_exec(
            python or sys.executable,
            "-X",
            "utf8",
            str(Path(worker.__file__).with_name("__main__.py")),
            "alone",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if verbose else asyncio.subprocess.DEVNULL,
            env=model_environment(os.environ, passed_on),
            limit=LONGEST_LINE,
        )
    except OSError as exc:
        raise Unavailable(f"{python} cannot be started ({exc.strerror})") from exc
    try:
        running = Alone(process)
        await running.load(way, options)
        yield running
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
