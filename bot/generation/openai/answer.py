"""Reads one answer from its chunks: where it ends, its length limit, its usage.

How an answer ends:

- With a ``finish_reason``: the end. What follows is only waited for briefly.
- After text, with ``[DONE]`` or the regular end of the response, without a reason: the end too. A
  server that dies does not end its response regularly, and servers exist that never send a reason;
  asking those to continue would repeat the answer.
- Without any text, and without a reason: a failure.
- With a broken connection, an error or an unreadable event: a failure, after which the answer is
  continued elsewhere.
- When it is longer than was asked for: at the length limit.

What the model thinks comes in a field of its own, or in front of the text between tags, or both
(`bot.generation.thinking`).
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator

from bot.errors import GenerationError
from bot.generation.openai.client import BadStream, IdleLimit
from bot.generation.openai.events import Chunk
from bot.generation.thinking import ThoughtFilter
from bot.messages import Finished, FinishReason, Thought, Usage

BYTES_PER_TOKEN = 4
"""About the average of English text."""
MOST_CHARACTERS_PER_TOKEN = 32
"""More than any text has on average."""
_AFTER_END_SECONDS = 5.0
"""How long token usage is waited for after the end."""
_LENGTH_REASONS = frozenset({"length", "max_tokens", "model_length"})


async def read_answer(
    chunks: AsyncIterator[Chunk],
    max_tokens: int,
    idle: IdleLimit,
    thoughts: ThoughtFilter | None = None,
    max_thinking: int = 0,
) -> AsyncGenerator[str | Thought | Finished]:
    """The thought and the text of `chunks` in pieces, then one `Finished`; at most about
    `max_tokens` tokens of text and, together, `max_thinking` more.

    `idle` is reset whenever there is text. Raises BadStream where there is no answer, and what
    `chunks` raises where it does not end.
    """
    started, first = time.monotonic(), 0.0
    divider = _Divider(thoughts or ThoughtFilter(), max_tokens, max_thinking)
    usage, reason = Chunk(), ""
    try:
        async for chunk in chunks:
            usage = chunk if chunk.completion_tokens else usage
            pieces = divider.pieces(chunk)
            if pieces or chunk.reasoning:
                first = first or time.monotonic() - started
            for piece in pieces:
                yield piece
            if divider.reached:
                reason = "length"
                break
            if chunk.text or chunk.reasoning:
                idle.reset()
            if chunk.finish_reason:
                reason = chunk.finish_reason
                idle.reset(_AFTER_END_SECONDS)
    except GenerationError:
        if not reason:
            raise
    cut = reason in _LENGTH_REASONS
    for piece in divider.rest(cut=cut):
        yield piece
    if not reason and not divider.answered:
        raise BadStream("sent no answer")
    total = usage.completion_tokens or divider.tokens
    yield Finished(
        FinishReason.LENGTH if cut else FinishReason.END,
        Usage(
            usage.prompt_tokens,
            usage.cached_tokens,
            total,
            first,
            time.monotonic() - started,
            min(total, usage.thinking_tokens or divider.thinking_tokens(total)),
        ),
    )


class _Divider:
    """Thought and answer of one stream, each within its length."""

    def __init__(self, thoughts: ThoughtFilter, max_tokens: int, max_thinking: int) -> None:
        self._filter = thoughts
        self._whole = LengthLimit(max_tokens + max_thinking)
        self._text = LengthLimit(max_tokens)
        self._events = self._thinking_events = 0
        self._assumed = thoughts.thinking and not thoughts.begun
        self._thought: list[str] = []
        self.answered = False
        """Whether there was any text of the answer."""

    @property
    def reached(self) -> bool:
        """Whether there was more than the limit."""
        return self._whole.reached or self._text.reached

    @property
    def tokens(self) -> int:
        """The number of tokens within the limit, by the number of events."""
        return self._whole.tokens

    def thinking_tokens(self, total: int) -> int:
        """How many of `total` tokens were thought, by the number of events."""
        return round(total * self._thinking_events / self._events) if self._events else 0

    def pieces(self, chunk: Chunk) -> list[str | Thought]:
        """What a chunk adds. Reasoning after the answer has begun is no part of anything."""
        text = self._whole.accept(chunk)
        found: list[str | Thought] = []
        if chunk.reasoning and not self.answered and not self._whole.reached:
            self._filter.told()
            self._assumed = False
            found.append(Thought(chunk.reasoning))
        if text:
            found += self._filter.feed(text)
        if chunk.text or chunk.reasoning:
            self._events += 1
            self._thinking_events += bool(chunk.reasoning) or not self._filter.answering
        return self._kept(found)

    def rest(self, *, cut: bool) -> list[str | Thought]:
        """What is left at the end. Where a thought was only assumed to be open, and the answer was
        not cut, there was none: all of it was the answer."""
        found = self._kept(self._filter.flush())
        if self._assumed and self._filter.thinking and not cut:
            self.answered = True
            self._thinking_events = 0
            return [Thought("", whole=True), *filter(None, ["".join(self._thought)])]
        return found

    def _kept(self, found: list[str | Thought]) -> list[str | Thought]:
        """`found` within the length of the answer."""
        kept: list[str | Thought] = []
        for piece in found:
            if isinstance(piece, Thought):
                self._thought.append(piece.text)
                self.answered = self.answered and not piece.whole
                kept.append(piece)
            elif text := self._text.accept(Chunk(text=piece)):
                self.answered = True
                kept.append(text)
        return kept


class LengthLimit:
    """Enforces ``max_tokens`` where the server does not.

    The number of tokens is what the server reports along with the text. Otherwise it is estimated:
    an event has at least one token, unless its text is so short that tokens were divided. So a
    server that counts right is not cut off. The number of characters has a bound in any case.
    """

    def __init__(self, most: int) -> None:
        """`most` is the limit in tokens."""
        self._most = most
        self._events = 0
        self._bytes = 0
        self._room = most * MOST_CHARACTERS_PER_TOKEN
        self.reached = False
        """Whether there was more than the limit."""

    @property
    def tokens(self) -> int:
        """The number of tokens within the limit, by the number of events."""
        return min(self._events, self._most)

    def accept(self, chunk: Chunk) -> str:
        """The chunk's text, as far as it is within the limit. Reasoning counts, too."""
        counted = chunk.reasoning + chunk.text
        if not counted:
            return ""
        self._events += 1
        self._bytes += len(counted.encode("utf-8", "replace"))
        estimate = min(self._events, self._bytes // BYTES_PER_TOKEN)
        if (tokens := max(estimate, chunk.completion_tokens)) > self._most:
            self.reached = True
            if self._events > 1:
                return ""
            # the whole answer in one event: the part of it that fits
            self._room = min(self._room, len(counted) * self._most // tokens)
        self._room -= len(counted)
        if self._room >= 0:
            return chunk.text
        self.reached = True
        return chunk.text[: max(0, len(chunk.text) + self._room)]
