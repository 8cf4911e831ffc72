"""GGUF files small enough for a test, made from the tokenizers of `tests.tiny_tokenizer`.

They have the tensors that a reader looks for, filled with zeros: no text can be generated.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from bot.models.gguf import Gguf
from bot.prompting.sentencepiece import Piece, PieceType, SentencePieceModel
from bot.worker.gguf.header import read_header
from tests.tiny_tokenizer import byte_level_spec, sentencepiece_model

CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write_gguf(
    file: Path,
    *,
    architecture: str = "llama",
    tokenizer: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    template: str | None = None,
    context: int = 2048,
    tensors: int = 2,
) -> Path:
    """Write a model with the metadata of a tiny Llama, of `tokenizer` (`byte_level` or
    `sentencepiece`, else ChatML's tokens) and of `values`; return `file`."""
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_type("model")
    writer.add_name("Tiny")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(context)
    writer.add_block_count(2)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    if template is not None:
        writer.add_chat_template(template)
    added = {**(byte_level() if tokenizer is None else tokenizer), **(values or {})}
    for key, value in added.items():
        add_value(writer, key, value)
    tokens = added.get("tokenizer.ggml.tokens")
    vocabulary = len(tokens) if isinstance(tokens, list) else 0
    for number in range(tensors):
        name = "token_embd.weight" if number == 0 else f"blk.{number}.ffn_up.weight"
        writer.add_tensor(name, np.zeros((max(1, vocabulary), 64), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def add_value(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    """Write a value with the type that llama.cpp's converter has for it. One that is there already
    is replaced."""
    writer.kv_data[0].pop(key, None)
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def byte_level(
    special: Sequence[str] = CHATML, *, pre: str = "qwen2", user_defined: Sequence[str] = ()
) -> dict[str, Any]:
    """The metadata of a byte-level BPE tokenizer with the vocabulary of `byte_level_spec`, these
    special tokens behind it, and then these user-defined ones."""
    spec = byte_level_spec([*special, *user_defined])
    vocab = sorted(spec["model"]["vocab"], key=spec["model"]["vocab"].get)
    merges = [one if isinstance(one, str) else " ".join(one) for one in spec["model"]["merges"]]
    types = [1] * len(vocab) + [3] * len(special) + [4] * len(user_defined)
    values: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": [*vocab, *special, *user_defined],
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": merges,
    }
    if special:
        values["tokenizer.ggml.eos_token_id"] = len(vocab) + len(special) - 1
    return values


def sentencepiece(
    model: bytes | None = None, *, kind: str = "llama", special: Sequence[str] = ()
) -> dict[str, Any]:
    """The metadata of a SentencePiece model (Llama's tiny one), with these special tokens added."""
    read = SentencePieceModel.parse(sentencepiece_model() if model is None else model)
    pieces = [*read.pieces, *(Piece(text, 0.0, PieceType.CONTROL) for text in special)]
    values: dict[str, Any] = {
        "tokenizer.ggml.model": kind,
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [piece.text for piece in pieces],
        "tokenizer.ggml.scores": [piece.score for piece in pieces],
        "tokenizer.ggml.token_type": [int(piece.type) for piece in pieces],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_space_prefix": read.dummy_prefix,
    }
    if read.charsmap:
        values["tokenizer.ggml.precompiled_charsmap"] = list(read.charsmap)
    return values


def as_gguf(values: Mapping[str, Any], *, architecture: str = "llama") -> Gguf:
    """What a file with these metadata would be read as, without a file."""
    encoded = {
        key: [one.encode() for one in value]
        if isinstance(value, list) and value and isinstance(value[0], str)
        else tuple(value)
        if isinstance(value, list)
        else value
        for key, value in values.items()
    }
    path = Path("tiny.gguf")
    return Gguf({"general.architecture": architecture, **encoded}, path, (path,), (), 0)


def read_vocabulary(file: Path) -> Gguf:
    """A GGUF file that may hold a vocabulary alone, which `read_gguf` refuses."""
    header = read_header(file)
    return Gguf(header.values, file, (file,), header.tensors, header.size)
