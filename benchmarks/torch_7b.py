"""Measures the torch backend with random weights in the shape of Llama 2 7B.

    python -m benchmarks.torch_7b [--device cuda] [--low-bit bf16] [--streams 1 16]
        [--ways exact captured compiled] [--turn 3000] [--layers 32] [--tokens 256] [--context 512]

Weights are generated on the device in place of a checkpoint, so that no 13 GB are written or read;
KV cache, batching and sampling are the backend's own. For each way of decoding it prints a line for
each number of answers at a time: the throughput of all answers together, the longest step, and the
memory in use; then the time to the first token of a conversation of `--turn` tokens whose earlier
turns are in the KV cache.

exact     each step is a forward pass of its own
captured  steps are captured as graphs, which is the backend's way on a GPU
compiled  and compiled, as with [model.torch] compile = "on"
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.protocol import LoadOptions, Request

SHAPE: dict[str, Any] = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}
"""From the ``config.json`` of Llama 2 7B."""

SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}
SMALL |= {"num_key_value_heads": 4}
"""In place of these entries with ``--small``, to try the benchmark itself."""

PROMPT = 128
"""Tokens of each prompt."""

NEW_TURN = 24
"""Tokens of a conversation's last turn, which are not in the KV cache."""

SAMPLING = {"temperature": 0.7, "top_p": 0.9, "top_k": 50}
"""Parley's defaults."""


def say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def random_model(device: str, *, keep: bool) -> Iterator[None]:
    """Patches ``AutoModelForCausalLM.from_pretrained`` to return a model with random weights: the
    same one each time where it is kept, which quantization would change."""
    import torch
    import transformers

    made: dict[Any, Any] = {}

    def make(folder: Path, dtype: Any, **_: object) -> Any:
        if dtype in made and keep:
            return made[dtype]
        made.clear()
        config = transformers.AutoConfig.from_pretrained(folder)
        config._attn_implementation = "sdpa"
        with torch.device(device):
            torch.set_default_dtype(dtype)
            try:
                made[dtype] = transformers.LlamaForCausalLM(config)
            finally:
                torch.set_default_dtype(torch.float32)
        return made[dtype]

    with mock.patch.object(transformers.AutoModelForCausalLM, "from_pretrained", make):
        yield


