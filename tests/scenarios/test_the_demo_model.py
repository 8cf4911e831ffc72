"""The model that comes with Parley, in its own process, on every platform.

What a reader puts together from the messages is, character by character, what the model wrote.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from bot.config import Settings
from bot.generation import WorkerGenerator
from bot.messages import Completion, Finished, ModelInfo, Prompt, Sampling, Thought
from bot.ports import Generator
from parley.app import worker_options
from tests.scenarios.driver import Platform


class Recorded:
    """A generator that keeps what it wrote."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.written: list[str] = []

    async def start(self) -> ModelInfo:
        return await self._generator.start()

    async def count(self, prompt: Prompt | Completion) -> int:
        return await self._generator.count(prompt)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        self.written.append("")
        async for piece in self._generator.stream(prompt, sampling):
            if isinstance(piece, str):
                self.written[-1] += piece
            yield piece

    async def aclose(self) -> None:
        await self._generator.aclose()


@pytest.fixture
async def demo() -> AsyncIterator[Recorded]:
    pytest.importorskip("openvino_genai")
    generator = WorkerGenerator(worker_options(Settings()))
    try:
        yield Recorded(generator)
    finally:
        await generator.aclose()


async def test_its_answers_are_read_as_it_wrote_them(platform: Platform, demo: Recorded) -> None:
    questions = ("Hello!", "My name is Ana.", "What is my name?")
    async with platform.running(demo) as chat:
        for question in questions:
            await chat.say(question)
            await chat.settled()
            assert chat.read() == demo.written[-1].strip()
    assert len(demo.written) == len(questions)
    assert all(demo.written)
    assert "Ana" in demo.written[-1]
