"""Writes the demo model as a GGUF file, for llama.cpp's server.

The format's names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. llama.cpp turns
neighbouring numbers of a head where Hugging Face turns those half a head apart, so the rows of two
matrices change places.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

from bot import demo_model
from bot.prompting.sentencepiece import SentencePieceModel

_NAMES = {
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


def write_demo_gguf(file: Path) -> Path:
    """Write the model with its tokenizer and chat template to `file`, and give it."""
    folder = demo_model.directory()
    config = json.loads((folder / "config.json").read_bytes())
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("Parley demo")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, folder)
    for name, tensor in load_file(folder / "model.safetensors").items():
        writer.add_tensor(_name(name), _arranged(name, tensor, config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path) -> None:
    facts = json.loads((folder / "tokenizer_config.json").read_bytes())
    model = SentencePieceModel.parse((folder / "tokenizer.model").read_bytes())
    writer.add_tokenizer_model("llama")
    writer.add_token_list([piece.text.encode() for piece in model.pieces])
    writer.add_token_scores([piece.score for piece in model.pieces])
    writer.add_token_types([int(piece.type) for piece in model.pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)  # the chat template writes it
    writer.add_add_space_prefix(model.dummy_prefix)
    writer.add_chat_template(facts["chat_template"])


def _name(name: str) -> str:
    ends = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    stem = name.removesuffix(".weight")
    if stem in ends:
        return f"{ends[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_NAMES[part]}.weight"


def _arranged(name: str, tensor: Any, config: dict[str, Any]) -> Any:
    if tensor.ndim == 1:
        return tensor.astype(np.float32)
    if name.endswith(("q_proj.weight", "k_proj.weight")):
        of = "num_attention_heads" if "q_proj" in name else "num_key_value_heads"
        rows = tensor.reshape(config[of], 2, -1, tensor.shape[1])
        tensor = rows.swapaxes(1, 2).reshape(tensor.shape)
    return tensor.astype(np.float16)
