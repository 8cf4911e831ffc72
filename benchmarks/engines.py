"""Measures OpenVINO beside llama.cpp on this processor, with random weights of 1.1 billion.

    python -m benchmarks.engines make FOLDER --quantize llama-quantize
    python -m benchmarks.engines measure FOLDER --server llama-server [--only openvino …]

`make` writes the same random weights, in the shape of TinyLlama 1.1B, as a Hugging Face folder and
as GGUF files in the formats of `FORMATS`; some 8 GB on the way. `measure` runs each of them as a
backend of Parley does, one after the other, and prints a line of JSON for each: how many tokens a
second are written, for one answer and several at once, and read. Nothing of a prompt is in a cache.
By default seconds are those of processor time of a single thread, which other programs on the
machine disturb least.

The time of matrix products does not depend on the weights, so that random ones measure what trained
ones would. docs/benchmarks.md has the figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import gguf
import numpy as np
import numpy.typing as npt

from bot.worker import backends
from bot.worker.backends import Backend
from bot.worker.backends.openvino import backend
from bot.worker.protocol import LoadOptions, Request
from tests.tiny_gguf import add_value, byte_level

HIDDEN, INNER, LAYERS, HEADS, KEY_HEADS, VOCABULARY = 2048, 5632, 22, 32, 4, 32000
"""From the ``config.json`` of TinyLlama 1.1B."""

FORMATS = ("Q4_0", "Q4_K_M", "Q8_0")
"""The GGUF files that are made, by llama-quantize's names."""

NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}  # fmt: skip
"""The tensors of a layer: their names in GGUF files, and Hugging Face's."""

Tensors = Iterator[tuple[str, str, npt.NDArray[np.float16]]]


# ---------------------------------------------------------------- weights


def make(folder: Path, quantize: str) -> None:
    """Write all files into the new folder."""
    make_model(folder / "model")
    whole = folder / "F16.gguf"
    write_gguf(whole)
    for kind in FORMATS:
        command = [quantize, str(whole), str(folder / f"{kind}.gguf"), kind]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole.unlink()


