"""A model for tests that writes a given text exactly, white space included."""

import asyncio
import re
from collections.abc import AsyncGenerator

from bot.messages import Completion, Finished, FinishReason, Prompt, Sampling, Thought, Usage
from tests.scripted_generator import ScriptedGenerator


class TextGenerator(ScriptedGenerator):
    """Writes `text`, a word with the white space after it at a time. Paced, each word needs a
    permit (`let`); else the loop turns once between two."""

    def __init__(self, text: str, *, paced: bool = False) -> None:
        super().__init__(context=1_000_000, paced=paced)
        self._words = re.findall(r"\s*\S+\s*", text)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        assert isinstance(prompt, Prompt)
        self.prompts.append(prompt)
        done = len(re.findall(r"\s*\S+\s*", prompt.answer))
        words = self._words[done:][: sampling.max_new_tokens]
        self.writing += 1
        try:
            for word in words:
                await (self._permits.acquire() if self._permits else asyncio.sleep(0))
                self.steps += 1
                yield word
        finally:
            self.writing -= 1
        cut = done + len(words) < len(self._words)
        reason = FinishReason.LENGTH if cut else FinishReason.END
        yield Finished(reason, Usage(await self.count(prompt), 0, len(words)))


def code_and_prose(characters: int) -> str:
    """A text of at least so many characters: paragraphs, a list, and long fences."""
    parts: list[str] = []
    number = 0
    while sum(map(len, parts)) < characters:
        number += 1
        lines = [f"    value_{number}_{line} = compute({line}) + {number}" for line in range(40)]
        parts += [
            f"Chapter {number}: what the function `f{number}` does, and *why* it is so.\n\n",
            f"```python\ndef f{number}():\n" + "\n".join(lines) + "\n```\n\n",
            "".join(f"- point {point} of chapter {number}\n" for point in range(8)) + "\n",
        ]
    return "".join(parts).strip()


def same(text: str) -> str:
    """The text with every white space as one blank: cuts between messages may change its kind."""
    return " ".join(text.split())
