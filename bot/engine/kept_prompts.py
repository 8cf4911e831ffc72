"""The prompts of the newest answers, for the verdicts that people may give on them."""

from collections import OrderedDict

from bot.measures import RecordedPrompt
from bot.messages import Prompt

MOST_CHARACTERS = 2_000_000
"""Of all prompts together. They are kept in memory only, until a verdict stores one."""


class KeptPrompts:
    """As many prompts as `MOST_CHARACTERS` allow, the oldest dropped first. Not thread-safe."""

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._held: OrderedDict[int, tuple[RecordedPrompt, int]] = OrderedDict()
        self._characters = 0

    def put(self, answer_id: int, prompt: RecordedPrompt) -> None:
        """Keep the prompt of an answer, in place of an earlier one."""
        self.drop(answer_id)
        size = _characters(prompt.prompt)
        self._held[answer_id] = (prompt, size)
        self._characters += size
        while self._characters > self._most:
            _, (_, dropped) = self._held.popitem(last=False)
            self._characters -= dropped

    def get(self, answer_id: int) -> RecordedPrompt | None:
        """The prompt of an answer, where it is still kept."""
        held = self._held.get(answer_id)
        return held[0] if held else None

    def drop(self, answer_id: int) -> None:
        """Keep that of this answer no longer. Idempotent."""
        _, size = self._held.pop(answer_id, (None, 0))
        self._characters -= size

    def clear(self) -> None:
        """Keep none: a question that one of them may quote was deleted or edited."""
        self._held.clear()
        self._characters = 0


def _characters(prompt: Prompt) -> int:
    texts = [prompt.system, prompt.question, prompt.answer, prompt.thought]
    for exchange in prompt.history:
        texts += [exchange.question, exchange.answer, exchange.thought]
    return sum(map(len, texts))
