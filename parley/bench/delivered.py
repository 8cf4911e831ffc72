"""Parley's part of the measurement: real questions through engine, store and delivery, to a surface
in memory that takes every edit at once."""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace

from bot.clock import SystemClock
from bot.config import Settings
from bot.delivery import Delivery
from bot.engine import Engine
from bot.errors import ModelError
from bot.messages import (
    Completion,
    ConversationKey,
    Finished,
    ModelInfo,
    Person,
    Prompt,
    Question,
    Reasoning,
    Sampling,
    Thought,
)
from bot.ports import AnswerState, Generator, Part, Quota, SurfaceLimits
from parley.app import engine_options, open_generator
from parley.bench.samples import Sample
from storage import open_store

PLATFORM = "bench"
NO_LIMITS = SurfaceLimits(1_000_000, budget="bench", edits_per_second=1e6, burst=1000)


class MemorySurface:
    """A surface that takes everything at once."""

    def __init__(self, limits: SurfaceLimits = NO_LIMITS) -> None:
        self.limits = limits
        self.changed = 0.0
        """When it was last changed, by `time.perf_counter`."""

    async def send(self, part: Part) -> str:
        self.changed = time.perf_counter()
        return part.key

    async def edit(self, message: str, part: Part) -> None:
        del message, part
        self.changed = time.perf_counter()

    async def remove(self, message: str) -> None:
        pass

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        del part, known  # nothing was posted that is not recorded
        return None

    async def retire(self, message: str) -> None:
        pass

    async def leave(self) -> None:
        """Nothing is shown beside the messages."""

    async def whisper(self, text: str) -> None:
        pass

    async def attach(self, name: str, text: str) -> str | None:
        del name, text  # there are no files here
        return None


class Watched:
    """A generator, of which prompts and first tokens are noted."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.prompts: list[Prompt | Completion] = []
        self.first: list[float] = []
        """When the first token of each answer came, by `time.perf_counter`."""

    async def start(self) -> ModelInfo:
        return await self._generator.start()

    async def count(self, prompt: Prompt | Completion) -> int:
        return await self._generator.count(prompt)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        self.prompts.append(prompt)
        waiting = True
        async with contextlib.aclosing(self._generator.stream(prompt, sampling)) as pieces:
            async for piece in pieces:
                if waiting:
                    self.first.append(time.perf_counter())
                    waiting = False
                yield piece

    async def aclose(self) -> None:
        await self._generator.aclose()


@dataclass(frozen=True, slots=True)
class Asked:
    """A measurement, and the prompts that the model got for it."""

    sample: Sample
    prompts: tuple[Prompt | Completion, ...]


class Delivered:
    """A running Parley to ask."""

    def __init__(self, engine: Engine, watched: Watched) -> None:
        self.model = engine.status.model
        self._engine = engine
        self._watched = watched
        self._numbers = itertools.count(1)

    async def ask(self, questions: Sequence[str], *, conversation: str = "") -> Asked:
        """Ask all at once, each by a person of its own in a conversation of its own, or all in
        `conversation`. Raises ModelError where an answer fails."""
        self._watched.prompts, self._watched.first = [], []
        asked = [(self._question(text, conversation), MemorySurface()) for text in questions]
        begun = time.perf_counter()
        jobs = await asyncio.gather(*(self._engine.ask(*one) for one in asked))
        for job in jobs:
            assert job is not None
            await job.ended()
        seconds = max(surface.changed for _, surface in asked) - begun
        outcomes = [job.outcome for job in jobs if job is not None]
        if any(one is None or one.state is AnswerState.FAILED for one in outcomes):
            raise ModelError("An answer failed; --verbose says why.")
        tokens = sum(one.usage.completion_tokens for one in outcomes if one is not None)
        first = tuple(moment - begun for moment in self._watched.first)
        return Asked(Sample(seconds, tokens, first), tuple(self._watched.prompts))

    def _question(self, text: str, conversation: str) -> Question:
        number = next(self._numbers)
        key = ConversationKey(PLATFORM, conversation or f"channel {number}")
        person = Person(PLATFORM, conversation or f"person {number}", "Ana")
        return Question(key, person, text, f"event {number}", direct=True)


@contextlib.asynccontextmanager
async def delivering(settings: Settings, *, tokens: int, most: int) -> AsyncIterator[Delivered]:
    """A Parley of these settings, with a database of its own; answers have `tokens` tokens at most,
    and `most` are generated at a time. Raises ModelError."""
    options = engine_options(settings)
    sampling = Sampling(temperature=0.0, max_new_tokens=tokens)
    window = replace(options.window, sampling=sampling, reasoning=Reasoning.OFF)
    options = replace(
        options, window=window, slots=most, queue=1000, queue_per_person=1000, quota=Quota()
    )
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="parley-bench-")
        stack.callback(folder.cleanup)
        store = await stack.enter_async_context(open_store(f"sqlite:///{folder.name}/b.sqlite3"))
        generator = await stack.enter_async_context(open_generator(settings))
        watched = Watched(generator)
        delivery = Delivery(clock, store, edit_interval=settings.delivery.edit_interval)
        engine = Engine(watched, store, delivery, clock, options)
        await stack.enter_async_context(engine)
        yield Delivered(engine, watched)
