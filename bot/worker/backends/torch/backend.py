"""The torch backend: continuous batching over a model of transformers.

Batching is this module's own and not transformers' ``generate_batch``, which has no seed or
repetition penalty per request, does not report cancelled requests, and stops for all requests when
one does not fit. Used of transformers is what every causal language model has: a forward pass over
token ids, with positions, an attention mask and a KV cache.

On a GPU, prompts are read by this module, and answers are written in captured steps
(`bot.worker.backends.torch.fixed_steps`). On a CPU, or where nothing can be captured, both are
forward passes of just the tokens that are needed.
"""

import importlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.worker.backends import warm_up
from bot.worker.backends.kv_cache.batch_slots import BatchSlots
from bot.worker.backends.torch.answer import Answer
from bot.worker.backends.torch.device import contexts_that_fit, device_title, free_memory
from bot.worker.backends.torch.graphs import Capture, graph_capture
from bot.worker.backends.torch.layer_kinds import cannot_run, fix_positions
from bot.worker.backends.torch.loading import Loaded, import_torch, load_model
from bot.worker.context import context_that_fits
from bot.worker.exception_text import PART, one_line
from bot.worker.protocol import (
    END,
    LENGTH,
    Ended,
    Facts,
    LoadOptions,
    Progress,
    Request,
    Step,
    Usage,
)

PREFILL_CHUNK = {"cpu": 256, "xpu": 1024, "cuda": 1024}
"""By kind of device: tokens of a prompt in one step (chunked prefill). Between steps other answers
advance and cancels take effect, so this is the smallest number that keeps the device busy."""

PROBE = list(range(1, 17))
"""Token ids for which the model is compared with itself without a cache."""

MAX_ERROR = 0.3
"""The largest relative error in this comparison. Rounding to 16 bits gives 0.01 to 0.1, wrong
positions about 1."""

MAY_HELP = "a newer torch or driver, or more free memory, may allow it"
"""What an operator can do about graphs that fail."""


