"""Decodes in steps of few shapes, so that each can be captured, and compiled.

A step computes the first slots of the KV cache, some more than there are answers, and attends to
more positions than there are tokens; a mask hides the rest. Everything that changes from step to
step is in tensors on the device (`RowStates`), which the step itself advances; one copy of token
ids comes back. Between two steps with the same answers nothing is sent to the device. So the next
step can be launched before the tokens of this one are read, and the device does not wait for
Python.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from bot.worker.backends.torch.answer import Answer, Row
from bot.worker.backends.torch.compiling import WORTHWHILE, BackgroundCompiler, Step
from bot.worker.backends.torch.device_sampling import RowStates, sample, width_for
from bot.worker.backends.torch.forward import Forward
from bot.worker.backends.torch.graphs import Capture, CapturedSteps, Work
from bot.worker.backends.torch.layer_compiling import LayerCompiler, load_compiler
from bot.worker.backends.torch.readback import Readback

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
        self._layers: LayerCompiler | None = None
        self._forward = forward
        self._batch_sizes = batch_sizes(slots)
        self._lengths = lengths(context)
        self._vocabulary = vocabulary
        self._states = RowStates(slots, vocabulary, device)
        self._logits = torch.zeros(slots, vocabulary, device=device)
        self._steps = CapturedSteps(capture)
        self._readback = Readback(slots, device)
        self._expected: tuple[list[int], list[Answer | None]] = [], []
        """The positions and answers that the states on the device stand for, before a step that was
        launched ahead."""
        self._launched = False
        """Whether the step for these was launched ahead."""
        self._width = 0
        """How many candidates these answers need."""

    @property
    def captured(self) -> int:
        """How many steps are captured."""
        return len(self._steps)

    def compile(self, backend: str = "inductor", worthwhile: int = WORTHWHILE) -> None:
        """From now on compile the shapes that are used this often, in the background, by
        torch.compile's `backend`, and use what is compiled as soon as it is. Takes some seconds to
        load that compiler. Where it cannot be loaded, `problems` says so."""
        self._compiler = BackgroundCompiler(worthwhile)
        try:
            self._layers = self._forward.layer_compiler(backend)
            load_compiler(backend, self._states.tokens.device)
        except Exception as exc:  # whatever the compilers of this machine raise
            self._compiler.give_up(exc)

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
        note = (
            f"[model.torch] compile: torch.compile cannot do it here ({said}): answers go on "
            'without it; correct what it names, or set compile = "off"'
        )
        return [note]

    def batch_size(self, rows: int) -> int:
        """How many rows a step for so many rows computes."""
        return fitting(self._batch_sizes, rows)

    def decode(
        self,
        positions: Sequence[int],
        answers: Sequence[Answer | None],
        *,
        go_on: bool = False,
    ) -> list[int]:
        """One more token for each of the first slots: there are `batch_size` of `positions` and of
        `answers`, as `Row` has them. What rows without an answer get has no meaning. Raises what
        the capture of a step raises; the same step can then be computed in another way.

        `go_on`: the step after this one will probably be for the same answers, all of which have
        room for one more token; it is launched at once. Where it is then for others, only time is
        lost: it wrote behind what its slots hold."""
        count, launched, go_on = len(answers), self._launched, go_on and self._readback.apart
        self._launched = False
        expected, self._expected = self._expected, ([], [])  # should something fail
        if expected != (positions, answers):
            launched = False
            rows = [Row(*each) for each in zip(positions, answers, strict=True)]
            self._states.fill(rows)
            self._width = width_for(rows, self._vocabulary)
        if not launched:
            self._launch(positions, answers)
        self._readback.start(self._states.tokens[:count])
        advanced = [
            position + (answer is not None)
            for position, answer in zip(positions, answers, strict=True)
        ]
        if go_on:
            self._launch(advanced, answers)
        tokens = self._readback.finish()
        self._expected, self._launched = (advanced, list(answers)), go_on
        return tokens

    def _launch(self, positions: Sequence[int], answers: Sequence[Answer | None]) -> None:
        """Let the device compute the step that its states stand for."""
        pairs = zip(positions, answers, strict=True)
        longest = max(position for position, answer in pairs if answer is not None) + 1
        self._run_forward(len(answers), fitting(self._lengths, longest))
        self._run_sampling(len(answers), self._width)

    def _run_forward(self, count: int, length: int) -> None:
        key = (count, length)
        compiler = self._compiler
        if compiler is not None and (step := self._compiled(compiler, key)) is not None:
            self._steps.forget(("forward", *key))
            try:
                self._steps.run(("compiled", *key), lambda: self._work(count, step))
            except Exception as exc:  # whatever a driver raises; the step is computed once more
                self._steps.forget(("compiled", *key))
                compiler.give_up(exc)
            else:
                return
        self._steps.run(("forward", *key), lambda: self._work(count, self._step(*key)))

    def _step(self, count: int, length: int) -> Step:
        tokens, positions = self._states.tokens[:count], self._states.positions[:count]
        return self._forward.fixed(tokens, positions, length)

    def _compiled(self, compiler: BackgroundCompiler, key: tuple[int, int]) -> Step | None:
        """This step with compiled layers, where they are ready."""
        layers, (count, length) = self._layers, key
        if layers is None:
            return None
        tokens, positions = self._states.tokens[:count], self._states.positions[:count]
        return compiler.compiled(
            key, lambda: self._forward.compiled(tokens, positions, length, layers)
        )

    def _work(self, count: int, step: Step) -> Work:
        logits = self._logits[:count]
        return lambda: logits.copy_(step())

    def _run_sampling(self, count: int, width: int) -> None:
        states, logits = self._states, self._logits[:count]

        def work() -> None:
            states.advance(count, sample(logits, states, width))

        self._steps.run(("sampling", count, width), lambda: work)
