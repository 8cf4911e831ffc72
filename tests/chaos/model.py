"""A generator that knows what it should have said, and that fails as workers and servers do."""

import re
from collections import Counter
from collections.abc import AsyncGenerator
from functools import cache

from bot.clock import Clock
from bot.errors import GenerationError, NoRoom, WorkerLost
from bot.messages import (
    Completion,
    Finished,
    FinishReason,
    ModelInfo,
    Prompt,
    Sampling,
    Thought,
    Usage,
)
from tests.chaos.faults import Faults

KEY = re.compile(r"q(\d+)v(\d+)")
"""What a question says of itself: its number, and which edit it is."""
WORD = re.compile(r"\b(\d+)v(\d+)g(\d+)\.(\d+)\b")
"""A word of an answer: the question, its edit, the generation, and which word it is."""
CONTEXT = 50_000


class Defect(Exception):
    """An exception that is nobody's: a defect, or a driver's own. The log may show it."""


@cache
def script(seed: int, question: int, edit: int, generation: int) -> tuple[str, ...]:
    """The tokens of one answer."""
    draw = Faults(seed).fixed("script", question, edit, generation)
    count = draw.choice([1, 4, 12, 30, 60, 250, 700])
    fenced = draw.random() < 0.3
    tokens: list[str] = []
    inside = False
    for number in range(count):
        word = f"{question}v{edit}g{generation}.{number}"
        if number and fenced and number % 17 == 0:
            inside = not inside
            tokens.append("\n```python\n" if inside else "\n```\n")
        elif number and draw.random() < 0.1:
            tokens.append("\n\n" if not inside else "\n")
        elif number:
            word = f" {word}"
        tokens.append(word)
    if inside:
        tokens.append("\n```")
    return tuple(tokens)


class ChaosGenerator:
    """A `bot.ports.Generator`. One for all runs of a seed: it is the model, not the process."""

    def __init__(self, faults: Faults, clock: Clock, *, longest: int) -> None:
        self._faults = faults
        self._clock = clock
        self._generations: Counter[tuple[int, int]] = Counter()
        self.longest = longest
        self.wrong: list[str] = []
        """Violations that only the model sees."""

    async def start(self) -> ModelInfo:
        return ModelInfo("chaos", "test", "none", "none", CONTEXT)

    async def count(self, prompt: Prompt | Completion) -> int:
        if isinstance(prompt, Completion):
            return len(prompt.text.split())
        texts = [prompt.system, prompt.question, prompt.answer]
        for exchange in prompt.history:
            texts += [exchange.question, exchange.answer]
        return sum(len(text.split()) for text in texts)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        assert isinstance(prompt, Prompt)
        tokens, done = self._place(prompt)
        key = KEY.search(prompt.question)
        draw = self._faults.random("stream", key[0] if key else "?")
        pace = draw.choice([0.01, 0.03, 0.1])
        fault = self._fault(draw.random()) if self._faults.active else ""
        breaks_at = draw.choice([0, 1, 3, 10, 40])
        written = 0
        for token in tokens[done:]:
            if fault and written >= breaks_at:
                await self._fail(fault, key[0] if key else "?")
                fault = ""
            if written == sampling.max_new_tokens:
                break
            await self._clock.sleep(pace)
            written += 1
            yield token
        if fault == "stream ends without an end":
            return
        cut = written < len(tokens) - done
        usage = Usage(await self.count(prompt), 0, written)
        yield Finished(FinishReason.LENGTH if cut else FinishReason.END, usage)

    def _place(self, prompt: Prompt) -> tuple[tuple[str, ...], int]:
        """What is to be said, and how many tokens of it were said before."""
        key = KEY.findall(prompt.question)
        if not key:
            return ("No", " number."), 0
        question, edit = map(int, key[-1])
        begun = WORD.search(prompt.answer)
        if begun is None:
            self._generations[question, edit] += 1
            return script(self._faults.seed, question, edit, self._generations[question, edit]), 0
        tokens = script(self._faults.seed, *map(int, begun.groups()[:3]))
        said = 0
        for number, token in enumerate(tokens):
            if said >= len(prompt.answer):
                return tokens, number
            said += len(token)
        whole = "".join(tokens)
        if not whole.startswith(prompt.answer):
            self.wrong.append(f"the model was to continue what it never said: {prompt.answer!r}")
        return tokens, len(tokens)

    def _fault(self, chance: float) -> str:
        if chance >= self._faults.rates.model:
            return ""
        kinds = (
            "worker lost",
            "worker lost for good",
            "generation failed",
            "no room",
            "stream ends without an end",
            "worker hangs",
            "raw exception",
        )
        return kinds[int(chance / self._faults.rates.model * len(kinds))]

    async def _fail(self, fault: str, where: str) -> None:
        if fault != "stream ends without an end":
            self._faults.inject(fault, where)
        if fault == "worker hangs":
            await self._clock.sleep(120.0)
            raise WorkerLost("the worker hung and was killed")
        if fault.startswith("worker lost"):
            raise WorkerLost("the worker ended")
        if fault == "generation failed":
            raise GenerationError("the model failed")
        if fault == "no room":
            raise NoRoom("out of memory")
        if fault == "raw exception":
            raise Defect("a list where a text was expected")

    async def aclose(self) -> None:
        """Nothing is held."""
