"""Turns a GGUF file of a Llama model into a Hugging Face folder with weights of 16 bits.

    python -m tools.gguf_to_folder MODEL.gguf FOLDER

The quantized weights are multiplied out (dequantized), so the folder computes what the file's
weights say. For tests against transformers with real weights; only files with a byte-level BPE
tokenizer of the kind "smollm" are read. Names of the format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

Array = np.ndarray[Any, np.dtype[Any]]

_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_CONTROL = 3
"""``tokenizer.ggml.token_type`` of a special token."""


def convert(file: Path, folder: Path) -> Path:
    """Write the model in `file` to `folder`, and give that. Raises ValueError for a file of another
    architecture or with another tokenizer."""
    reader = GGUFReader(file)
    facts = {name: field.contents() for name, field in reader.fields.items()}
    if facts["general.architecture"] != "llama" or facts["tokenizer.ggml.pre"] != "smollm":
        raise ValueError(f"{file} is not a Llama model with SmolLM's tokenizer")
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _tensors(reader, facts)
    _write(folder / "config.json", _config(facts, tied="lm_head.weight" not in tensors))
    _write_tokenizer(facts, folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")


# ---------------------------------------------------------------- weights


def _tensors(reader: GGUFReader, facts: dict[str, Any]) -> dict[str, Array]:
    tensors = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float16)
        tensors[_name(tensor.name)] = np.ascontiguousarray(_arranged(tensor.name, values, facts))
    return tensors


def _name(name: str) -> str:
    """Hugging Face's name of the tensor: ``blk.0.attn_q.weight`` is
    ``model.layers.0.self_attn.q_proj.weight``."""
    head, *rest = name.split(".")
    if head != "blk":
        return f"{_OUTSIDE[head]}.{rest[0]}"
    layer, what, kind = rest
    return f"model.layers.{layer}.{_LAYER[what]}.{kind}"


def _arranged(name: str, values: Array, facts: dict[str, Any]) -> Array:
    """llama.cpp rotates neighbouring numbers of a head where Hugging Face rotates those half a head
    apart, so the rows of the query's and the key's matrix change places."""
    heads = {
        "attn_q": facts["llama.attention.head_count"],
        "attn_k": facts["llama.attention.head_count_kv"],
    }
    count = heads.get(name.split(".")[-2])
    if count is None:
        return values
    rows, columns = values.shape
    pairs = values.reshape(count, rows // count // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def _config(facts: dict[str, Any], *, tied: bool) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": facts["llama.embedding_length"],
        "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"],
        "num_attention_heads": facts["llama.attention.head_count"],
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "max_position_embeddings": facts["llama.context_length"],
        "rms_norm_eps": facts["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": facts["llama.rope.freq_base"],
        "vocab_size": facts["llama.vocab_size"],
        "tie_word_embeddings": tied,
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        "eos_token_id": facts["tokenizer.ggml.eos_token_id"],
        "torch_dtype": "float16",
    }


# ---------------------------------------------------------------- the tokenizer


def _write_tokenizer(facts: dict[str, Any], folder: Path) -> None:
    tokens: list[str] = facts["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in facts["tokenizer.ggml.merges"]]
    model = models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = facts["tokenizer.ggml.token_type"]
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": tokens[facts["tokenizer.ggml.bos_token_id"]],
            "eos_token": tokens[facts["tokenizer.ggml.eos_token_id"]],
            "unk_token": tokens[facts["tokenizer.ggml.unknown_token_id"]],
            "pad_token": tokens[facts["tokenizer.ggml.padding_token_id"]],
            "model_max_length": facts["llama.context_length"],
            "clean_up_tokenization_spaces": False,
            "chat_template": facts["tokenizer.chat_template"],
        },
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tools.gguf_to_folder MODEL.gguf FOLDER")
    print(convert(Path(sys.argv[1]), Path(sys.argv[2])))
