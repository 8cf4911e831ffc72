"""Reads the part of a GGUF file's metadata that a backend needs to choose how to load it.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Texts of the tokenizer are
skipped, so that reading takes a fraction of a second.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.worker.protocol import LoadError

MAGIC = b"GGUF"
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of the values of each type that has a fixed size."""
_FORMATS = dict(enumerate("BbHhIif?", start=0)) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST = 1 << 31
"""Layers, heads, sizes and tokens are fewer."""
_LONGEST = 1 << 24
"""Bytes: a longer text, or an array of more elements, is damage and not metadata."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""``general.file_type`` by number: llama.h, ``llama_ftype``."""

Value = int | float | bool | str | list[int]


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about its model."""

    architecture: str
    """llama.cpp's name: "llama", "qwen3", "gemma3" …"""
    file_type: str
    """The quantization of most weights ("Q4_K_M"); "" where the file does not say."""
    context: int
    """Tokens that the model was trained for; 0 where the file does not say."""
    layers: int
    cache_elements: int
    """Numbers in the KV cache for one token, as if every layer attended to the whole context: with
    sliding windows or recurrent layers fewer are kept. 0 where the file does not say."""
    file_bytes: int
    """The size of the file, and of the others of a split model."""


def is_gguf(model: str) -> bool:
    """Whether ``[model] name`` resolved to a GGUF file: by its name, which is where people look."""
    return model.lower().endswith(".gguf")


def read_header(file: Path) -> GgufHeader:
    """The header of `file`; of a split model, its first file. Raises LoadError where it is no GGUF
    file, or a damaged one."""
    try:
        with file.open("rb") as stream:
            values = _read_values(stream)
        size = sum(part.stat().st_size for part in _parts(file))
    except OSError as exc:
        raise LoadError(f"{file} cannot be read: {exc.strerror}") from exc
    except (struct.error, ValueError, KeyError) as exc:
        raise LoadError(
            f"{file} is no complete GGUF file: download it again, or choose another"
        ) from exc
    return _header(values, size)


def _header(values: dict[str, Value], size: int) -> GgufHeader:
    name = str(values.get("general.architecture", ""))

    def number(key: str) -> int:
        value = values.get(f"{name}.{key}", 0)
        return _count(max(value, default=0) if isinstance(value, list) else value)

    layers, heads = number("block_count"), number("attention.head_count")
    kv_heads = values.get(f"{name}.attention.head_count_kv")
    of_head = number("embedding_length") // heads if heads else 0
    key = number("attention.key_length") or of_head
    value = number("attention.value_length") or of_head
    if isinstance(kv_heads, list):
        in_layers = sum(map(_count, kv_heads))
    else:
        in_layers = (_count(kv_heads) or heads) * layers
    return GgufHeader(
        architecture=name,
        file_type=FILE_TYPES.get(_int(values.get("general.file_type")), ""),
        context=number("context_length"),
        layers=layers,
        cache_elements=in_layers * (key + value),
        file_bytes=size,
    )


def _count(value: Value | None) -> int:
    """`value` if it can be a number of something; 0 for all else that a damaged file may hold."""
    return value if isinstance(value, int) and 0 <= value < _MOST else 0


def _int(value: Value | None) -> int:
    # 1024 is LLAMA_FTYPE_GUESSED: the converter found the type in the tensors
    return int(value) & ~1024 if isinstance(value, int) else -1


def _parts(file: Path) -> list[Path]:
    """The files of a split model (``name-00001-of-00003.gguf``), or `file` alone."""
    before, _, count = file.stem.rpartition("-of-")
    if not before or not count.isdigit() or not before[-5:].isdigit():
        return [file]
    return sorted(file.parent.glob(f"{_escaped(before[:-5])}?????-of-{count}.gguf")) or [file]


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


# ---------------------------------------------------------------- the format


def _read_values(stream: BinaryIO) -> dict[str, Value]:
    """The values that are no long texts. Raises ValueError, KeyError or struct.error."""
    if stream.read(4) != MAGIC:
        raise ValueError("no GGUF file")
    version, _, count = struct.unpack("<IQQ", stream.read(20))
    if not 2 <= version <= 3 or count > _LONGEST:
        raise ValueError("an unknown version, or a big-endian file")
    values: dict[str, Value] = {}
    for _ in range(count):
        key = _text(stream)
        (kind,) = struct.unpack("<I", stream.read(4))
        value = _value(stream, kind, keep=not key.startswith("tokenizer."))
        if value is not None:
            values[key] = value
    return values


def _value(stream: BinaryIO, kind: int, *, keep: bool) -> Value | None:
    if kind == _STRING:
        text = _text(stream)
        return text if keep else None
    if kind == _ARRAY:
        return _array(stream, keep=keep)
    (value,) = struct.unpack(f"<{_FORMATS[kind]}", stream.read(_SIZES[kind]))
    number: int | float | bool = value
    return number


def _array(stream: BinaryIO, *, keep: bool) -> list[int] | None:
    """The elements of an array of numbers; None for another, or with `keep` false."""
    kind, count = struct.unpack("<IQ", stream.read(12))
    if count > _LONGEST or kind == _ARRAY:
        raise ValueError("an array that no metadata has")
    if kind == _STRING:
        for _ in range(count):
            _skip_text(stream)
        return None
    data = stream.read(_SIZES[kind] * count)
    values = struct.unpack(f"<{count}{_FORMATS[kind]}", data)
    return [int(value) for value in values] if keep else None


def _text(stream: BinaryIO) -> str:
    return stream.read(_length(stream)).decode("utf-8", "replace")


def _skip_text(stream: BinaryIO) -> None:
    length = _length(stream)
    if len(stream.read(length)) < length:
        raise ValueError("the file ends in the middle of a text")


def _length(stream: BinaryIO) -> int:
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > _LONGEST:
        raise ValueError("a text that no metadata has")
    return int(length)
