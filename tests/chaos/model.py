"""A generator that knows what it should have said, and that fails as workers and servers do."""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from functools import cache
from itertools import chain

from bot.clock import Clock
from bot.errors import GenerationError, NoRoom, WorkerLost
from bot.messages import (
    Completion,
    Finished,
    FinishReason,
    ModelInfo,
    Prompt,
    Reasoning,
    Sampling,
    Thought,
    Usage,
)
from tests.chaos.faults import Faults
from tests.chaos.thoughts import THOUGHT, Mind, Thinks, thoughts

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

    def __init__(self, faults: Faults, clock: Clock, mind: Mind, *, longest: int) -> None:
        self._faults = faults
        self._mind = mind
        self._clock = clock
        self._generations: Counter[tuple[int, int]] = Counter()
        self.longest = longest
        self.wrong: list[str] = []
        """Violations that only the model sees."""

    async def start(self) -> ModelInfo:
        thinks = () if self._mind.kind is Thinks.NEVER else tuple(Reasoning)
        return ModelInfo("chaos", "test", "none", "none", CONTEXT, thinks_at=thinks)

    async def count(self, prompt: Prompt | Completion) -> int:
        if isinstance(prompt, Completion):
            return len(prompt.text.split())
        texts = [prompt.system, prompt.question, prompt.thought, prompt.answer]
        for exchange in prompt.history:
            texts += [exchange.question, exchange.answer]
        return sum(len(text.split()) for text in texts)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        assert isinstance(prompt, Prompt)
        pieces = self._pieces(prompt, sampling)
        key = KEY.search(prompt.question)
        draw = self._faults.random("stream", key[0] if key else "?")
        pace = draw.choice([0.01, 0.03, 0.1])
        fault = self._fault(draw.random()) if self._faults.active else ""
        breaks_at = draw.choice([0, 1, 3, 10, 40])
        written = thought = 0
        cut = False
        for piece in pieces:
            if fault and written + thought >= breaks_at:
                await self._fail(fault, key[0] if key else "?")
                fault = ""
            if piece is None or written == sampling.max_new_tokens:
                cut = True
                break
            if not (isinstance(piece, Thought) and piece.whole):
                await self._clock.sleep(pace)
                written += isinstance(piece, str) and not THOUGHT.search(piece)
                thought += isinstance(piece, Thought)
            yield piece
        if fault == "stream ends without an end":
            return
        usage = Usage(await self.count(prompt), 0, written + thought, thinking_tokens=thought)
        yield Finished(FinishReason.LENGTH if cut else FinishReason.END, usage)

    def _pieces(self, prompt: Prompt, sampling: Sampling) -> Iterator[str | Thought | None]:
        """What is left to be said; None where the length of a thought leaves no room for it."""
        which = self._generation(prompt)
        if which is None:
            return iter(("No", " number."))
        tokens = script(self._faults.seed, *which)
        if prompt.answer and not THOUGHT.search(prompt.answer):
            return iter(self._rest(tokens, prompt.answer))
        kind, whole = self._mind.kind, thoughts(self._faults.seed, *which)
        most = max(0, sampling.max_thinking_tokens)
        if kind is Thinks.NEVER:
            return iter(tokens)
        if kind is Thinks.UNTAGGED and whole:
            turned = Thought("".join(whole[: self._mind.most]), whole=True)
            left = self._rest(whole[: self._mind.most], prompt.answer)
            return chain(left, (turned,), tokens)
        if kind is Thinks.BEGINS_ANEW:
            again = (Thought("", whole=True),) if prompt.thought else ()
            no_room = (None,) if len(whole) > most else ()
            return chain(again, map(Thought, whole[:most]), no_room, tokens)
        return chain(map(Thought, self._rest(whole, prompt.thought)[:most]), tokens)

    def _generation(self, prompt: Prompt) -> tuple[int, int, int] | None:
        """Which answer it is: the one that was begun, else a new one."""
        key = KEY.findall(prompt.question)
        if not key:
            return None
        question, edit = map(int, key[-1])
        begun = WORD.search(prompt.answer) or THOUGHT.search(prompt.answer)
        if begun is None and self._mind.kind is Thinks.TAKES_UP:
            begun = THOUGHT.search(prompt.thought)
        if begun is not None:
            question, edit, generation = map(int, begun.groups()[:3])
            return question, edit, generation
        self._generations[question, edit] += 1
        return question, edit, self._generations[question, edit]

    def _rest(self, tokens: tuple[str, ...], so_far: str) -> tuple[str, ...]:
        """The tokens that are not said yet."""
        said = 0
        for number, token in enumerate(tokens):
            if said >= len(so_far):
                return tokens[number:]
            said += len(token)
        if not "".join(tokens).startswith(so_far):
            self.wrong.append(f"the model was to continue what it never said: {so_far!r}")
        return ()

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
