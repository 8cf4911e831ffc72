"""Runs models with torch and transformers: Intel GPUs (xpu), CUDA, CPUs.

Batching is done here and not by transformers' ``generate_batch``, which knows neither a seed nor
a repetition penalty for each request, does not tell when a request was cancelled, and stops as a
whole when one request does not fit. What is used of transformers is what every causal model has:
a forward pass over token ids, with positions, a mask and a cache.
"""

import importlib
import inspect
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.worker.backends import Progress
from bot.worker.backends.kv_cache.slots import SlotTable
from bot.worker.backends.torch.device import (
    Precision,
    choose_device,
    choose_precision,
    device_title,
    free_memory,
    slots_that_fit,
)
from bot.worker.backends.torch.low_bit import make_low_bit
from bot.worker.protocol import END, LENGTH, Ended, Facts, LoadError, LoadOptions, Request, Step

CHUNK = {"cpu": 256, "xpu": 1024, "cuda": 1024}
"""Prompt tokens that are read in one step, between which other answers go on and a cancel works:
as few as keep the device busy."""


@dataclass(slots=True)
class _Answer:
    request: Request
    chooser: Any
    cached: int = 0
    tokens: list[int] = field(default_factory=list)
    """The answer so far. The last one is not in the cache yet."""


class TorchBackend:
    """`bot.worker.backends.Backend` over one transformers model."""

    def __init__(self) -> None:
        self._torch: Any = None
        self._sampling: Any = None
        self._model: Any = None
        self._cache: Any = None
        self._cache_argument = ""
        self._device = "cpu"
        self._context = 0
        self._chunk = 1
        self._table = SlotTable(0)
        self._answers: dict[int, _Answer] = {}
        self._waiting: deque[int] = deque()

    # ------------------------------------------------------------ loading

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        report("Starting torch", 0, 0)
        self._torch, transformers = _import("torch"), _import("transformers")
        if int(transformers.__version__.partition(".")[0]) < 5:
            raise LoadError(
                f'backend "torch" needs transformers 5, and {sys.executable} has '
                f"{transformers.__version__}: run {sys.executable} -m pip install -U transformers"
            )
        self._device = choose_device(self._torch, options.device)
        if self._device.startswith("cuda"):
            # cuDNN plans each new length of a sequence anew, which takes longer than a step.
            self._torch.backends.cuda.enable_cudnn_sdp(False)
        self._context = options.context
        self._chunk = CHUNK[self._device.partition(":")[0]]
        report("Loading the model", 0, 0)
        precision = self._load_model(transformers, options)
        report("Warming up", 0, 0)
        # The cache's name since transformers 5.24, and before.
        known = inspect.signature(self._model.forward).parameters
        self._cache_argument = "cache" if "cache" in known else "past_key_values"
        self._make_cache(options)
        self._warm_up()
        return Facts(device_title(self._torch, self._device), precision.low_bit, self._context)

    def _load_model(self, transformers: Any, options: LoadOptions) -> Precision:
        folder = Path(options.model)
        transformers.utils.logging.disable_progress_bar()
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        text = config.get_text_config()
        _refuse_other_caches(text, folder, options.context)
        own = str(getattr(text, "dtype", None) or "float32").removeprefix("torch.")
        precision = choose_precision(self._device, options.low_bit, own)
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(self._torch, precision.stored),
                local_files_only=True,
                use_safetensors=True,
                attn_implementation="sdpa",
            )
            if precision.fewer_bits:
                make_low_bit(self._torch, model, precision.fewer_bits, self._device)
                self._model = model.to(self._device).eval()
            else:
                computed = getattr(self._torch, precision.computed)
                self._model = model.to(self._device, computed).eval()
        except self._torch.OutOfMemoryError as exc:
            raise LoadError(
                f"{folder} does not fit into the memory of {self._device}: choose a smaller model, "
                'or fewer bits, which backend = "openvino" makes with less memory'
            ) from exc
        return precision

    def _make_cache(self, options: LoadOptions) -> None:
        cache_module = importlib.import_module("bot.worker.backends.torch.slot_cache")
        self._sampling = importlib.import_module("bot.worker.backends.torch.sampling")
        text = self._model.config.get_text_config()
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        element = self._model.dtype.itemsize
        slots = slots_that_fit(
            free_memory(self._torch, self._device),
            2 * text.num_hidden_layers * heads * size * element,
            self._context,
            options.max_parallel,
            self._device,
        )
        self._table = SlotTable(slots)
        self._cache = cache_module.SlotCache(slots, self._context, self._device)

    def _warm_up(self) -> None:
        """One short answer: it makes the cache, and the first one compiles on some devices."""
        self.add(Request(id=0, prompt=[1, 1], stop=[], max_new_tokens=2))
        while self._answers:
            self.step()

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        self._answers[request.id] = _Answer(request, self._sampling.Chooser(request))
        self._waiting.append(request.id)

    def cancel(self, request_id: int) -> None:
        del self._answers[request_id]
        if request_id in self._waiting:
            self._waiting.remove(request_id)
        else:
            self._cache.carry_out(self._table.release(request_id))

    def step(self) -> Step:
        step = Step()
        with self._torch.inference_mode():
            while self._waiting and not self._table.full:
                self._admit(self._answers[self._waiting.popleft()])
            writing = [owner for owner in self._table.owners if self._answers[owner].tokens]
            self._read_a_prompt(step)
            if writing:
                self._write(writing, step)
        return step

    def _admit(self, answer: _Answer) -> None:
        request = answer.request
        self._cache.carry_out(self._table.take(request.id, request.prompt))
        answer.cached = len(self._table.tokens(request.id))

    def _read_a_prompt(self, step: Step) -> None:
        """Read more of the prompt that waits longest; at its end comes its first token."""
        reading = [a for a in self._answers.values() if not a.tokens and self._admitted(a)]
        if not reading:
            return
        answer = reading[0]
        request, known = answer.request, self._table.tokens(answer.request.id)
        start = len(known)
        fresh = request.prompt[start : start + self._chunk]
        logits = self._forward(self._table.slot(request.id), [fresh], [start])
        known += fresh
        if len(known) == len(request.prompt):
            self._take_tokens([answer], logits, step)

    def _admitted(self, answer: _Answer) -> bool:
        return answer.request.id in self._table.owners

    def _write(self, writing: list[int], step: Step) -> None:
        """One more token for every answer that has begun. A slot between them whose prompt is
        still being read takes part with a token that the rest of its prompt will overwrite."""
        rows = list(self._table.owners)
        first, last = rows.index(writing[0]), rows.index(writing[-1])
        rows = rows[first : last + 1]
        inputs = [[self._answers[owner].tokens[-1] if owner in writing else 0] for owner in rows]
        starts = [len(self._table.tokens(owner)) for owner in rows]
        logits = self._forward(first, inputs, starts)
        answers = [self._answers[owner] for owner in writing]
        for answer in answers:
            self._table.tokens(answer.request.id).append(answer.tokens[-1])
        self._take_tokens(answers, logits[[rows.index(owner) for owner in writing]], step)

    def _forward(self, first: int, inputs: list[list[int]], starts: list[int]) -> Any:
        """Logits after the last token of each row, (rows, vocabulary). Row i is slot first + i."""
        positions, mask = self._cache.aim(first, starts, len(inputs[0]))
        output = self._model(
            input_ids=self._torch.tensor(inputs).to(self._device),
            position_ids=positions,
            attention_mask=mask,
            use_cache=True,
            logits_to_keep=1,
            **{self._cache_argument: self._cache},
        )
        return output.logits[:, -1]

    def _take_tokens(self, answers: list[_Answer], logits: Any, step: Step) -> None:
        """Choose the next token of each answer from its row of logits."""
        chosen = self._sampling.choose_tokens([answer.chooser for answer in answers], logits)
        for answer, token in zip(answers, chosen, strict=True):
            request = answer.request
            answer.tokens.append(token)
            if token in request.stop:
                self._end(answer, END, step)
                continue
            step.tokens.append((request.id, [token]))
            if len(answer.tokens) == request.max_new_tokens:
                self._end(answer, LENGTH, step)

    def _end(self, answer: _Answer, reason: str, step: Step) -> None:
        request_id = answer.request.id
        del self._answers[request_id]
        self._cache.carry_out(self._table.release(request_id))
        step.ended.append(Ended(request_id, reason, "", answer.cached))


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise LoadError(
            f'backend "torch" needs {name}, which {sys.executable} does not have or cannot load '
            f"({exc}): install torch and transformers there, or name another interpreter in "
            "[model] python"
        ) from exc


def _refuse_other_caches(config: Any, folder: Path, context: int) -> None:
    """Refuse models that remember otherwise than by the keys and values of all tokens."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    if window and getattr(config, "use_sliding_window", True) and window < context:
        raise LoadError(
            f"{folder} looks back {window} tokens only: set [model] context = {window} or less"
        )
    if other := kinds - {"full_attention", "sliding_attention"}:
        raise LoadError(
            f'{folder} has layers of type {", ".join(sorted(other))}, which backend = "torch" '
            "cannot run: choose another model"
        )


def create() -> TorchBackend:
    return TorchBackend()
