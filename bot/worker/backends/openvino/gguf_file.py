"""Which GGUF files OpenVINO GenAI reads, and what such a file says of its model.

GenAI builds the graphs of three architectures itself (its src/cpp/src/gguf_utils: gguf_modeling.cpp
for the graph, gguf.cpp for metadata and tensors, building_blocks.cpp for quantizations). What it
does not look at (RoPE scaling, experts) would silently change what the model computes, so such a
file is refused here. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from bot.worker.backends.openvino.model_facts import CacheShape
from bot.worker.protocol import LoadError

ARCHITECTURES = ("llama", "qwen2", "qwen3")

MATRIX_TYPES = {1: "F16", 2: "Q4_0", 3: "Q4_1", 8: "Q8_0", 12: "Q4_K", 14: "Q6_K"}
"""The types of the layers' matrices for which GenAI builds a graph, by their numbers in a file."""

ROUNDED = frozenset({3, 12})
"""Q4_1 and Q4_K: they store the smallest weight of a group as a float, and GenAI rounds it to a
whole zero point of 4 bits (make_int4_weights in building_blocks.cpp)."""

_OTHER_TYPES = {
    0: "F32", 6: "Q5_0", 7: "Q5_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip

LLAMA_CPP = "run it with llama.cpp (parley backend install llamacpp), which reads every GGUF file"

_STRING, _ARRAY = 8, 9
_FORMATS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_MOST_LAYERS = 4096
_MOST = 1 << 24
"""More elements, or bytes of a text, are damage."""


@dataclass(frozen=True, slots=True)
class GgufModel:
    """A model that GenAI reads."""

    architecture: str
    file_type: str
    """The type of most of its weights: "Q4_K"."""
    exact: bool
    """Whether all matrices have 16 bits."""
    rounded: bool
    """Whether some weights are read less exactly than they are stored; see `ROUNDED`."""
    cache: CacheShape
    weight_bytes: int


def read_gguf(file: Path) -> GgufModel:
    """What the GGUF file (of a split model: its first file) says. Raises LoadError where it is
    damaged, and where GenAI would not compute what its model means, with the way that works."""
    values: dict[str, Any] = {}
    types: Counter[int] = Counter()
    names: set[str] = set()
    parts = _parts(file)
    try:
        for part in parts:
            with part.open("rb") as stream:
                found, tensors = _read(stream)
            values = values or found
            names |= {name for name, _, _ in tensors}
            for name, elements, kind in tensors:
                types[kind] += elements if _is_matrix(name) else 0
        size = sum(part.stat().st_size for part in parts)
        _require_supported(file, values, names, types)
        return _model(values, types, size)
    except OSError as exc:
        raise LoadError(f"{file} cannot be read: {exc.strerror}") from exc
    except (struct.error, ValueError, LookupError, TypeError, ArithmeticError) as exc:
        raise LoadError(f"{file} is damaged, or no GGUF file: download it again") from exc


def _model(values: Mapping[str, Any], types: Counter[int], size: int) -> GgufModel:
    kind = values["general.architecture"]
    layers, heads = values[f"{kind}.block_count"], values[f"{kind}.attention.head_count"]
    head = values.get(f"{kind}.attention.key_length") or values[f"{kind}.embedding_length"] // heads
    key_heads = values.get(f"{kind}.attention.head_count_kv", heads)
    ((most, _),) = types.most_common(1)
    if not 0 < int(layers) <= _MOST_LAYERS:
        raise ValueError("a number of layers that no model has")
    cache = CacheShape(((int(key_heads), int(head)),) * (2 * int(layers)))
    found = set(+types)
    rounded = bool(found & ROUNDED)
    return GgufModel(kind, MATRIX_TYPES[most], found == {1}, rounded, cache, size)


# ---------------------------------------------------------------- what GenAI would get wrong


def _require_supported(
    file: Path, values: Mapping[str, Any], names: set[str], types: Counter[int]
) -> None:
    kind = str(values["general.architecture"])
    if reason := _why_not(kind, values, names, types):
        raise LoadError(f"{file.name}: OpenVINO cannot run this GGUF file ({reason}): {LLAMA_CPP}")


def _why_not(kind: str, values: Mapping[str, Any], names: set[str], types: Counter[int]) -> str:
    """Why GenAI cannot run this model, or not correctly; "" where it can."""
    if kind not in ARCHITECTURES:
        return f"its architecture is {kind[:40]!r}, and OpenVINO reads {', '.join(ARCHITECTURES)}"
    if values.get(f"{kind}.expert_count"):
        return "it has experts"
    scaling = values.get(f"{kind}.rope.scaling.type", "none")
    if "rope_freqs.weight" in names or scaling not in ("none", ""):
        return "it scales RoPE, which OpenVINO ignores in GGUF files"
    head = values.get(f"{kind}.attention.key_length")
    rotated = values.get(f"{kind}.rope.dimension_count")
    if head and rotated and head != rotated:
        return "RoPE is applied to a part of each head"
    if values.get(f"{kind}.attention.sliding_window"):
        return "it has a sliding window, which OpenVINO ignores in GGUF files"
    unknown = [number for number in +types if number not in MATRIX_TYPES]
    if unknown:
        name = _OTHER_TYPES.get(unknown[0], f"type {unknown[0]}")
        return f"it has weights in {name}, and OpenVINO reads {', '.join(MATRIX_TYPES.values())}"
    return ""


def _is_matrix(name: str) -> bool:
    """Whether a tensor is a matrix of a layer, or the output matrix. (The embedding table may have
    any type.)"""
    matrix = name.startswith("blk.") or name == "output.weight"
    return matrix and name.endswith(".weight") and "norm" not in name


# ---------------------------------------------------------------- the format


def _parts(file: Path) -> list[Path]:
    """The files of a split model (``name-00001-of-00003.gguf``), or `file` alone."""
    before, _, count = file.stem.rpartition("-of-")
    if not (count.isdigit() and len(count) == 5 and before[-5:].isdigit()):
        return [file]
    stem = before[:-5]
    return [file.with_name(f"{stem}{n:05}-of-{count}.gguf") for n in range(1, int(count) + 1)]


def _read(stream: BinaryIO) -> tuple[dict[str, Any], list[tuple[str, int, int]]]:
    """Metadata, and (name, number of elements, type) of each tensor. Raises ValueError,
    struct.error and KeyError."""
    if stream.read(4) != b"GGUF":
        raise ValueError("not a GGUF file")
    version, tensors, count = struct.unpack("<IQQ", stream.read(20))
    if version not in (2, 3) or max(tensors, count) > _MOST:
        raise ValueError("an unknown version")
    values = {}
    for _ in range(count):
        key = _text(stream)
        values[key] = _value(stream, _number(stream, "I"))
    return values, [_tensor(stream) for _ in range(tensors)]


def _tensor(stream: BinaryIO) -> tuple[str, int, int]:
    name, dimensions = _text(stream), _number(stream, "I")
    if dimensions > 8:
        raise ValueError("a tensor of too many dimensions")
    shape = [_number(stream, "Q") for _ in range(dimensions)]
    kind = _number(stream, "I")
    _number(stream, "Q")  # where its data begins
    return name, prod(shape), kind


def _value(stream: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(stream)
    if kind != _ARRAY:
        return _number(stream, _FORMATS[kind])
    of, count = _number(stream, "I"), _number(stream, "Q")
    if count > _MOST or of == _ARRAY:
        raise ValueError("an array that no metadata has")
    if of == _STRING:
        return [_text(stream) for _ in range(count)]
    stream.seek(struct.calcsize(f"<{_FORMATS[of]}") * count, 1)
    return None  # no array of numbers is needed


def _text(stream: BinaryIO) -> str:
    length = _number(stream, "Q")
    if length > _MOST:
        raise ValueError("a text that no metadata has")
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("the file ends in the middle of a text")
    return data.decode("utf-8", "replace")


def _number(stream: BinaryIO, form: str) -> Any:
    (value,) = struct.unpack(f"<{form}", stream.read(struct.calcsize(f"<{form}")))
    return value
