"""Decodes in steps of few shapes, so that each can be captured, and compiled.

A step computes the first slots of the KV cache, some more than there are answers, and attends to
more positions than there are tokens; a mask hides the rest. Everything that changes from step to
step is in tensors on the device (`RowStates`), which the step itself advances; one copy of token
ids comes back. Between two steps with the same answers nothing is sent to the device.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from bot.worker.backends.torch.answer import Row
from bot.worker.backends.torch.compiling import WORTHWHILE, BackgroundCompiler, Step
from bot.worker.backends.torch.device_sampling import RowStates, sample, width_for
from bot.worker.backends.torch.forward import Forward
from bot.worker.backends.torch.graphs import Capture, CapturedSteps, Work

torch: Any = importlib.import_module("torch")

SHORTEST = 256
"""Tokens: the shortest length of the attention."""


def batch_sizes(slots: int) -> list[int]:
    """The numbers of rows that steps are captured for: powers of two, and all slots."""
    return [*(2**power for power in range(slots.bit_length()) if 2**power < slots), slots]


def lengths(context: int) -> list[int]:
    """The lengths of the attention that steps are captured for: each is a third or half longer than
    the one before, so that at most a third is read in vain; the last one is the whole context."""
    found, length = [], SHORTEST
    while length < context:
        found.append(length)
        length += length // 2 if length & (length - 1) == 0 else length // 3
    return [*found, context]


def fitting(sizes: Sequence[int], wanted: int) -> int:
    """The smallest of these ascending sizes that is large enough."""
    return next(size for size in sizes if size >= wanted)


class FixedSteps:
    """Decoding steps of fixed shapes over the first slots of a KV cache."""

    def __init__(
        self,
        forward: Forward,
        capture: Capture,
        slots: int,
        context: int,
        vocabulary: int,
        device: str,
    ) -> None:
        self._compiler: BackgroundCompiler | None = None
        self._forward = forward
        self._batch_sizes = batch_sizes(slots)
        self._lengths = lengths(context)
        self._vocabulary = vocabulary
        self._states = RowStates(slots, vocabulary, device)
        self._logits = torch.zeros(slots, vocabulary, device=device)
        self._steps = CapturedSteps(capture)
        self._expected: list[Row] = []
        """What the states on the device stand for."""

    @property
    def captured(self) -> int:
        """How many steps are captured."""
        return len(self._steps)

    def compile(self, backend: str = "inductor", worthwhile: int = WORTHWHILE) -> None:
        """From now on compile the shapes that are used this often, in the background, by
        torch.compile's `backend`, and use what is compiled as soon as it is."""
        self._compiler = BackgroundCompiler(backend, worthwhile)

    def close(self) -> None:
        """Give back what captured steps hold, and compile nothing more."""
        if self._compiler is not None:
            self._compiler.close()
        self._steps.clear()

    def wait_until_compiled(self) -> None:
        """Wait until all shapes that were used are compiled, or none will be."""
        if self._compiler is not None:
            self._compiler.wait()

    def problems(self) -> list[str]:
        """Why nothing more is compiled, told once: at most one line."""
        if self._compiler is None or not self._compiler.problems:
            return []
        said = self._compiler.problems.popleft()
        return [f"[model.torch] compile: torch.compile cannot do it here ({said})"]

    def batch_size(self, rows: int) -> int:
        """How many rows a step for so many rows computes."""
        return fitting(self._batch_sizes, rows)

    def decode(self, rows: Sequence[Row]) -> list[int]:
        """One more token for each row of the first slots; there are `batch_size` of them. What rows
        without an answer get has no meaning. Raises what the capture of a step raises; the same
        step can then be computed in another way."""
        if self._expected != list(rows):
            self._expected = []
            self._states.fill(rows)
        count = len(rows)
        longest = max(row.position for row in rows if row.answer is not None) + 1
        self._run_forward(count, fitting(self._lengths, longest))
        self._run_sampling(count, width_for(rows, self._vocabulary))
        tokens: list[int] = self._states.tokens[:count].tolist()
        self._expected = [
            row if row.answer is None else Row(row.position + 1, row.answer) for row in rows
        ]
        return tokens

    def _run_forward(self, count: int, length: int) -> None:
        def make_step() -> Step:
            tokens, positions = self._states.tokens[:count], self._states.positions[:count]
            return self._forward.fixed(tokens, positions, length)

        def work_of(step: Step) -> Work:
            logits = self._logits[:count]
            return lambda: logits.copy_(step())

        key = (count, length)
        if self._compiler is not None and (compiled := self._compiler.compiled(key, make_step)):
            self._steps.forget(("forward", *key))
            self._steps.run(("compiled", *key), lambda: work_of(compiled))
        else:
            self._steps.run(("forward", *key), lambda: work_of(make_step()))

    def _run_sampling(self, count: int, width: int) -> None:
        states, logits = self._states, self._logits[:count]

        def work() -> None:
            states.advance(count, sample(logits, states, width))

        self._steps.run(("sampling", count, width), lambda: work)
