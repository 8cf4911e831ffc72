"""The torch backend: continuous batching over a model of transformers.

Batching is this module's own and not transformers' ``generate_batch``, which has no seed or
repetition penalty per request, does not report cancelled requests, and stops for all requests when
one does not fit. Used of transformers is what every causal language model has: a forward pass over
token ids, with positions, an attention mask and a KV cache.
"""

import importlib
import inspect
import sys
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.worker.backends import warm_up
from bot.worker.backends.kv_cache.batch_slots import BatchSlots
from bot.worker.backends.torch.device import (
    Precision,
    choose_device,
    choose_precision,
    contexts_that_fit,
    device_title,
    free_memory,
)
from bot.worker.backends.torch.layer_kinds import (
    Masks,
    attention_implementation,
    auto_class,
    cannot_run,
    fix_positions,
    masks_of,
    refuse_stateful,
)
from bot.worker.backends.torch.low_bit import quantize
from bot.worker.conversion.decoder_config import read_json
from bot.worker.conversion.unsupported import quantization, refuse_unusable
from bot.worker.protocol import (
    END,
    LENGTH,
    Ended,
    Facts,
    LoadError,
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


@dataclass(slots=True)
class _Answer:
    request: Request
    sampler: Any
    cached: int = 0
    """Tokens of the prompt that were in the KV cache."""
    tokens: list[int] = field(default_factory=list)
    """The answer so far. The last token is not in the KV cache yet."""


class TorchBackend:
    """`bot.worker.backends.Backend` with a model of transformers."""

    def __init__(self) -> None:
        self._torch: Any = None
        self._sampling: Any = None
        self._model: Any = None
        self._cache: Any = None
        self._masks = Masks({})
        self._cache_argument = ""
        self._device = "cpu"
        self._context = 0
        self._chunk = 1
        self._slots = BatchSlots(0)
        self._answers: dict[int, _Answer] = {}
        self._waiting: deque[int] = deque()
        """Requests that wait for a slot."""

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
            # cuDNN plans its kernels anew for each sequence length, which takes longer than a step.
            self._torch.backends.cuda.enable_cudnn_sdp(False)
        self._context = options.context
        self._chunk = PREFILL_CHUNK[self._device.partition(":")[0]]
        report("Loading the model", 0, 0)
        precision = self._load_model(transformers, options)
        report("Warming up", 0, 0)
        # The argument is called "cache" since transformers 5.24, "past_key_values" before.
        known = inspect.signature(self._model.forward).parameters
        self._cache_argument = "cache" if "cache" in known else "past_key_values"
        note = fix_positions(self._model, self._context)
        self._make_cache(options)
        warm_up(self)
        device = device_title(self._torch, self._device)
        return Facts(device, precision.low_bit, self._context, note=note)

    def _load_model(self, transformers: Any, options: LoadOptions) -> Precision:
        folder = Path(options.model)
        refuse_unusable(folder)
        transformers.utils.logging.disable_progress_bar()
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        text = config.get_text_config()
        loader = auto_class(transformers, config)
        refuse_stateful(loader._model_mapping.get(type(config), None), folder)
        self._masks = masks_of(text, folder)
        own = str(getattr(text, "dtype", None) or "float32").removeprefix("torch.")
        precision = choose_precision(self._device, options.low_bit, own)
        try:
            model = loader.from_pretrained(
                folder,
                dtype=getattr(self._torch, precision.stored),
                local_files_only=True,
                use_safetensors=True,
                attn_implementation=attention_implementation(text),
            )
            attention = model.config.get_text_config()._attn_implementation
            self._masks = replace(self._masks, additive=attention == "eager")
            if precision.quantization:
                quantize(self._torch, model, precision.quantization, self._device)
                self._model = model.to(self._device).eval()
            else:
                computed = getattr(self._torch, precision.computed)
                self._model = model.to(self._device, computed).eval()
        except self._torch.OutOfMemoryError as exc:
            raise LoadError(
                f"{folder} does not fit into the memory of {self._device}: choose a smaller model, "
                'or backend = "openvino", which quantizes with less memory'
            ) from exc
        except (ImportError, ValueError, RuntimeError) as exc:
            if (method := quantization(read_json(folder))) is None:
                raise
            raise LoadError(
                f"{folder}: transformers cannot load weights that are quantized with {method} here "
                f"({' '.join(str(exc).split())[:150]}): use the original model, which [model] "
                "low_bit quantizes, or the same model as a GGUF file"
            ) from exc
        return precision

    def _make_cache(self, options: LoadOptions) -> None:
        cache_module = importlib.import_module("bot.worker.backends.torch.slot_cache")
        self._sampling = importlib.import_module("bot.worker.backends.torch.sampling")

        def cache(slots: int, context: int) -> Any:
            computed = self._model.dtype
            return cache_module.SlotCache(slots, context, self._device, self._masks, computed)

        # What a token takes is measured: heads and their sizes may differ from layer to layer.
        self._cache = cache(1, len(PROBE))
        self._check_model(Path(options.model))
        slots = contexts_that_fit(
            free_memory(self._torch, self._device),
            self._cache.bytes_per_token,
            self._context,
            options.max_parallel,
            self._device,
        )
        self._slots = BatchSlots(slots)
        self._cache = cache(slots, self._context)

    def _check_model(self, folder: Path) -> None:
        """Raises LoadError where the model computes something else with masks and cache of this
        backend than on its own, as some do that encode positions in their own way."""
        half = len(PROBE) // 2
        with self._torch.inference_mode():
            ids = self._torch.tensor([PROBE]).to(self._device)
            alone = self._model(input_ids=ids).logits[0, -1]
            try:
                self._forward(0, [PROBE[:half]], [0])
                cached = self._forward(0, [PROBE[half:]], [half])[0]
            except (ValueError, TypeError, LookupError) as exc:
                raise cannot_run(self._model.config, folder) from exc
        error = (cached.float() - alone.float()).norm() / alone.float().norm()
        if float(error) > MAX_ERROR:
            raise cannot_run(self._model.config, folder)

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        self._answers[request.id] = _Answer(request, self._sampling.Sampler(request))
        self._waiting.append(request.id)

    def cancel(self, request_id: int) -> None:
        del self._answers[request_id]
        if request_id in self._waiting:
            self._waiting.remove(request_id)
        else:
            self._cache.apply(self._slots.release(request_id))

    def step(self) -> Step:
        step = Step()
        with self._torch.inference_mode():
            while self._waiting and not self._slots.full:
                self._admit(self._answers[self._waiting.popleft()])
            decoding = [key for key in self._slots.requests if self._answers[key].tokens]
            self._prefill(step)
            if decoding:
                self._decode(decoding, step)
        return step

    def _admit(self, answer: _Answer) -> None:
        """Give a waiting request a slot, with a cached prefix where there is one."""
        request = answer.request
        self._cache.apply(self._slots.acquire(request.id, request.prompt))
        answer.cached = len(self._slots.tokens(request.id))

    def _prefill(self, step: Step) -> None:
        """Compute the next chunk of the oldest prompt that is not complete; the last chunk gives
        the first token of its answer."""
        pending = [a for a in self._answers.values() if not a.tokens and self._admitted(a)]
        if not pending:
            return
        answer = pending[0]
        request, cached = answer.request, self._slots.tokens(answer.request.id)
        start = len(cached)
        chunk = request.prompt[start : start + self._chunk]
        logits = self._forward(self._slots.slot(request.id), [chunk], [start])
        cached += chunk
        if len(cached) == len(request.prompt):
            self._take_tokens([answer], logits, step)

    def _admitted(self, answer: _Answer) -> bool:
        return answer.request.id in self._slots.requests

    def _decode(self, decoding: list[int], step: Step) -> None:
        """One more token for each of these requests, in one batch. A slot between theirs that is
        still in prefill is computed with a dummy token, which its next chunk overwrites."""
        rows = list(self._slots.requests)
        first, last = rows.index(decoding[0]), rows.index(decoding[-1])
        rows = rows[first : last + 1]
        inputs = [[self._answers[key].tokens[-1] if key in decoding else 0] for key in rows]
        starts = [len(self._slots.tokens(key)) for key in rows]
        logits = self._forward(first, inputs, starts)
        answers = [self._answers[key] for key in decoding]
        for answer in answers:
            self._slots.tokens(answer.request.id).append(answer.tokens[-1])
        self._take_tokens(answers, logits[[rows.index(key) for key in decoding]], step)

    def _forward(self, first: int, inputs: list[list[int]], starts: list[int]) -> Any:
        """One forward pass over token ids [batch, tokens] from the positions `starts` [batch] on.
        Row i of the batch is slot ``first + i``. Returns the logits after the last token of each
        row, [batch, vocabulary]."""
        positions, mask = self._cache.prepare(first, starts, len(inputs[0]))
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
        """Sample the next token of each answer from its row of logits [batch, vocabulary]."""
        sampled = self._sampling.sample_tokens([answer.sampler for answer in answers], logits)
        for answer, token in zip(answers, sampled, strict=True):
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
        self._cache.apply(self._slots.release(request_id))
        step.ended.append(Ended(request_id, reason, usage=Usage(cached_tokens=answer.cached)))


def _import(name: str) -> Any:
    """Raises LoadError where the module cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise LoadError(
            f'backend "torch" needs {name}, which {sys.executable} does not have or cannot load '
            f"({exc}): install torch and transformers there, or name another interpreter in "
            "[model] python"
        ) from exc


def create() -> TorchBackend:
    return TorchBackend()