class TorchBackend:
    """`bot.worker.backends.Backend` with a model of transformers."""

    def __init__(
        self, capture: Capture | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`capture` captures decoding steps, on a CPU too; None is the device's own way."""
        self._torch: Any = None
        self._capture = capture
        self._clock = clock
        self._device = "cpu"
        self._context = 0
        self._chunk = 1
        self._forward: Any = None
        self._sample: Any = None
        """Samples the next token of each answer from logits [batch, vocabulary]."""
        self._host_sampling: Any = None
        """The module that samples on the CPU, where it does."""
        self._fixed: Any = None
        """Decodes in captured steps; None where each step is a forward pass of its own."""
        self._reads: Any = None
        """Reads what is short in captured passes; None where nothing can be captured."""
        self._slots = BatchSlots(0)
        self._answers: dict[int, Answer] = {}
        self._waiting: deque[int] = deque()
        """Requests that wait for a slot."""
        self._owed = 0.0
        """Seconds that answers may still be written before more of a prompt is read."""
        self._compile = False
        """Whether the settings ask for compiled steps."""
        self._loading = True
        self._notes: list[str] = []
        """What the operator should know and was not told yet."""

    # ------------------------------------------------------------ loading

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        report("Starting torch", 0, 0)
        self._torch, transformers = import_torch()
        report("Loading the model", 0, 0)
        loaded = load_model(self._torch, transformers, options)
        self._device, self._context = loaded.device, options.context
        self._compile = options.compile
        self._chunk = PREFILL_CHUNK[self._device.partition(":")[0]]
        report("Warming up", 0, 0)
        note = fix_positions(loaded.model, self._context)
        vocabulary = self._make_cache(loaded, options)
        self._choose_ways(vocabulary)
        warm_up(self)
        if self._fixed is not None:
            warm_up(self)  # a step is captured when it is run for the second time
        notes = [note, *self._notes] if note else self._notes
        self._loading, self._notes = False, []
        device = device_title(self._torch, self._device)
        return Facts(device, loaded.precision.low_bit, self._context, note="; ".join(notes))

    def _make_cache(self, loaded: Loaded, options: LoadOptions) -> int:
        """Make the KV cache, of as many slots as fit. Returns the size of the vocabulary."""
        forward = importlib.import_module("bot.worker.backends.torch.forward").Forward
        how = (loaded.model, loaded.masks, self._device)
        # What a token takes is measured: heads and their sizes may differ from layer to layer.
        self._forward = forward(*how, 1, len(PROBE))
        vocabulary = self._check_model(loaded.model, Path(options.model))
        free, token_bytes = (
            free_memory(self._torch, self._device),
            self._forward.cache.bytes_per_token,
        )
        self._context = context_that_fits(options, free, token_bytes)
        slots = contexts_that_fit(
            free,
            token_bytes,
            self._context,
            options.max_parallel,
            self._device,
        )
        self._slots = BatchSlots(slots)
        self._forward = forward(*how, slots, self._context)
        return vocabulary

    def _check_model(self, model: Any, folder: Path) -> int:
        """Raises LoadError where the model computes something else with masks and cache of this
        backend than on its own, as some do that encode positions in their own way. Returns the size
        of the vocabulary."""
        half = len(PROBE) // 2
        with self._torch.inference_mode():
            ids = self._torch.tensor([PROBE]).to(self._device)
            alone = model(input_ids=ids).logits[0, -1]
            try:
                self._forward(0, [PROBE[:half]], [0])
                cached = self._forward(0, [PROBE[half:]], [half])[0]
            except (ValueError, TypeError, LookupError) as exc:
                raise cannot_run(model.config, folder) from exc
        error = (cached.float() - alone.float()).norm() / alone.float().norm()
        if float(error) > MAX_ERROR:
            raise cannot_run(model.config, folder)
        return int(alone.shape[0])

    def _choose_ways(self, vocabulary: int) -> None:
        """How tokens are sampled and decoded: on a CPU in the ways of a CPU, whose tokens for a
        seed stay what they are; else on the device, in captured steps where it can."""
        if self._device == "cpu" and self._capture is None:
            self._host_sampling = importlib.import_module("bot.worker.backends.torch.sampling")
            self._sample = self._host_sampling.sample_answers
            if self._compile:
                self._notes.append('[model.torch] compile = "on" has no effect on a CPU')
            return
        sampling = importlib.import_module("bot.worker.backends.torch.device_sampling")
        slots = self._slots.capacity
        self._sample = sampling.DeviceSampler(slots, vocabulary, self._device)
        with self._torch.inference_mode():
            # The cache of each layer is allocated when it is written: before graphs are prepared,
            # which need its tensors. Where memory is too small for it, a smaller context may fit.
            self._forward(0, [[0]], [0])
        try:
            self._prepare_capture(slots, vocabulary)
        except Exception as exc:  # whatever a driver or an incomplete torch raises
            self._give_up_capture(f"graphs cannot be prepared on {self._device}", exc)

    def _prepare_capture(self, slots: int, vocabulary: int) -> None:
        """Raises what the device raises; then what was prepared is of no use."""
        capture = self._capture or graph_capture(self._torch, self._device)
        if capture is None:
            self._notes.append(
                f"this version of torch has no graphs for {self._device}: "
                + self._without_graphs("a newer torch may have them")
            )
            return
        fixed = importlib.import_module("bot.worker.backends.torch.fixed_steps")
        self._fixed = fixed.FixedSteps(
            self._forward, capture, slots, self._context, vocabulary, self._device
        )
        reads = importlib.import_module("bot.worker.backends.torch.fixed_reads")
        self._reads = reads.FixedReads(
            self._forward, capture, self._context, vocabulary, self._device
        )
        if self._compile:
            self._fixed.compile()

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        answer = Answer(request)
        if self._host_sampling is not None:
            answer.sampler = self._host_sampling.Sampler(request)
        self._answers[request.id] = answer
        self._waiting.append(request.id)

    def cancel(self, request_id: int) -> None:
        del self._answers[request_id]
        if request_id in self._waiting:
            self._waiting.remove(request_id)
        else:
            self._forward.cache.apply(self._slots.release(request_id))

    def step(self) -> Step:
        step, start = Step(), self._clock()
        with self._torch.inference_mode():
            while self._waiting and not self._slots.full:
                self._admit(self._answers[self._waiting.popleft()])
            decoding = [key for key in self._slots.requests if self._answers[key].tokens]
            read = (self._owed <= 0 or not decoding) and self._prefill(step)
            if decoding:
                self._decode(decoding, step)
        self._share_time(self._clock() - start, read=read, wrote=bool(decoding))
        if not self._loading:  # else they are told with what was loaded
            step.notes, self._notes = self._notes, []
        return step

    def _share_time(self, seconds: float, *, read: bool, wrote: bool) -> None:
        """Note how long a step took: on a GPU, where a captured step is much shorter than a chunk
        of prefill, answers are then written for as long as they were held up. On a CPU a step takes
        about as long as a chunk, and they alternate."""
        if self._fixed is None or not wrote:
            self._owed = 0.0
        else:
            self._owed = seconds if read else self._owed - seconds

    def _admit(self, answer: Answer) -> None:
        """Give a waiting request a slot, with a cached prefix where there is one."""
        request = answer.request
        self._forward.cache.apply(self._slots.acquire(request.id, request.prompt))
        answer.cached = len(self._slots.tokens(request.id))

    def _prefill(self, step: Step) -> bool:
        """Compute the next chunk of the oldest prompt that is not complete, if there is one; the
        last chunk gives the first token of its answer."""
        pending = [a for a in self._answers.values() if not a.tokens and self._admitted(a)]
        if not pending:
            return False
        answer = pending[0]
        request, cached = answer.request, self._slots.tokens(answer.request.id)
        start = len(cached)
        chunk = request.prompt[start : start + self._chunk]
        logits = self._read(self._slots.slot(request.id), chunk, start)
        cached += chunk
        if len(cached) == len(request.prompt):
            self._take_tokens([answer], self._sample([answer], logits), step)
        return True

    def _read(self, slot: int, chunk: list[int], start: int) -> Any:
        """The logits [1, vocabulary] after this chunk of a prompt."""
        if self._reads is not None and self._reads.fits(len(chunk)):
            try:
                return self._reads.read(slot, chunk, start)
            except Exception as exc:  # whatever a driver or an operator raises
                self._notes.append(self._reading_note(exc))
                self._reads.close()
                self._reads = None
        return self._forward(slot, [chunk], [start])

    def _admitted(self, answer: Answer) -> bool:
        return answer.request.id in self._slots.requests

    def _decode(self, decoding: list[int], step: Step) -> None:
        """One more token for each of these requests, in one batch."""
        answers = [self._answers[key] for key in decoding]
        if self._fixed is None:
            tokens = self._decode_exactly(decoding, answers)
        else:
            tokens = self._decode_fixed(decoding, answers)
        for answer in answers:
            self._slots.tokens(answer.request.id).append(answer.tokens[-1])
        self._take_tokens(answers, tokens, step)

    def _decode_exactly(self, decoding: list[int], answers: list[Answer]) -> list[int]:
        """A slot between those of the answers that is still in prefill is computed with a dummy
        token, which its next chunk overwrites."""
        rows = list(self._slots.requests)
        first, last = rows.index(decoding[0]), rows.index(decoding[-1])
        rows = rows[first : last + 1]
        inputs = [[self._answers[key].tokens[-1] if key in decoding else 0] for key in rows]
        starts = [len(self._slots.tokens(key)) for key in rows]
        logits = self._forward(first, inputs, starts)
        tokens: list[int] = self._sample(answers, logits[[rows.index(key) for key in decoding]])
        return tokens

    def _decode_fixed(self, decoding: list[int], answers: list[Answer]) -> list[int]:
        """In a captured step; once that fails, exactly and for good."""
        slots = [self._slots.slot(key) for key in decoding]
        positions = self._slots.lengths(self._fixed.batch_size(slots[-1] + 1))
        rows: list[Answer | None] = [None] * len(positions)
        for slot, answer in zip(slots, answers, strict=True):
            rows[slot] = answer
        try:
            tokens = self._fixed.decode(positions, rows, go_on=self._goes_on(answers))
        except Exception as exc:  # whatever a driver or an operator raises
            what = f"decoding steps cannot be captured as graphs on {self._device}"
            self._give_up_capture(what, exc)
            return self._decode_exactly(decoding, answers)
        self._notes += self._fixed.problems()
        return [tokens[slot] for slot in slots]

    def _goes_on(self, answers: list[Answer]) -> bool:
        """Whether the next step will be for the same answers, unless one ends by itself. Several
        answers do that too often: each time, all would wait for a step that is of no use."""
        if len(self._answers) > 1:  # also one that waits, or is being read
            return False
        (answer,) = answers
        return len(answer.tokens) + 1 < answer.request.max_new_tokens

    def _give_up_capture(self, what: str, exc: Exception) -> None:
        """From now on decode and read without graphs. The operator is told `what` failed."""
        for captured in (self._fixed, self._reads):
            if captured is not None:
                captured.close()
        self._fixed = self._reads = None
        # That reading failed in the same way would say nothing more.
        said = self._reading_note(exc)
        self._notes = [note for note in self._notes if note != said]
        self._notes.append(f"{what} ({one_line(exc, PART)}): {self._without_graphs(MAY_HELP)}")
        module: Any = getattr(self._torch, self._device.partition(":")[0], None)
        if hasattr(module, "empty_cache"):
            module.empty_cache()  # what the graphs held

    def _without_graphs(self, remedy: str) -> str:
        """What it means for the operator that nothing is captured."""
        compiling = " [model.torch] compile has no effect;" if self._compile else ""
        return f"answers are written without them, more slowly;{compiling} {remedy}"

    def _reading_note(self, exc: Exception) -> str:
        """What the operator is told where reading alone cannot be captured."""
        return (
            f"reading cannot be captured as graphs on {self._device} ({one_line(exc, PART)}): "
            f"prompts are read without them, and answers begin a little later; {MAY_HELP}"
        )

    def _take_tokens(self, answers: list[Answer], tokens: list[int], step: Step) -> None:
        """Add to each answer its next token."""
        for answer, token in zip(answers, tokens, strict=True):
            request = answer.request
            answer.tokens.append(token)
            if token in request.stop:
                self._end(answer, END, step)
                continue
            step.tokens.append((request.id, [token]))
            if len(answer.tokens) == request.max_new_tokens:
                self._end(answer, LENGTH, step)

    def _end(self, answer: Answer, reason: str, step: Step) -> None:
        request_id = answer.request.id
        del self._answers[request_id]
        self._forward.cache.apply(self._slots.release(request_id))
        step.ended.append(Ended(request_id, reason, usage=Usage(cached_tokens=answer.cached)))


def create() -> TorchBackend:
    return TorchBackend()
