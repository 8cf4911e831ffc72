"""Runs models with ipex-llm: Intel GPUs (xpu), and CPUs for tests, with weights of 4 bits and more.

Decoding is done here, one forward pass at a time, and not by ``generate`` with a streamer in a
thread: an exception then comes out where it happens, an answer stops between two passes, and the
keys and values stay at hand for the next turn. Answers in flight take turns; ipex-llm's fast
attention knows no batch of sequences of different lengths.
"""

import importlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.worker.backends import Progress
from bot.worker.backends.ipex.low_bit import choose_low_bit
from bot.worker.backends.ipex.model import choose_ipex_device, import_ipex, load_model
from bot.worker.backends.kv_cache.kept_caches import KeptCaches
from bot.worker.backends.torch.device import device_title, free_memory, slots_that_fit
from bot.worker.conversion.llama_config import read_config
from bot.worker.protocol import END, LENGTH, Ended, Facts, LoadError, LoadOptions, Request, Step

CHUNK = {"cpu": 256, "xpu": 1024}
"""Prompt tokens that are read in one step, between which other answers go on and a cancel works."""


@dataclass(slots=True)
class _Answer:
    request: Request
    chooser: Any
    cache: Any = None
    known: int = 0
    """How many tokens of prompt and answer the cache holds."""
    cached: int = 0
    tokens: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        return self.request.prompt + self.tokens


class IpexBackend:
    """`bot.worker.backends.Backend` over one model of ipex-llm."""

    def __init__(self) -> None:
        self._torch: Any = None
        self._sampling: Any = None
        self._model: Any = None
        self._device = "cpu"
        self._context = 0
        self._chunk = 1
        self._slots = 1
        self._kept = KeptCaches(0, cut, copy)
        self._answers: dict[int, _Answer] = {}
        self._turns: deque[int] = deque()
        """Answers that have a place, the one whose turn it is first."""
        self._waiting: deque[int] = deque()

    # ------------------------------------------------------------ loading

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        report("Starting ipex-llm", 0, 0)
        self._torch, library = import_ipex()
        self._device = choose_ipex_device(self._torch, options.device)
        low_bit = choose_low_bit(options.low_bit, self._device, _parameters(Path(options.model)))
        self._sampling = importlib.import_module("bot.worker.backends.torch.sampling")
        self._context = options.context
        self._chunk = CHUNK[self._device.partition(":")[0]]
        self._model = load_model(library, self._torch, options, self._device, low_bit, report)
        self._measure(options)
        first = "; on a GPU the first run compiles, which takes minutes"
        report(f"Warming up{'' if self._device == 'cpu' else first}", 0, 0)
        self._warm_up()
        return Facts(device_title(self._torch, self._device), low_bit, self._context)

    def _measure(self, options: LoadOptions) -> None:
        """How many answers may be in flight, and how much may be kept of those that are over."""
        config = self._model.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_size = config.hidden_size // config.num_attention_heads
        self._slots = slots_that_fit(
            free_memory(self._torch, self._device),
            2 * config.num_hidden_layers * heads * head_size * self._model.dtype.itemsize,
            self._context,
            options.max_parallel,
            self._device,
        )
        self._kept = KeptCaches(self._slots * self._context, cut, copy)

    def _warm_up(self) -> None:
        """One short answer; what a GPU compiles, it compiles now."""
        self.add(Request(id=0, prompt=[1] * 8, stop=[], max_new_tokens=2))
        while self._answers:
            self.step()

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        self._answers[request.id] = _Answer(request, self._sampling.Chooser(request))
        self._waiting.append(request.id)

    def cancel(self, request_id: int) -> None:
        if request_id in self._waiting:
            self._waiting.remove(request_id)
            del self._answers[request_id]
        else:
            self._leave(self._answers[request_id])

    def step(self) -> Step:
        """One forward pass for the answer whose turn it is."""
        step = Step()
        with self._torch.inference_mode():
            while self._waiting and len(self._turns) < self._slots:
                self._admit(self._answers[self._waiting.popleft()])
            answer = self._answers[self._turns[0]]
            self._turns.rotate(-1)
            self._advance(answer, step)
        return step

    def _admit(self, answer: _Answer) -> None:
        answer.cache, answer.known = self._kept.take(answer.request.prompt)
        answer.cached = answer.known
        self._turns.append(answer.request.id)
        in_flight = (self._answers[turn].request for turn in self._turns)
        self._kept.make_room(sum(len(r.prompt) + r.max_new_tokens for r in in_flight))

    def _advance(self, answer: _Answer, step: Step) -> None:
        """Read more of the prompt, or the token that was chosen last; choose the next one."""
        ids, request = answer.ids, answer.request
        fresh = ids[answer.known : answer.known + self._chunk]
        output = self._model(
            input_ids=self._torch.tensor([fresh], device=self._device),
            past_key_values=answer.cache,
            use_cache=True,
            return_dict=True,
        )
        answer.cache = output.past_key_values
        answer.known += len(fresh)
        if answer.known < len(ids):
            return
        (token,) = self._sampling.choose_tokens([answer.chooser], output.logits[:, -1].clone())
        if token in request.stop:
            self._end(answer, END, step)
            return
        answer.tokens.append(token)
        step.tokens.append((request.id, [token]))
        if len(answer.tokens) == request.max_new_tokens:
            self._end(answer, LENGTH, step)

    def _end(self, answer: _Answer, reason: str, step: Step) -> None:
        self._leave(answer)
        step.ended.append(Ended(answer.request.id, reason, "", answer.cached))

    def _leave(self, answer: _Answer) -> None:
        """Give up the place; keep the cache, where it is of a kind that can be cut."""
        del self._answers[answer.request.id]
        self._turns.remove(answer.request.id)
        if hasattr(answer.cache, "key_cache"):
            self._kept.keep(answer.ids[: answer.known], answer.cache)


def cut(cache: Any, length: int) -> Any:
    """The cache with its first `length` tokens only. Its tensors are (1, heads, tokens, size)
    views of longer ones, in which ipex-llm goes on writing behind the view's end."""
    for tensors in (cache.key_cache, cache.value_cache):
        tensors[:] = [tensor[:, :, :length] for tensor in tensors]
    cache.seen_tokens = length
    return cache


def copy(cache: Any, length: int) -> Any:
    """A cache of the same kind with copies of the first `length` tokens."""
    copied = type(cache)()
    copied.key_cache = [tensor[:, :, :length].clone() for tensor in cache.key_cache]
    copied.value_cache = [tensor[:, :, :length].clone() for tensor in cache.value_cache]
    copied.seen_tokens = length
    return copied


def _parameters(folder: Path) -> int | None:
    try:
        return read_config(folder).parameters
    except LoadError:
        return None  # ipex-llm runs kinds of models that we cannot read


def create() -> IpexBackend:
    return IpexBackend()