def uncapturable(work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
    """Stands for a device without graphs."""
    raise RuntimeError("not asked for")


@dataclass(frozen=True, slots=True)
class Speed:
    """What one batch took."""

    first: float
    """Seconds until all answers had their first token."""
    rate: float
    """Tokens per second of all answers together, while all of them are being written."""
    longest: float
    """Seconds of the longest step."""


class Bench:
    """A backend with its random model."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, way: str, context: int) -> None:
        import torch

        self._torch = torch
        self._device = arguments.device
        options = LoadOptions(
            "torch",
            str(folder),
            arguments.device,
            arguments.low_bit,
            context=context,
            max_parallel=max(arguments.streams),
            compile=way == "compiled",
        )
        start = time.perf_counter()
        self.backend = TorchBackend(uncapturable if way == "exact" else None)
        facts = self.backend.load(options, lambda *_: None)
        self.loaded = time.perf_counter()
        self._next = 1
        say(
            f"{way}: {facts.device}, {facts.low_bit}, context {context}, loaded in "
            f"{self.loaded - start:.1f} s. {facts.note}"
        )

    def close(self) -> None:
        """Give back what the backend holds besides the model."""
        if (fixed := self.backend._fixed) is not None:
            fixed.close()
        del self.backend
        gc.collect()
        if self._device.startswith("cuda"):
            self._torch.cuda.empty_cache()

    def memory(self) -> str:
        if not self._device.startswith("cuda"):
            return "memory not known"
        cuda = self._torch.cuda
        return f"{cuda.memory_reserved() / 1e9:.2f} GB reserved"

    def add(self, prompt: list[int], tokens: int, **sampling: Any) -> None:
        self.backend.add(Request(self._next, prompt, [], tokens, seed=self._next, **sampling))
        self._next += 1

    def prompt(self) -> list[int]:
        return [1, *((7 * self._next + place) % 31000 + 100 for place in range(PROMPT - 1))]

    def measure(self, streams: int, tokens: int) -> Speed:
        """Generate so many answers in one batch."""
        for _ in range(streams):
            self.add(self.prompt(), tokens, **SAMPLING)
        waiting = set(range(self._next - streams, self._next))
        start = time.perf_counter()
        open_answers, begun, made, longest, end = streams, 0.0, 0, 0.0, start
        while open_answers:
            before = time.perf_counter()
            step = self.backend.step()
            for note in step.notes:
                say(f"    {note}")
            longest = max(longest, time.perf_counter() - before)
            if begun and open_answers == streams:
                end = time.perf_counter()
                made += sum(len(ids) for _, ids in step.tokens)
            waiting -= {number for number, _ in step.tokens}
            if not begun and not waiting:
                begun = time.perf_counter()
            open_answers -= len(step.ended)
        return Speed(begun - start, made / max(end - begun, 1e-9), longest)

    def report(self, streams: int, tokens: int) -> None:
        """Measure, and print a line."""
        speed = self.measure(streams, tokens)
        say(
            f"{streams:3} at a time: first tokens of all after {speed.first:.3f} s, then "
            f"{speed.rate:7.1f} tokens/s in all, longest step {1000 * speed.longest:.0f} ms, "
            f"{self.memory()}, {time.perf_counter() - self.loaded:.1f} s after loading"
        )

    def report_parts(self) -> None:
        """Print how long the device takes for each captured step, without Python around it."""
        if self.backend._fixed is None or not self._device.startswith("cuda"):
            return
        for key, (replay, _) in self.backend._fixed._steps._steps.items():
            # Sampling moves all rows on by a token; none may come to the end of its slot.
            self.backend._fixed._states.positions.zero_()
            self._torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(20):
                replay()
            self._torch.cuda.synchronize()
            say(f"    {key}: {1000 * (time.perf_counter() - start) / 20:.3f} ms")

    def cached_turn(self, length: int) -> str:
        """The time to the first token of a conversation's next turn, of three."""
        prompt = [1, *(place % 31000 + 100 for place in range(length - NEW_TURN - 1))]
        times = []
        for turn in range(4):
            new = [*prompt, *range(200 + 50 * turn, 200 + 50 * turn + NEW_TURN)]
            self.add(new, 4, **SAMPLING)
            start, first, ended = time.perf_counter(), 0.0, False
            while not ended:
                step = self.backend.step()
                if step.tokens and not first:
                    first = time.perf_counter() - start
                ended = bool(step.ended)
            cached = step.ended[0].usage.cached_tokens
            times.append(f"{1000 * first:.0f} ms ({cached} of {len(new)} tokens cached)")
        return "first token of a conversation's turns: " + ", ".join(times)


def compile_for(bench: Bench, streams: int, tokens: int, seconds: float) -> None:
    """Generate answers until their step is compiled, and say how they were disturbed."""
    fixed: Any = bench.backend._fixed
    if fixed is None:
        return
    start, speeds = time.perf_counter(), []
    while time.perf_counter() - start < seconds:
        speeds.append(bench.measure(streams, tokens))
        used = {key[1:] for key in fixed._steps._steps if key[0] == "forward"}
        if not any(count == streams for count, _ in used):
            break
    fixed.wait_until_compiled()  # other shapes, which filling the batch used
    rates = [speed.rate for speed in speeds if speed.rate] or [0.0]
    say(
        f"    compiling: {time.perf_counter() - start:.1f} s, meanwhile {min(rates):.1f} tokens/s "
        f"and more, first tokens of all after {max(speed.first for speed in speeds):.1f} s and "
        f"less, longest step {1000 * max(speed.longest for speed in speeds):.0f} ms"
    )


def run(arguments: argparse.Namespace, folder: Path) -> None:
    for way in arguments.ways:
        bench = Bench(arguments, folder, way, arguments.context)
        for streams in arguments.streams:
            if way == "compiled":
                compile_for(bench, streams, arguments.tokens, arguments.patience)
            else:
                bench.measure(streams, 8)  # selects kernels, captures
            bench.report(streams, arguments.tokens)
        bench.report_parts()
        bench.close()
        if arguments.turn and way == arguments.ways[0]:
            whole = argparse.Namespace(**vars(arguments) | {"streams": [2]})
            bench = Bench(whole, folder, way, arguments.turn + 64)
            say(bench.cached_turn(arguments.turn))
            bench.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--low-bit", default="bf16")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--small", action="store_true", help="a tiny hidden size")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16])
    ways = ["exact", "captured", "compiled"]
    parser.add_argument("--ways", choices=ways, nargs="+", default=["captured"])
    parser.add_argument("--turn", type=int, default=0, help="tokens of a cached conversation")
    parser.add_argument("--patience", type=float, default=120, help="seconds for compiling")
    arguments = parser.parse_args()
    import transformers

    shape = SHAPE | (SMALL if arguments.small else {})
    config = transformers.LlamaConfig(**shape, num_hidden_layers=arguments.layers)
    config.architectures = ["LlamaForCausalLM"]
    keep = not arguments.low_bit.startswith(("sym", "asym"))
    with tempfile.TemporaryDirectory() as folder, random_model(arguments.device, keep=keep):
        config.save_pretrained(folder)
        run(arguments, Path(folder))


if __name__ == "__main__":
    main()
