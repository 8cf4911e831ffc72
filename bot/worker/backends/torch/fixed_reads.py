"""Reads short prompts, and what is new in a conversation's next turn, in passes of few shapes.

A forward pass over a few tokens takes a GPU little longer than a decoding step, and Python some 40
ms. Captured, the first token of a cached conversation comes after the former alone.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from bot.worker.backends.torch.fixed_steps import fitting, lengths
from bot.worker.backends.torch.forward import Forward
from bot.worker.backends.torch.graphs import Capture, CapturedSteps, Work

torch: Any = importlib.import_module("torch")

SIZES = (32, 128)
"""Tokens that a captured pass reads; what is shorter is filled up."""


class FixedReads:
    """Forward passes of fixed shapes over a chunk of one prompt."""

    def __init__(
        self, forward: Forward, capture: Capture, context: int, vocabulary: int, device: str
    ) -> None:
        self._forward = forward
        self._context = context
        self._lengths = lengths(context)
        self._sizes = [size for size in SIZES if size < context]
        self._inputs = {
            size: torch.zeros(2 * size + 2, dtype=torch.int64, device=device) for size in SIZES
        }
        """By size: the tokens, their positions, the slot, and which token is the last one."""
        self._logits = torch.zeros(1, vocabulary, device=device)
        self._steps = CapturedSteps(capture)

    def fits(self, tokens: int) -> bool:
        """Whether so many tokens can be read."""
        return bool(self._sizes) and tokens <= self._sizes[-1]

    def read(self, slot: int, chunk: Sequence[int], start: int) -> Any:
        """Compute the tokens `chunk` of a slot, from the position `start` on. Returns the logits
        after the last one, [1, vocabulary], until the next call. Raises what the capture raises;
        the chunk can then be computed in another way."""
        size = fitting(self._sizes, len(chunk))
        # Tokens that fill up are written to the last position, which no answer ever reaches: the
        # last token of an answer is not computed.
        filling = size - len(chunk)
        tokens = [*chunk, *([0] * filling)]
        positions = [*range(start, start + len(chunk)), *([self._context - 1] * filling)]
        inputs = self._inputs[size]
        inputs.copy_(torch.tensor([*tokens, *positions, slot, len(chunk) - 1]))
        length = fitting(self._lengths, start + len(chunk))
        self._steps.run((size, length), lambda: self._work(size, length))
        return self._logits

    def _work(self, size: int, length: int) -> Work:
        tokens, positions, slot, last = self._inputs[size].split([size, size, 1, 1])
        step, logits = (
            self._forward.fixed_chunk(tokens, positions, slot, last, length),
            self._logits,
        )
        return lambda: logits.copy_(step())

    def close(self) -> None:
        """Give back what captured passes hold."""
        self._steps.clear()
