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
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator

from bot.errors import GenerationError
from bot.generation.openai.client import BadStream, IdleLimit
from bot.generation.openai.events import Chunk
from bot.messages import Finished, FinishReason, Usage

BYTES_PER_TOKEN = 4
"""About the average of English text."""
MOST_CHARACTERS_PER_TOKEN = 32
"""More than any text has on average."""
_AFTER_END_SECONDS = 5.0
"""How long token usage is waited for after the end."""
_LENGTH_REASONS = frozenset({"length", "max_tokens", "model_length"})


async def read_answer(
    chunks: AsyncIterator[Chunk], max_tokens: int, idle: IdleLimit
) -> AsyncGenerator[str | Finished]:
    """The text of `chunks` in pieces, then one `Finished`; at most about `max_tokens` tokens.

    `idle` is reset whenever there is text. Raises BadStream where there is no answer, and what
    `chunks` raises where it does not end.
    """
    started, first = time.monotonic(), 0.0
    limit, usage = LengthLimit(max_tokens), Chunk()
    reason, written = "", False
    try:
        async for chunk in chunks:
            usage = chunk if chunk.completion_tokens else usage
            text = limit.accept(chunk)
            if text or chunk.reasoning:
                first = first or time.monotonic() - started
            if text:
                written = True
                yield text
            if limit.reached:
                reason = "length"
                break
            if text or chunk.reasoning:
                idle.reset()
            if chunk.finish_reason:
                reason = chunk.finish_reason
                idle.reset(_AFTER_END_SECONDS)
    except GenerationError:
        if not reason:
            raise
    if not reason and not written:
        raise BadStream("sent no answer")
    yield Finished(
        FinishReason.LENGTH if reason in _LENGTH_REASONS else FinishReason.END,
        Usage(
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens or limit.tokens,
            first,
            time.monotonic() - started,
        ),
    )


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
