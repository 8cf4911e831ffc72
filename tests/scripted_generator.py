"""A working Generator without a model: a function gives the answer, and the test sets the pace."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator

from bot.errors import GenerationError
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

Reply = Callable[[Prompt], str]


def echo(prompt: Prompt) -> str:
    """Answers with the content of the prompt, so that a test can see what the model was given."""
    seen = " | ".join(exchange.question for exchange in prompt.history)
    return f"[{prompt.system}] [{seen}] {prompt.question}"


class ScriptedGenerator:
    """A `bot.ports.Generator` that yields the reply word by word; a word is a token. With `paced`,
    each word waits for a permit from `let`; without, one comes per iteration of the event loop.

    With a `thought`, its words come before the reply. One that a prompt has already is taken up
    where it broke off, or with ``prefills=False`` begun anew, and one that is longer than the
    sampling allows is closed, or with ``closes=False`` ends the stream, as on a server."""

    def __init__(
        self,
        reply: Reply = echo,
        *,
        context: int = 2048,
        paced: bool = False,
        thought: str = "",
        prefills: bool = True,
        closes: bool = True,
    ) -> None:
        self._reply = reply
        self._thought = _words(thought)
        self._prefills = prefills
        self._closes = closes
        self._context = context
        self._permits = asyncio.Semaphore(0) if paced else None
        self.prompts: list[Prompt] = []
        """The prompts of all streams, in order."""
        self.samplings: list[Sampling] = []
        """The sampling of each of them."""
        self.steps = 0
        """Words yielded so far by all streams; must not grow after a stop."""
        self.writing = 0
        """Open streams."""
        self.most_writing = 0
        """The greatest number of streams that were open at once."""
        self.failures: list[tuple[int, GenerationError]] = []
        """(words, error): each of the next streams raises its error after so many words."""

    def let(self, words: int) -> None:
        """Permit so many more words. Needs `paced`."""
        assert self._permits is not None
        for _ in range(words):
            self._permits.release()

    async def start(self) -> ModelInfo:
        thinks = tuple(Reasoning) if self._thought else ()
        return ModelInfo("scripted", "test", "none", "none", self._context, thinks_at=thinks)

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
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        failure = self.failures.pop(0) if self.failures else None
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        written = thought = 0
        cut = False
        try:
            for piece in self._pieces(prompt, sampling):
                if failure and written + thought >= failure[0]:
                    raise failure[1]
                if piece is None:
                    cut = True
                    break
                if not (isinstance(piece, Thought) and piece.whole):
                    await (self._permits.acquire() if self._permits else asyncio.sleep(0))
                    self.steps += 1
                    thought += isinstance(piece, Thought)
                    written += isinstance(piece, str)
                yield piece
            usage = Usage(await self.count(prompt), 0, written + thought, thinking_tokens=thought)
            yield Finished(FinishReason.LENGTH if cut else FinishReason.END, usage)
        finally:
            self.writing -= 1

    def _pieces(self, prompt: Prompt, sampling: Sampling) -> Iterator[str | Thought | None]:
        """The words; None where the length cuts them."""
        known = len(prompt.thought.split())
        if known and not self._prefills and not prompt.answer:
            known = 0
            yield Thought("", whole=True)
        left = [] if prompt.answer else self._thought[known:]
        yield from map(Thought, left[: sampling.max_thinking_tokens])
        if len(left) > sampling.max_thinking_tokens and not self._closes:
            yield None
            return
        words = _words(self._reply(prompt))[len(prompt.answer.split()) :]
        yield from words[: sampling.max_new_tokens]
        if len(words) > sampling.max_new_tokens:
            yield None

    async def aclose(self) -> None:
        assert self.writing == 0


def _words(text: str) -> list[str]:
    """The words of a text, each but the last with a space after it."""
    words = [f"{word} " for word in text.split()]
    words[-1:] = [word.rstrip() for word in words[-1:]]
    return words
