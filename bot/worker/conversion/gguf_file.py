"""Writes a small Hugging Face Llama folder as a GGUF file of 16 bits, for the self-test.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file holds no tokenizer
of the model's: each id has a text of its own, because only ids go in and out. llama.cpp turns
neighbouring numbers of a head where Hugging Face turns those half a head apart, so the rows of two
matrices change places.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.decoder_config import DecoderConfig
from bot.worker.conversion.safetensors_file import Checkpoint

ALIGNMENT = 32
_F32, _F16 = 0, 1
"""Types of tensors."""
_U32, _FLOAT, _STRING, _ARRAY = 4, 6, 8, 9
"""Types of metadata."""
_MOSTLY_F16 = 1
"""``general.file_type``."""
_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_ENDS = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

Array = npt.NDArray[Any]


def write_gguf(folder: Path, file: Path, context: int) -> None:
    """Write the model in `folder`, which must fit into memory and have plain rotary frequencies, to
    `file`, for a context window of `context` tokens. Raises LoadError."""
    config = read_config(folder)
    tensors = dict(_tensors(Checkpoint(folder), config))
    values = list(_metadata(config, context))
    with file.open("wb") as out:
        out.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)))
        out.write(b"".join(values))
        offset = 0
        for name, data in tensors.items():
            out.write(_described(name, data, offset))
            offset += _aligned(data.nbytes)
        out.write(bytes(_aligned(out.tell()) - out.tell()))
        for data in tensors.values():
            out.write(data.tobytes())
            out.write(bytes(_aligned(data.nbytes) - data.nbytes))


def _tensors(checkpoint: Checkpoint, config: DecoderConfig) -> Iterator[tuple[str, Array]]:
    """The tensors by llama.cpp's names: matrices in 16 bits, vectors in 32."""
    for name in checkpoint.locations:
        stem = name.removesuffix(".weight")
        rows = checkpoint.rows(name, 0, checkpoint.location(name).shape[0])
        if rows.ndim == 1:
            yield _renamed(stem), rows.astype(np.float32)
            continue
        if stem.endswith(("q_proj", "k_proj")):
            heads = config.heads if stem.endswith("q_proj") else config.key_heads
            halves = rows.reshape(heads, 2, -1, rows.shape[1])
            rows = halves.swapaxes(1, 2).reshape(rows.shape)
        yield _renamed(stem), rows.astype(np.float16)


def _renamed(stem: str) -> str:
    if stem in _ENDS:
        return f"{_ENDS[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_LAYER[part]}.weight"


def _metadata(config: DecoderConfig, context: int) -> Iterator[bytes]:
    yield _text("general.architecture", "llama")
    numbers = {
        "general.file_type": _MOSTLY_F16,
        "llama.context_length": context,
        "llama.embedding_length": config.hidden,
        "llama.block_count": len(config.layers),
        "llama.feed_forward_length": config.inner,
        "llama.attention.head_count": config.heads,
        "llama.attention.head_count_kv": config.key_heads,
        "llama.rope.dimension_count": config.head_size,
        "llama.vocab_size": config.vocab,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    for key, number in numbers.items():
        yield _string(key) + struct.pack("<II", _U32, number)
    # The second frequency is theta ** (-2 / head size).
    rope = config.layers[0].rope
    assert rope is not None
    theta = rope.frequencies[1] ** (-config.head_size / 2)
    yield _string("llama.rope.freq_base") + struct.pack("<If", _FLOAT, theta)
    epsilon = struct.pack("<If", _FLOAT, config.norm_epsilon)
    yield _string("llama.attention.layer_norm_rms_epsilon") + epsilon
    yield _text("tokenizer.ggml.model", "gpt2")
    yield _text("tokenizer.ggml.pre", "default")
    yield _texts("tokenizer.ggml.tokens", [f"t{number}" for number in range(config.vocab)])
    yield _texts("tokenizer.ggml.merges", ["t 0"])


def _described(name: str, data: Array, offset: int) -> bytes:
    """The entry of a tensor: name, dimensions (the shortest stride first), type and place."""
    kind = _F32 if data.dtype == np.float32 else _F16
    shape = data.shape[::-1]
    return _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def _text(key: str, value: str) -> bytes:
    return _string(key) + struct.pack("<I", _STRING) + _string(value)


def _texts(key: str, values: list[str]) -> bytes:
    head = struct.pack("<IIQ", _ARRAY, _STRING, len(values))
    return _string(key) + head + b"".join(map(_string, values))


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _aligned(size: int) -> int:
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
