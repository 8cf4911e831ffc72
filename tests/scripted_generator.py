"""A working Generator without a model: a function gives the answer, and the test sets the pace."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from bot.errors import GenerationError
from bot.messages import Completion, Finished, FinishReason, ModelInfo, Prompt, Sampling, Usage

Reply = Callable[[Prompt], str]


def echo(prompt: Prompt) -> str:
    """Answers with the content of the prompt, so that a test can see what the model was given."""
    seen = " | ".join(exchange.question for exchange in prompt.history)
    return f"[{prompt.system}] [{seen}] {prompt.question}"


class ScriptedGenerator:
    """A `bot.ports.Generator` that yields the reply word by word; a word is a token. With `paced`,
    each word waits for a permit from `let`; without, one comes per iteration of the event loop."""

    def __init__(self, reply: Reply = echo, *, context: int = 2048, paced: bool = False) -> None:
        self._reply = reply
        self._context = context
        self._permits = asyncio.Semaphore(0) if paced else None
        self.prompts: list[Prompt] = []
        """The prompts of all streams, in order."""
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
        return ModelInfo("scripted", "test", "none", "none", self._context)

    async def count(self, prompt: Prompt | Completion) -> int:
        if isinstance(prompt, Completion):
            return len(prompt.text.split())
        texts = [prompt.system, prompt.question, prompt.answer]
        for exchange in prompt.history:
            texts += [exchange.question, exchange.answer]
        return sum(len(text.split()) for text in texts)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Finished]:
        assert isinstance(prompt, Prompt)
        self.prompts.append(prompt)
        words = [f"{word} " for word in self._reply(prompt).split()]
        words[-1:] = [word.rstrip() for word in words[-1:]]
        done = len(prompt.answer.split())
        failure = self.failures.pop(0) if self.failures else None
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        written = 0
        try:
            for word in words[done:]:
                if failure and written >= failure[0]:
                    raise failure[1]
                if written == sampling.max_new_tokens:
                    break
                await (self._permits.acquire() if self._permits else asyncio.sleep(0))
                self.steps += 1
                written += 1
                yield word
            usage = Usage(await self.count(prompt), 0, written)
            cut = written < len(words) - done
            yield Finished(FinishReason.LENGTH if cut else FinishReason.END, usage)
        finally:
            self.writing -= 1

    async def aclose(self) -> None:
        assert self.writing == 0
