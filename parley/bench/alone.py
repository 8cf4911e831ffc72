"""A process that generates without Parley around it: `bot.worker.alone`, driven line by line."""

import os
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from bot.environment import model_environment
from bot.errors import ModelError
from bot.generation.process import WORKER
from bot.worker.alone import MARK
from bot.worker.protocol import LoadOptions
from parley.bench.samples import Sample
from parley.python_process import Conversation, ProcessFailed, started


class Unavailable(ModelError):
    """This way to generate does not work here: the reason, in one line."""


class Alone:
    """A running process with its model loaded."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
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
        try:
            answer: dict[str, Any] = await self._conversation.ask(asked, MARK)
        except ProcessFailed as exc:
            raise Unavailable(f"{exc}; --verbose shows what it printed") from exc
        if answer["error"]:
            raise Unavailable(answer["error"])
        return answer


@asynccontextmanager
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
        async with started(
            WORKER,
            "alone",
            python=python,
            environment=model_environment(os.environ, passed_on),
            stderr=None if verbose else DEVNULL,
        ) as process:
            running = Alone(Conversation(process))
            await running.load(way, options)
            yield running
    except ProcessFailed as exc:
        raise Unavailable(str(exc)) from exc
