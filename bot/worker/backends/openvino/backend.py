"""The OpenVINO backend: one ``ContinuousBatchingPipeline`` of OpenVINO GenAI.

What it loads is found or made by `source`. The pipeline gets and returns token ids and needs no
tokenizer.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bot.worker.backends import warm_up
from bot.worker.backends.kv_cache.block_index import BlockIndex
from bot.worker.backends.openvino import arithmetic
from bot.worker.backends.openvino.device import Device, choose_device
from bot.worker.backends.openvino.library import import_genai, import_openvino
from bot.worker.backends.openvino.memory import CacheSize, cache_size, fitted
from bot.worker.backends.openvino.source import Source, find_source
from bot.worker.memory import total_memory
from bot.worker.protocol import (
    END,
    ERROR,
    LENGTH,
    DoesNotFit,
    Ended,
    Facts,
    LoadError,
    LoadOptions,
    Progress,
    Request,
    Step,
    Usage,
    cut_at_stop,
)

PREFILL_CHUNK = {"CPU": 256, "GPU": 1024}
"""By kind of device: tokens of a prompt in one step (chunked prefill). Between steps other answers
advance and cancels take effect, so this is the smallest number that keeps the device busy."""


@dataclass(slots=True)
class _Answer:
    request: Request
    handle: Any
    """GenAI's ``GenerationHandle``."""
    cached: int
    """Tokens of the prompt that were in the prefix cache."""
    tokens: list[int] = field(default_factory=list)
    """All that GenAI has returned; stop tokens included."""


class OpenVinoBackend:
    """`bot.worker.backends.Backend` over one ``ContinuousBatchingPipeline``."""

    def __init__(self) -> None:
        self._genai: Any = None
        self._ov: Any = None
        self._pipeline: Any = None
        self._context = 0
        self._blocks = BlockIndex(0, 1)
        self._answers: dict[int, _Answer] = {}

    # ------------------------------------------------------------ loading

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        report("Starting OpenVINO", 0, 0)
        self._ov, self._genai = import_openvino(), import_genai()
        device = choose_device(self._ov.Core(), options.device)
        source = find_source(options, report, device.gpu_memory or total_memory())
        options = fitted(source, device, options)
        size = cache_size(source, device, options)
        report("Loading the model", 0, 0)
        self._context = options.context
        # Without a prefix cache (see `scheduler_config`) no token is ever counted as cached.
        self._blocks = BlockIndex(0 if size.states else size.blocks, size.block_size)
        self._pipeline = self._make_pipeline(source, device, size, options)
        report("Warming up", 0, 0)
        warm_up(self)
        return Facts(device.title, source.low_bit, options.context, note=source.note)

    def _make_pipeline(
        self, source: Source, device: Device, size: CacheSize, options: LoadOptions
    ) -> Any:
        scheduler = scheduler_config(self._genai, device, size, options.max_parallel)
        properties = _properties(device, source, Path(options.cache_dir))
        if options.kv_cache == "int8":
            properties |= {"KV_CACHE_PRECISION": "u8"}
        try:
            with tempfile.TemporaryDirectory() as empty:
                # Token ids go in and out. Without this, GenAI would make a tokenizer of what the
                # model's folder or GGUF file holds, and fails where it cannot.
                tokenizer = self._genai.Tokenizer(empty)
                return self._genai.ContinuousBatchingPipeline(
                    str(source.path), tokenizer, scheduler, device.name, **properties
                )
        except (RuntimeError, IndexError) as exc:  # IndexError: a tensor that GenAI expects
            raise _explained(exc, source, device) from exc

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        handle = self._pipeline.add_request(*self.arguments(request))
        cached = self._blocks.cached_tokens(request.prompt)
        self._answers[request.id] = _Answer(request, handle, cached)

    @property
    def pipeline(self) -> Any:
        """GenAI's pipeline, once the model is loaded: for what is measured without this backend."""
        return self._pipeline

    def arguments(self, request: Request) -> "tuple[int, Any, Any]":
        """What the pipeline's ``add_request`` takes for this request."""
        ids = self._ov.Tensor(np.array([request.prompt], np.int64))
        return request.id, ids, self._config(request)

    def _config(self, request: Request) -> Any:
        config = self._genai.GenerationConfig()
        config.max_new_tokens = request.max_new_tokens
        # GenAI requires an EOS token; where we have none it gets an id that no model has.
        config.set_eos_token_id(request.stop[0] if request.stop else 2**31 - 1)
        config.stop_token_ids = set(request.stop) | {config.eos_token_id}
        config.repetition_penalty = request.repetition_penalty
        config.do_sample = request.temperature > 0
        if config.do_sample:
            config.temperature = request.temperature
            config.top_p = request.top_p
            config.rng_seed = request.seed
            if request.top_k:
                config.top_k = request.top_k
        return config

    def cancel(self, request_id: int) -> None:
        answer = self._answers.pop(request_id)
        answer.handle.cancel()
        if answer.tokens:
            self._blocks.add(answer.request.prompt + answer.tokens[:-1])

    def step(self) -> Step:
        self._pipeline.step()
        step = Step()
        for answer in list(self._answers.values()):
            self._collect(answer, step)
        return step

    def _collect(self, answer: _Answer, step: Step) -> None:
        """Read the results of the last step for one answer into `step`."""
        reasons, finish = self._genai.GenerationFinishReason, None
        fresh: list[int] = []
        while answer.handle.can_read():
            for output in answer.handle.read().values():
                fresh += output.generated_ids
                if output.finish_reason != reasons.NONE:
                    finish = output.finish_reason
        ids, stopped = cut_at_stop(fresh, answer.request.stop)
        if ids:
            step.tokens.append((answer.request.id, ids))
        if fresh and not answer.tokens:
            self._blocks.add(answer.request.prompt)
        answer.tokens += fresh
        if stopped or finish == reasons.STOP:
            self._end(answer, END, step)
        elif finish is not None:
            self._end(answer, LENGTH, step)
        elif answer.handle.get_status() == self._genai.GenerationStatus.IGNORED:
            self._end(answer, ERROR, step, "the KV cache is full")

    def _end(self, answer: _Answer, reason: str, step: Step, message: str = "") -> None:
        del self._answers[answer.request.id]
        self._blocks.add(answer.request.prompt + answer.tokens[:-1])
        usage = Usage(cached_tokens=answer.cached)
        step.ended.append(Ended(answer.request.id, reason, message, usage))