def make_model(folder: Path) -> None:
    """Write the model as a Hugging Face folder of 2.2 GB, without a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(_config()), encoding="utf-8")


def _config() -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "bos_token_id": 1, "eos_token_id": 2,
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "vocab_size": VOCABULARY,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": "float16",
    }  # fmt: skip


def tensors() -> Tensors:
    """Every tensor: its name in a GGUF file, Hugging Face's name, and its values, which are the
    same each time."""
    random = np.random.default_rng(0)
    keys = HIDDEN // HEADS * KEY_HEADS

    def matrix(rows: int, columns: int) -> npt.NDArray[np.float16]:
        values = random.standard_normal((rows, columns), np.float32)
        return (values * np.float32(0.02)).astype(np.float16)

    shapes = {
        "attn_q": (HIDDEN, HIDDEN), "attn_k": (keys, HIDDEN), "attn_v": (keys, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN), "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN),
        "ffn_down": (HIDDEN, INNER),
    }  # fmt: skip
    ones = np.ones(HIDDEN, np.float16)
    yield "token_embd.weight", "model.embed_tokens.weight", matrix(VOCABULARY, HIDDEN)
    yield "output.weight", "lm_head.weight", matrix(VOCABULARY, HIDDEN)
    yield "output_norm.weight", "model.norm.weight", ones
    for layer in range(LAYERS):
        for name, theirs in NAMES.items():
            values = matrix(*shapes[name]) if name in shapes else ones
            yield f"blk.{layer}.{name}.weight", f"model.layers.{layer}.{theirs}.weight", values


def write_safetensors(file: Path) -> None:
    from safetensors.numpy import save_file

    save_file({theirs: values for _, theirs, values in tensors()}, file)


def write_gguf(file: Path) -> None:
    """With a tokenizer of single bytes, and tokens that no text makes up to `VOCABULARY`."""
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(4096)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    tokenizer = byte_level()
    count = VOCABULARY - len(tokenizer["tokenizer.ggml.tokens"])
    tokenizer["tokenizer.ggml.tokens"] += [f"unused{number}" for number in range(count)]
    tokenizer["tokenizer.ggml.token_type"] += [int(gguf.TokenType.UNUSED)] * count
    for key, value in tokenizer.items():
        add_value(writer, key, value)
    for name, _, values in tensors():
        writer.add_tensor(name, values.astype(np.float32) if values.ndim == 1 else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---------------------------------------------------------------- measuring


class Clock(Protocol):
    def __call__(self) -> float:
        """Seconds so far."""
        ...


def processor_seconds() -> float:
    """Seconds of processor time that this process, or the server that it started, has used. A
    server computes everything, and this process then only waits. Linux only (proc(5))."""
    children = " ".join(file.read_text() for file in Path("/proc/self/task").glob("*/children"))
    return sum(map(_seconds_of, children.split() or ["self"]))


def _seconds_of(process: str) -> float:
    fields = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


def measure(engine: Backend, given: argparse.Namespace) -> dict[str, Any]:
    """The figures of a loaded backend, tokens a second, as medians: ``written`` by the number of
    answers at once, all of them together, and ``read`` by the length of the prompt."""
    run = _Run(engine, time.perf_counter if given.wall else processor_seconds)
    found: dict[str, Any] = {"written": {}, "read": {}}
    for count in given.streams:
        rates = [run.written(count) for _ in range(given.rounds)]
        found["written"][count] = round(statistics.median(rates), 1)
    for length in given.prompts:
        rates = [run.read(length) for _ in range(given.rounds)]
        found["read"][length] = round(statistics.median(rates), 1)
    return found


class _Run:
    """Prompts of random tokens, no two of which begin alike, and the answers to them."""

    def __init__(self, engine: Backend, clock: Clock) -> None:
        self._backend = engine
        self._clock = clock
        self._random = np.random.default_rng(1)

    def _add(self, count: int, length: int, tokens: int) -> None:
        for number in range(1, count + 1):
            prompt = [int(each) for each in self._random.integers(300, VOCABULARY, length)]
            self._backend.add(Request(number, prompt, [], tokens))

    def written(self, count: int, tokens: int = 32) -> float:
        """Tokens a second of all answers together, from the moment when each has its first."""
        self._add(count, 16, tokens)
        lengths: Counter[int] = Counter()
        begun, at_first, ended = 0.0, 0, 0
        while ended < count:
            step = self._backend.step()
            for number, ids in step.tokens:
                lengths[number] += len(ids)
            ended += len(step.ended)
            if not begun and len(lengths) == count:
                begun, at_first = self._clock(), lengths.total()
        return (lengths.total() - at_first) / (self._clock() - begun)

    def read(self, length: int) -> float:
        """Tokens of the prompt a second, until the first token of the answer."""
        begun = self._clock()
        self._add(1, length, 1)
        while not self._backend.step().ended:
            pass
        return length / (self._clock() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("make", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quantize", default="llama-quantize")
    parser.add_argument("--server", default="")
    parser.add_argument("--only", nargs="*", default=["openvino", "llamacpp"])
    parser.add_argument("--streams", nargs="*", type=int, default=[1, 4, 8])
    parser.add_argument("--prompts", nargs="*", type=int, default=[128, 900])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true", help="seconds by the clock on the wall")
    given = parser.parse_args()
    if given.what == "make":
        make(given.folder, given.quantize)
        return
    _limit_openvino(given.threads)
    for name, model, low_bit in _candidates(given.folder):
        if name in given.only:
            engine = backends.create(name)
            facts = engine.load(_options(given, name, model, low_bit), lambda *_: None)
            found = measure(engine, given)
            line = {"backend": name, "model": model.name, "low_bit": facts.low_bit, **found}
            print(json.dumps(line), flush=True)


def _limit_openvino(threads: int) -> None:
    """Adds the number of threads, for which Parley has no setting, to the backend's properties."""
    properties = backend._properties

    def limited(*arguments: Any) -> dict[str, Any]:
        return {**properties(*arguments), "INFERENCE_NUM_THREADS": threads}

    mock.patch.object(backend, "_properties", limited).start()


def _candidates(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Backend, model and ``low_bit`` of everything that is measured."""
    for low_bit in ("sym_int4", "sym_int8"):
        yield "openvino", folder / "model", low_bit
    for kind in FORMATS:
        for name in ("openvino", "llamacpp"):
            yield name, folder / f"{kind}.gguf", "auto"


def _options(given: argparse.Namespace, name: str, model: Path, low_bit: str) -> LoadOptions:
    return LoadOptions(
        name,
        str(model),
        "cpu",
        low_bit,
        context=1024,
        max_parallel=max(given.streams, default=1),
        cache_dir=str(given.folder / "cache"),
        server=given.server,
        arguments=("--threads", str(given.threads), "--threads-batch", str(given.threads)),
    )


if __name__ == "__main__":
    main()
