"""Which GGUF files OpenVINO GenAI reads, and what such a file says of its model.

GenAI builds the graphs of three architectures itself (its src/cpp/src/gguf_utils: gguf_modeling.cpp
for the graph, gguf.cpp for metadata and tensors, building_blocks.cpp for quantizations). What it
does not look at (RoPE scaling, experts) would silently change what the model computes, so such a
file is refused here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.worker.backends.openvino.model_facts import CacheShape
from bot.worker.gguf.files import parts_of
from bot.worker.gguf.header import Tensor, read_header
from bot.worker.protocol import LoadError

ARCHITECTURES = ("llama", "qwen2", "qwen3")

MATRIX_TYPES = {1: "F16", 2: "Q4_0", 3: "Q4_1", 8: "Q8_0", 12: "Q4_K", 14: "Q6_K"}
"""The types of the layers' matrices for which GenAI builds a graph, by their numbers in a file."""

ROUNDED = frozenset({3, 12})
"""Q4_1 and Q4_K: they store the smallest weight of a group as a float, and GenAI rounds it to a
whole zero point of 4 bits (make_int4_weights in building_blocks.cpp)."""

INSTALL = "install it with parley backend install llamacpp"
ROUNDED_NOTE = (
    f"OpenVINO reads 4-bit weights of GGUF files less exactly than llama.cpp does: {INSTALL}"
)
"""What the operator should know of a file whose weights OpenVINO rounds."""

_OTHER_TYPES = {
    0: "F32", 6: "Q5_0", 7: "Q5_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip

LLAMA_CPP = "run it with llama.cpp (parley backend install llamacpp), which reads every GGUF file"

_MOST_LAYERS = 4096


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
    try:
        headers = [read_header(file.with_name(part)) for part in parts_of(file.name)]
        values = headers[0].values
        tensors = [tensor for header in headers for tensor in header.tensors]
        types = _types(tensors)
        _require_supported(file, values, {tensor.name for tensor in tensors}, types)
        return _model(values, types, sum(header.size for header in headers))
    except OSError as exc:
        raise LoadError(f"{exc.filename or file} cannot be read: {exc.strerror}") from exc
    except (ValueError, LookupError, TypeError, ArithmeticError) as exc:
        raise LoadError(f"{file} is damaged, or no GGUF file: download it again") from exc


def _types(tensors: Sequence[Tensor]) -> Counter[int]:
    """By type, how many weights the layers' matrices and the output matrix have."""
    types: Counter[int] = Counter()
    for tensor in tensors:
        types[tensor.type] += tensor.weights if _is_matrix(tensor.name) else 0
    return types


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
