"""The ipex-llm backend.

The decoding loop is this module's own, one forward pass at a time, and not ``generate`` with a
streamer in a thread: an exception is raised where it happens, a cancel takes effect between two
passes, and the KV cache can be reused for the next turn. Requests in flight take turns, one pass
each: ipex-llm's optimized attention has no batches of sequences of different lengths.
"""

import importlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.worker.backends.ipex.low_bit import choose_low_bit
from bot.worker.backends.ipex.model import choose_ipex_device, import_ipex, load_model
from bot.worker.backends.kv_cache.prefix_cache import PrefixCache
from bot.worker.backends.torch.device import contexts_that_fit, device_title, free_memory
from bot.worker.context import context_that_fits
from bot.worker.conversion.architectures import read_config
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

PREFILL_CHUNK = {"cpu": 256, "xpu": 1024}
"""By kind of device: tokens of a prompt in one step (chunked prefill). Between steps other answers
advance and cancels take effect."""


@dataclass(slots=True)
class _Answer:
    request: Request
    sampler: Any
    cache: Any = None
    """ipex-llm's KV cache of this sequence; None before the first pass."""
    computed: int = 0
    """Tokens of prompt and answer that are in the KV cache."""
    cached: int = 0
    """Tokens of the prompt that came from the prefix cache."""
    tokens: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """Prompt and answer so far."""
        return self.request.prompt + self.tokens


class IpexBackend:
    """`bot.worker.backends.Backend` with a model of ipex-llm."""

    def __init__(self) -> None:
        self._torch: Any = None
        self._sampling: Any = None
        self._model: Any = None
        self._device = "cpu"
        self._context = 0
        self._chunk = 1
        self._max_active = 1
        self._prefixes = PrefixCache(0, crop, copy)
        self._answers: dict[int, _Answer] = {}
        self._turns: deque[int] = deque()
        """Requests that are computed in turn (round robin), the next one first."""
        self._waiting: deque[int] = deque()
        """Requests for which there is no memory yet."""

    # ------------------------------------------------------------ loading

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        report("Starting ipex-llm", 0, 0)
        self._torch, library = import_ipex()
        self._device = choose_ipex_device(self._torch, options.device)
        low_bit = choose_low_bit(options.low_bit, self._device, _parameters(Path(options.model)))
        self._sampling = importlib.import_module("bot.worker.backends.torch.sampling")
        self._context = options.context
        self._chunk = PREFILL_CHUNK[self._device.partition(":")[0]]
        self._model = load_model(library, self._torch, options, self._device, low_bit, report)
        self._size_caches(options)
        compiles = "; on a GPU the first run compiles, which takes minutes"
        report(f"Warming up{'' if self._device == 'cpu' else compiles}", 0, 0)
        self._warm_up()
        return Facts(device_title(self._torch, self._device), low_bit, self._context)

    def _size_caches(self, options: LoadOptions) -> None:
        """Set how many requests are computed in turn, and the capacity of the prefix cache, by the
        free memory. Raises DoesNotFit."""
        config = self._model.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_size = config.hidden_size // config.num_attention_heads
        free = free_memory(self._torch, self._device)
        token_bytes = 2 * config.num_hidden_layers * heads * head_size * self._model.dtype.itemsize
        self._context = context_that_fits(options, free, token_bytes)
        self._max_active = contexts_that_fit(
            free,
            token_bytes,
            self._context,
            options.max_parallel,
            self._device,
        )
        self._prefixes = PrefixCache(self._max_active * self._context, crop, copy)

    def _warm_up(self) -> None:
        """Generate one short answer: the first one compiles kernels, for minutes on a GPU."""
        self.add(Request(id=0, prompt=[1] * 8, stop=[], max_new_tokens=2))
        while self._answers:
            self.step()

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        self._answers[request.id] = _Answer(request, self._sampling.Sampler(request))
        self._waiting.append(request.id)

    def cancel(self, request_id: int) -> None:
        if request_id in self._waiting:
            self._waiting.remove(request_id)
            del self._answers[request_id]
        else:
            self._remove(self._answers[request_id])

    def step(self) -> Step:
        """One forward pass, for the request whose turn it is."""
        step = Step()
        with self._torch.inference_mode():
            while self._waiting and len(self._turns) < self._max_active:
                self._admit(self._answers[self._waiting.popleft()])
            answer = self._answers[self._turns[0]]
            self._turns.rotate(-1)
            self._advance(answer, step)
        return step

    def _admit(self, answer: _Answer) -> None:
        """Let a waiting request take its turns, with a cached prefix where there is one."""
        others = [self._answers[turn] for turn in self._turns]
        in_use = [
            (other.ids[: other.computed], other.cache)
            for other in others
            if hasattr(other.cache, "key_cache")
        ]
        answer.cache, answer.computed = self._prefixes.take(answer.request.prompt, in_use)
        answer.cached = answer.computed
        self._turns.append(answer.request.id)
        active = (self._answers[turn].request for turn in self._turns)
        self._prefixes.make_room(sum(len(r.prompt) + r.max_new_tokens for r in active))

    def _advance(self, answer: _Answer, step: Step) -> None:
        """Compute one chunk of the prompt, or the last token, and sample the next token where all
        of the sequence is computed."""
        ids, request = answer.ids, answer.request
        new = ids[answer.computed : answer.computed + self._chunk]
        output = self._model(
            input_ids=self._torch.tensor([new], device=self._device),
            past_key_values=answer.cache,
            use_cache=True,
            return_dict=True,
        )
        answer.cache = output.past_key_values
        answer.computed += len(new)
        if answer.computed < len(ids):
            return
        (token,) = self._sampling.sample_tokens([answer.sampler], output.logits[:, -1].clone())
        if token in request.stop:
            self._end(answer, END, step)
            return
        answer.tokens.append(token)
        step.tokens.append((request.id, [token]))
        if len(answer.tokens) == request.max_new_tokens:
            self._end(answer, LENGTH, step)

    def _end(self, answer: _Answer, reason: str, step: Step) -> None:
        self._remove(answer)
        usage = Usage(cached_tokens=answer.cached)
        step.ended.append(Ended(answer.request.id, reason, usage=usage))

    def _remove(self, answer: _Answer) -> None:
        """Stop computing a request, and put its KV cache into the prefix cache where its type can
        be cropped."""
        del self._answers[answer.request.id]
        self._turns.remove(answer.request.id)
        if hasattr(answer.cache, "key_cache"):
            self._prefixes.put(answer.ids[: answer.computed], answer.cache)


def crop(cache: Any, length: int) -> Any:
    """Shorten a KV cache of transformers' DynamicCache type to its first `length` tokens, in place,
    and return it. Its tensors are [1, heads, tokens, head size] views of longer buffers, and
    ipex-llm writes the next tokens behind the view's end."""
    for tensors in (cache.key_cache, cache.value_cache):
        tensors[:] = [tensor[:, :, :length] for tensor in tensors]
    cache.seen_tokens = length
    return cache


def copy(cache: Any, length: int) -> Any:
    """A new KV cache of the same type with copies of the first `length` tokens."""
    copied = type(cache)()
    copied.key_cache = [tensor[:, :, :length].clone() for tensor in cache.key_cache]
    copied.value_cache = [tensor[:, :, :length].clone() for tensor in cache.value_cache]
    copied.seen_tokens = length
    return copied


def _parameters(folder: Path) -> int | None:
    """The number of weights; None where config.json is of an architecture that we cannot read."""
    try:
        return read_config(folder).parameters
    except LoadError:
        return None  # ipex-llm runs more architectures than we read


def create() -> IpexBackend:
    return IpexBackend()
