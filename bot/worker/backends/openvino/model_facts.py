"""What a model in OpenVINO's format says of its weights and of the memory that a token takes.

The caches of a model are variables of its graph. A KV cache has the shape [batch, heads, tokens,
head size], with batch and tokens unknown. A layer with linear attention or a convolution has a
state of fixed size instead: [batch, …], with only the batch unknown. GenAI replaces both kinds by
caches of its own (src/cpp/src/continuous_batching/cache).
"""

from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from bot.worker.backends.openvino.library import import_openvino
from bot.worker.protocol import LoadError

WEIGHT_TYPES = {
    "i4": "int4", "u4": "int4", "nf4": "nf4", "f4e2m1": "fp4", "i8": "int8", "u8": "int8",
    "f8e4m3": "fp8", "f8e5m2": "fp8", "f16": "fp16", "bf16": "bf16", "f32": "fp32",
}  # fmt: skip
"""Quantizations for people by OpenVINO's names of element types."""

_STATE_ELEMENT = 4
"""Bytes per element of a state of fixed size."""


@dataclass(frozen=True, slots=True)
class CacheShape:
    """The caches of a model."""

    heads: tuple[tuple[int, int], ...]
    """For each KV cache tensor: number of heads and head size."""
    state_bytes: int = 0
    """Bytes of fixed-size states for one sequence: 0 where every layer has a KV cache or none."""

    @property
    def hybrid(self) -> bool:
        """Whether some layers have a state of fixed size instead of a KV cache."""
        return self.state_bytes > 0

    def token_bytes(self, element: float, per_head: float = 0.0) -> float:
        """Bytes of KV cache for one token, with elements of `element` bytes and `per_head` more for
        each head (scale and zero point of a quantized cache)."""
        return sum(heads * (size * element + per_head) for heads, size in self.heads)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model before it is loaded."""

    weights: str
    """The type of most of its weights: "int4", "fp16" …; "" where that cannot be told."""
    cache: CacheShape


def read_facts(file: Path) -> ModelFacts:
    """The facts of the model in `file`. Reads its graph; its weights are only mapped. Raises
    LoadError where it is damaged."""
    try:
        model = import_openvino().Core().read_model(file)
    except RuntimeError as exc:
        raise LoadError(
            f"{file.parent} cannot be loaded: {file.name} or its .bin file is damaged: download or "
            "convert the model again"
        ) from exc
    return ModelFacts(_weight_type(model), _cache_shape(model))


def _weight_type(model: Any) -> str:
    """The element type of most weights in matrices."""
    elements: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and len(shape := node.get_output_shape(0)) >= 2:
            elements[node.get_output_element_type(0).get_type_name()] += prod(shape)
    known = [name for name, _ in elements.most_common() if name in WEIGHT_TYPES]
    return WEIGHT_TYPES[known[0]] if known else ""


def _cache_shape(model: Any) -> CacheShape:
    heads, state = [], 0
    for variable in model.get_variables():
        dimensions = list(variable.info.data_shape)
        fixed = [int(each.get_length()) for each in dimensions if each.is_static]
        unknown = len(dimensions) - len(fixed)
        if unknown == 2 and len(fixed) == 2:
            heads.append((fixed[0], fixed[1]))
        elif unknown == 1:
            state += prod(fixed) * _STATE_ELEMENT
    return CacheShape(tuple(heads), state)