# ---------------------------------------------------------------- how to load


def scheduler_config(genai: Any, device: Device, size: CacheSize, max_parallel: int) -> Any:
    """GenAI's ``SchedulerConfig`` for caches of this size."""
    scheduler = genai.SchedulerConfig()
    # GenAI 2026.4 restores the states of linear attention wrongly from its prefix cache: the second
    # answer to a prompt differs (github.com/openvinotoolkit/model_server/issues/4376).
    scheduler.enable_prefix_caching = not size.states
    scheduler.dynamic_split_fuse = True
    scheduler.max_num_batched_tokens = PREFILL_CHUNK[device.kind]
    scheduler.max_num_seqs = max_parallel
    scheduler.num_kv_blocks = size.blocks
    if size.states:
        scheduler.num_linear_attention_blocks = size.states
    return scheduler


def _properties(device: Device, source: Source, cache_dir: Path) -> dict[str, Any]:
    """The plugin's properties: inference precision, KV cache precision, cache of compiled kernels.

    With weights in fp16 and fp32 the arithmetic is exact, so that answers equal those of other
    backends. With quantized weights it is faster (`bot.worker.backends.openvino.arithmetic`)."""
    if device.kind == "CPU":
        return arithmetic.on_cpu(exact=source.exact, known_quantized=source.quantized)
    properties: dict[str, Any] = {}
    if str(cache_dir) != ".":
        # Compiled GPU kernels; OPTIMIZE_SIZE leaves out the weights.
        properties |= {"CACHE_DIR": str(cache_dir / "compiled"), "CACHE_MODE": "OPTIMIZE_SIZE"}
    if source.low_bit.startswith("fp32"):
        properties |= {"INFERENCE_PRECISION_HINT": "f32"}
    if source.exact or source.low_bit.startswith("bf16"):
        properties |= {"KV_CACHE_PRECISION": "f16"}
    return properties


def _explained(exc: Exception, source: Source, device: Device) -> LoadError:
    """What OpenVINO raised while it loaded, as an error for the operator."""
    text = " ".join(str(exc).split())
    if "alloc" in text.lower() or "out of memory" in text.lower():
        return DoesNotFit(
            f"{source.name} does not fit into the memory of {device.title}: choose a smaller "
            "[model] context or max_parallel, stronger quantization (low_bit), or a smaller model"
        )
    # The last line is the reason; those before it are places in OpenVINO's source.
    reason = (str(exc).strip().splitlines() or ["no reason given"])[-1][:200]
    return LoadError(
        f"{source.path} cannot be loaded on {device.title} ({reason}): update "
        "openvino-genai, or use another export, a GGUF file of the model, or a model server"
    )


def create() -> OpenVinoBackend:
    return OpenVinoBackend()
