"""Reads the ``config.json`` of a Llama model: its shape and its rotary position encoding (RoPE).

Also of architectures with the same layers: Mistral, and Qwen 2 with its biases. An option that
would change what the model computes and is not supported is an error, never ignored.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.worker.protocol import LoadError, NotConvertible

MODEL_TYPES = ("llama", "mistral", "qwen2")

SMALL_MODEL = 200_000_000
"""The number of weights below which [model] low_bit = "auto" quantizes less: it would save little
memory and cost much quality."""

_LARGEST = 1 << 24
"""The upper limit of each dimension: ten times the largest vocabulary in use."""


@dataclass(frozen=True, slots=True)
class LlamaConfig:
    """The shape of a decoder-only transformer."""

    hidden: int
    """The width of the residual stream."""
    inner: int
    """The width of the feed-forward layers."""
    layers: int
    heads: int
    """Query heads of each layer."""
    key_heads: int
    """Key heads, and value heads; fewer than `heads` in grouped-query attention."""
    head_size: int
    vocab: int
    norm_epsilon: float
    tied: bool
    """The embedding table is the output matrix as well."""
    frequencies: tuple[float, ...]
    """RoPE: radians per position, for each pair of a head's dimensions."""

    @property
    def parameters(self) -> int:
        """The number of weights in matrices; the vectors (norms, biases) are not counted."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.key_heads)
        layer = attention + 3 * self.hidden * self.inner
        return self.layers * layer + (1 if self.tied else 2) * self.vocab * self.hidden

    def cache_bytes(self, element_size: float) -> float:
        """Bytes of KV cache per token, with elements of `element_size` bytes."""
        return 2 * self.layers * self.key_heads * self.head_size * element_size


def read_config(folder: Path) -> LlamaConfig:
    """The configuration in a model's folder. Raises LoadError where config.json is missing,
    damaged, or of a model that cannot be converted."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except OSError as exc:
        raise LoadError(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise LoadError(f"{path} is damaged (not JSON): download it again") from exc
    if not isinstance(config, dict):
        raise LoadError(f"{path} is damaged (not a JSON object): download it again")
    _check_supported(config, path)
    try:
        return _config(config, path)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
        raise LoadError(f"{path} has a missing or invalid number: {_line(exc)}") from exc


def _config(config: Mapping[str, Any], path: Path) -> LlamaConfig:
    heads, hidden = (
        _dimension("num_attention_heads", config["num_attention_heads"]),
        _dimension("hidden_size", config["hidden_size"]),
    )
    head_size = _dimension("head_dim", config.get("head_dim") or hidden // heads)
    return LlamaConfig(
        hidden=hidden,
        inner=_dimension("intermediate_size", config["intermediate_size"]),
        layers=_dimension("num_hidden_layers", config["num_hidden_layers"]),
        heads=heads,
        key_heads=_dimension("num_key_value_heads", config.get("num_key_value_heads") or heads),
        head_size=head_size,
        vocab=_dimension("vocab_size", config["vocab_size"]),
        norm_epsilon=float(config["rms_norm_eps"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        frequencies=_frequencies(config, head_size, path),
    )


def _dimension(name: str, value: Any) -> int:
    """A dimension of the model. Raises ValueError where it is out of range, and what `int`
    raises."""
    number = int(value)
    if not 0 < number <= _LARGEST:
        raise ValueError(f"{name} is not from 1 to {_LARGEST:,}")
    return number


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]


def _line(error: Exception) -> str:
    text = str(error)[:200]
    return text if text.isprintable() else repr(text)


def _check_supported(config: Mapping[str, Any], path: Path) -> None:
    """Raises LoadError for another architecture, quantized weights, or an unsupported option."""
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise NotConvertible(
            f"{path}: a model of type {_shown(kind)} cannot be converted for OpenVINO (only "
            f"{', '.join(MODEL_TYPES)}): use the same model as an export for "
            "OpenVINO (names such as OpenVINO/Qwen3-8B-int4-ov) or as a GGUF file, or [model] "
            'backend = "torch"'
        )
    if "quantization_config" in config:
        raise LoadError(
            f"{path}: the weights are quantized already: use the original model, "
            "which [model] low_bit quantizes"
        )
    known = {"hidden_act": "silu", "partial_rotary_factor": 1, "use_sliding_window": False}
    for name, value in known.items():
        if config.get(name) not in (None, value):
            raise NotConvertible(
                f"{path}: {name} = {config[name]!r:.60} is not supported: use [model] backend = "
                '"torch"'
            )


# ---------------------------------------------------------------- rotary positions


def _frequencies(config: Mapping[str, Any], head_size: int, path: Path) -> tuple[float, ...]:
    """The RoPE frequencies, as transformers' ``modeling_rope_utils`` defines them. Raises LoadError
    for an unsupported type of scaling."""
    # Transformers 5 writes rope_parameters, earlier ones rope_scaling and rope_theta.
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    theta = float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0)
    plain = tuple(theta ** (-2 * i / head_size) for i in range(head_size // 2))
    if kind in ("default", "dynamic"):  # dynamic: the same within the trained context window
        return plain
    if kind == "linear":
        return tuple(frequency / float(rope["factor"]) for frequency in plain)
    if kind == "llama3":
        return tuple(_llama3(frequency, rope) for frequency in plain)
    raise NotConvertible(
        f"{path}: RoPE scaling of type {_shown(kind)} is not supported: use "
        '[model] backend = "torch"'
    )


def _llama3(frequency: float, rope: Mapping[str, Any]) -> float:
    """Llama 3.1's scaling: low frequencies are divided by the factor, high ones kept, those between
    interpolated."""
    factor, trained = float(rope["factor"]), float(rope["original_max_position_embeddings"])
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    turns = trained * frequency / (2 * math.pi)
    share = min(1.0, max(0.0, (turns - low) / (high - low)))
    return frequency * (share + (1 - share) / factor)
