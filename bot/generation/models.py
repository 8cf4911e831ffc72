"""A model on further servers, ``[models.NAME]``: started on demand, and down for itself alone.

The default model has to answer before Parley starts. A further one need not: it is started by
whoever needs it first, once at a time, and what is wrong with it is told by its own name.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from bot.clock import Clock
from bot.errors import GenerationError, ModelDown, ModelError, NoRoom, WorkerLost
from bot.messages import Completion, Finished, ModelInfo, Prompt, Sampling, Thought
from bot.observer import Event, NoObserver, Observer, ServersAnswer, ServersFailed
from bot.ports import Generator

FAILURE_SECONDS = 5.0
"""How long a failed start counts for everybody: a server that does not answer costs each attempt
its timeout, and many questions may wait for it."""


class OnDemand:
    """A `bot.ports.Generator` for one of ``[models.NAME]``."""

    def __init__(
        self,
        name: str,
        make: Callable[[Observer], Generator],
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        """`make` makes the generator, which tells its observer of its servers; `observer` is told
        the same with the model's name."""
        self._name = name
        self._servers = _Named(name, observer or NoObserver())
        self._generator = make(self._servers)
        self._clock = clock
        self._starting = asyncio.Lock()
        self._failure: ModelDown | None = None
        self._failed_at = 0.0

    async def start(self) -> ModelInfo:
        """As `Generator.start`, one attempt at a time. Raises ModelDown."""
        async with self._starting:
            if self._failure and self._clock.monotonic() - self._failed_at < FAILURE_SECONDS:
                raise ModelDown(str(self._failure), self._name)
            try:
                info = await self._generator.start()
            except ModelError as error:
                self._failed_at = self._clock.monotonic()
                self._failure = ModelDown(settings_named(str(error), self._name), self._name)
                raise self._failure from error
            self._failure = None
            return info

    def reachable(self) -> bool:
        """Whether it was started, and one of its servers answered since it last failed."""
        return self._failure is None and not self._servers.failed

    async def count(self, prompt: Prompt | Completion) -> int:
        """As `Generator.count`."""
        return await self._generator.count(prompt)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        """As `Generator.stream`."""
        try:
            async with aclosing(self._generator.stream(prompt, sampling)) as stream:
                async for piece in stream:
                    yield piece
        except GenerationError as error:
            text = settings_named(str(error), self._name)
            if isinstance(error, WorkerLost):
                raise WorkerLost(text) from error
            if isinstance(error, NoRoom):
                raise NoRoom(text) from error
            raise GenerationError(text) from error

    async def aclose(self) -> None:
        """As `Generator.aclose`."""
        await self._generator.aclose()


class _Named:
    """Tells another observer which model's servers fail or answer."""

    def __init__(self, name: str, then: Observer) -> None:
        self._name = name
        self._then = then
        self.failed = False
        """All of its servers have failed."""

    def observe(self, event: Event) -> None:
        if isinstance(event, ServersFailed | ServersAnswer):
            self.failed = isinstance(event, ServersFailed)
            event = replace(event, model=self._name)
        self._then.observe(event)


def settings_named(text: str, name: str) -> str:
    """`text`, which is about the default model's settings, with those of ``[models.NAME]``: errors
    of servers name the settings to correct."""
    key = f"PARLEY_MODELS__{name.upper()}__API_KEY"
    return (
        text.replace("[model.openai]", f"[models.{name}]")
        .replace("[model] context", f"[models.{name}] context")
        .replace("PARLEY_MODEL__OPENAI__API_KEY", key)
    )
