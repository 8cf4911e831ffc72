"""Llama models with random weights, small enough to build and run in a test.

The weights depend on the seed alone. They are scaled so that the logits are far apart: greedy
decoding does not depend on rounding errors, and does not soon repeat itself. The tokenizer is
`tests.tiny_tokenizer`'s.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.tiny_tokenizer import BOS, EOS, VOCAB_SIZE, write_tokenizer

Tensors = dict[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True)
class TinyLlama:
    """The dimensions and options of a model."""

    hidden: int = 64
    inner: int = 128
    layers: int = 2
    heads: int = 4
    key_heads: int = 2
    vocab: int = VOCAB_SIZE
    context: int = 512
    tied: bool = False
    biased: bool = False
    """Whether the query, key and value projections have biases, as in Qwen 2."""
    seed: int = 0

    def config(self) -> dict[str, Any]:
        """Its ``config.json``."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "attention_bias": False,
            "bos_token_id": BOS,
            "eos_token_id": EOS,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "max_position_embeddings": self.context,
            "mlp_bias": False,
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.key_heads,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "float16",
            "vocab_size": self.vocab,
        }

    def tensors(self) -> Tensors:
        """Its weights in float32, by Hugging Face's names; matrices have the shape (out, in)."""
        random = np.random.default_rng(self.seed)
        head = self.hidden // self.heads

        def matrix(out: int, into: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
            values = random.standard_normal((out, into), np.float32)
            return values * np.float32(scale / np.sqrt(into))

        def norm() -> np.ndarray[Any, Any]:
            return (1.0 + 0.1 * random.standard_normal(self.hidden)).astype(np.float32)

        tensors = {"model.embed_tokens.weight": matrix(self.vocab, self.hidden, scale=8.0)}
        for layer in range(self.layers):
            at = f"model.layers.{layer}."
            tensors |= {
                at + "input_layernorm.weight": norm(),
                at + "self_attn.q_proj.weight": matrix(self.hidden, self.hidden, scale=2.0),
                at + "self_attn.k_proj.weight": matrix(self.key_heads * head, self.hidden, 2.0),
                at + "self_attn.v_proj.weight": matrix(self.key_heads * head, self.hidden),
                at + "self_attn.o_proj.weight": matrix(self.hidden, self.hidden),
                at + "post_attention_layernorm.weight": norm(),
                at + "mlp.gate_proj.weight": matrix(self.inner, self.hidden, scale=2.0),
                at + "mlp.up_proj.weight": matrix(self.inner, self.hidden, scale=2.0),
                at + "mlp.down_proj.weight": matrix(self.hidden, self.inner),
            }
            for name in ("q_proj", "k_proj", "v_proj") if self.biased else ():
                rows = len(tensors[f"{at}self_attn.{name}.weight"])
                tensors[f"{at}self_attn.{name}.bias"] = matrix(1, rows, scale=4.0)[0]
        tensors["model.norm.weight"] = norm()
        if not self.tied:
            tensors["lm_head.weight"] = matrix(self.vocab, self.hidden, scale=6.0)
        return tensors


def write_tiny_model(
    folder: Path,
    shape: TinyLlama | None = None,
    *,
    dtype: str = "F16",
    shards: int = 1,
    config: dict[str, Any] | None = None,
) -> Path:
    """Write a complete model into `folder` and return it. `dtype` is F32, F16 or BF16, safetensors'
    names of number formats; with more than one of `shards` an index file is written too; `config`
    overrides entries of ``config.json``."""
    shape = shape or TinyLlama()
    write_tokenizer(folder)
    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    facts = shape.config() | {"torch_dtype": names[dtype]} | (config or {})
    (folder / "config.json").write_text(json.dumps(facts), encoding="utf-8")
    generation = {"bos_token_id": BOS, "eos_token_id": EOS}
    (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    tensors = shape.tensors()
    parts = [dict(list(tensors.items())[shard::shards]) for shard in range(shards)]
    files = ["model.safetensors"]
    if shards > 1:
        files = [f"model-{n + 1:05}-of-{shards:05}.safetensors" for n in range(shards)]
        where = {name: file for file, part in zip(files, parts, strict=True) for name in part}
        index = {"metadata": {}, "weight_map": where}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    for file, part in zip(files, parts, strict=True):
        _save(folder / file, part, dtype)
    return folder


def _save(path: Path, tensors: Tensors, dtype: str) -> None:
    if dtype != "BF16":
        target = np.dtype(np.float32 if dtype == "F32" else np.float16)
        save_file({name: t.astype(target) for name, t in tensors.items()}, path)
        return
    # numpy has no bfloat16, which is the upper half of a float32.
    header: dict[str, Any] = {}
    body = b""
    for name, tensor in tensors.items():
        data = (tensor.view(np.uint32) >> 16).astype("<u2").tobytes()
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": place}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
