"""The codec of the scripted backend."""

from bisect import bisect_right
from collections.abc import Iterable

from bot.generation.answer_reader import AnswerReader
from bot.generation.options import MAX_CONTEXT
from bot.generation.thinking import FAMILIES, Family, ThoughtFilter
from bot.messages import Completion, Prompt, Reasoning, Sampling, Thought
from bot.worker.backends.scripted import split_script


class ScriptedCodec:
    """The codec of the scripted backend: its tokens are the words of the script, numbered from 0.
    Any other word has the number after the last one."""

    name = "scripted"
    ends: frozenset[int] = frozenset()
    stops: frozenset[int] = frozenset()
    reasoning_levels: frozenset[Reasoning] = frozenset()

    def __init__(self, script: str, context: int) -> None:
        self.context = context or MAX_CONTEXT
        self._script = script
        self._words = split_script(script)
        self._ends = list(_word_ends(self._words))
        self._thought, self._answer = _divided(script)
        self.thinks_at = frozenset(Reasoning) if self._thought else frozenset()

    async def encode(self, prompt: Prompt | Completion) -> list[int]:
        if isinstance(prompt, Completion):
            read = prompt.text
        else:
            past = (text for turn in prompt.history for text in (turn.question, turn.answer))
            read = " ".join((prompt.system, *past, prompt.question))
        other = len(self._words)
        said = bisect_right(self._ends, self._position(prompt))
        return [other] * max(1, len(split_script(read))) + list(range(said))

    async def count(self, prompt: Prompt | Completion) -> int:
        return len(await self.encode(prompt))

    def reader(
        self, prompt: Prompt | Completion, ids: list[int], sampling: Sampling
    ) -> AnswerReader:
        del ids
        position = self._position(prompt)
        over = isinstance(prompt, Completion) or bool(prompt.answer and position)
        inside = FAMILIES[0] if position and not over else None
        thoughts = ThoughtFilter(inside, begun=bool(inside), over=over)
        return AnswerReader(self._decoder(position), thoughts, sampling)

    def answer_reader(self, sampling: Sampling) -> AnswerReader:
        start = len(self._script) - len(self._answer)
        return AnswerReader(self._decoder(start), ThoughtFilter(over=True), sampling)

    def closing(self, family: Family, thought: list[int]) -> list[int]:
        del family
        start = len(self._script) - len(self._answer)
        before = bisect_right(self._ends, start)
        return list(range(len(thought), before)) if self._answer else []

    def samples(self) -> tuple[tuple[str, list[int]], ...]:
        return ()

    def _decoder(self, position: int) -> "_ScriptDecoder":
        return _ScriptDecoder(self._script, self._ends, position)

    def _position(self, prompt: Prompt | Completion) -> int:
        """How much of the script was said: 0 where the answer or thought so far is another text."""
        if isinstance(prompt, Completion):
            return 0
        if prompt.answer:
            start, said, whole = len(self._script) - len(self._answer), prompt.answer, self._answer
        else:
            start, said, whole = self._script.find(self._thought), prompt.thought, self._thought
        return start + len(said) if said and whole.startswith(said) else 0


class _ScriptDecoder:
    def __init__(self, script: str, ends: list[int], position: int) -> None:
        self._script = script
        self._ends = ends
        self._position = position

    def feed(self, ids: Iterable[int]) -> str:
        start = self._position
        for word in ids:
            self._position = max(self._position, self._ends[word])
        return self._script[start : self._position]

    def flush(self) -> str:
        return ""

    def hide_control(self) -> None:
        """A script has no control tokens."""


def _divided(script: str) -> tuple[str, str]:
    """The thought and the answer of a script."""
    thoughts = ThoughtFilter()
    pieces = [*thoughts.feed(script), *thoughts.flush()]
    thought = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
    return thought, "".join(piece for piece in pieces if isinstance(piece, str))


def _word_ends(words: Iterable[str]) -> Iterable[int]:
    """The offset in the script at which each word ends."""
    length = 0
    for word in words:
        length += len(word)
        yield length
