"""Measures the throughput of the torch backend with random weights in the shape of Llama 2 7B.

    python -m benchmarks.torch_7b [--device cuda] [--low-bit bf16] [--layers 32] [--tokens 128]

Weights are generated on the device in place of a checkpoint, so that no 13 GB are written or read;
KV cache, batching and sampling are the backend's own. Prints a line for each batch size.
"""

import argparse
import tempfile
import time
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

PROMPT = 128
"""Tokens of each prompt."""


def random_model(layers: int, device: str) -> Any:
    """Patches ``AutoModelForCausalLM.from_pretrained`` to return a model with random weights."""
    import torch
    import transformers

    def make(folder: Path, dtype: Any, **_: object) -> Any:
        config = transformers.AutoConfig.from_pretrained(folder)
        config._attn_implementation = "sdpa"
        with torch.device(device):
            torch.set_default_dtype(dtype)
            try:
                return transformers.LlamaForCausalLM(config)
            finally:
                torch.set_default_dtype(torch.float32)

    return mock.patch.object(transformers.AutoModelForCausalLM, "from_pretrained", make)


def loaded(arguments: argparse.Namespace, folder: Path) -> TorchBackend:
    """The backend with its random model loaded."""
    import transformers

    config = transformers.LlamaConfig(**SHAPE, num_hidden_layers=arguments.layers)
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(folder)
    options = LoadOptions(
        "torch",
        str(folder),
        arguments.device,
        arguments.low_bit,
        context=PROMPT + arguments.tokens + 64,
        max_parallel=max(arguments.streams),
    )
    backend = TorchBackend()
    with random_model(arguments.layers, arguments.device):
        start = time.perf_counter()
        facts = backend.load(options, lambda *_: None)
    print(f"{facts.device}, {facts.low_bit}: loaded in {time.perf_counter() - start:.1f} s")
    return backend


def measure(backend: TorchBackend, streams: int, tokens: int, first_id: int) -> str:
    """Generate so many answers in one batch. Returns a line with time and throughput."""
    for number in range(first_id, first_id + streams):
        prompt = [1, *((7 * number + place) % 31000 + 100 for place in range(PROMPT - 1))]
        backend.add(Request(number, prompt, [], tokens))
    start = time.perf_counter()
    open_answers, begun, made = streams, 0.0, 0
    waiting = set(range(first_id, first_id + streams))
    while open_answers:
        step = backend.step()
        waiting -= {number for number, _ in step.tokens}
        if begun:
            made += sum(len(ids) for _, ids in step.tokens)
        elif not waiting:
            begun = time.perf_counter()
        open_answers -= len(step.ended)
    end = time.perf_counter()
    return (
        f"{streams:3} at a time: first tokens of all after {begun - start:.2f} s, then "
        f"{made / (end - begun):.1f} tokens per second in all"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--low-bit", default="bf16")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 32])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        backend = loaded(arguments, Path(folder))
        for number, streams in enumerate(arguments.streams, start=1):
            measure(backend, streams, 8, 100_000 * number)  # warm-up: selects kernels
            print(measure(backend, streams, arguments.tokens, 100_000 * number + 1000))


if __name__ == "__main__":
    main()
