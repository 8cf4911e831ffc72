"""What ``config.json`` says of a Llama model: its shape and how positions are encoded.

Also reads models that have the same layers: Mistral, and Qwen 2 with its biases. Anything that
would make another function of the same weights is refused rather than ignored.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.worker.protocol import LoadError

MODEL_TYPES = ("llama", "mistral", "qwen2")

_LARGEST = 1 << 24
"""Of each dimension: ten times the largest vocabulary there is."""


@dataclass(frozen=True, slots=True)
class LlamaConfig:
    """The shape of a decoder."""

    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    head_size: int
    vocab: int
    norm_epsilon: float
    tied: bool
    """The embedding is the output matrix as well."""
    frequencies: tuple[float, ...]
    """Radians a position, for each pair of a head's dimensions."""

    @property
    def parameters(self) -> int:
        """How many weights the model has, vectors left out."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.key_heads)
        layer = attention + 3 * self.hidden * self.inner
        return self.layers * layer + (1 if self.tied else 2) * self.vocab * self.hidden

    def cache_bytes(self, element_size: float) -> float:
        """Bytes of keys and values for one token, where a number takes `element_size` bytes."""
        return 2 * self.layers * self.key_heads * self.head_size * element_size


def read_config(folder: Path) -> LlamaConfig:
    """The configuration of a model's folder. Raises LoadError where it is damaged, or is of a
    model that cannot be converted."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except OSError as exc:
        raise LoadError(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise LoadError(f"{path} is damaged (no JSON): download it again") from exc
    if not isinstance(config, dict):
        raise LoadError(f"{path} is damaged (no JSON object): download it again")
    _refuse_what_is_unknown(config, path)
    try:
        return _config(config, path)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
        raise LoadError(f"{path} lacks a number or has a wrong one: {_line(exc)}") from exc


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
    """A number of the model's shape. Raises ValueError where it is none that a model can have, and
    what `int` raises."""
    number = int(value)
    if not 0 < number <= _LARGEST:
        raise ValueError(f"{name} is not from 1 to {_LARGEST:,}")
    return number


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]


def _line(error: Exception) -> str:
    text = str(error)[:200]
    return text if text.isprintable() else repr(text)


def _refuse_what_is_unknown(config: Mapping[str, Any], path: Path) -> None:
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise LoadError(
            f"{path}: a model of type {_shown(kind)} cannot be converted for OpenVINO (only "
            f'{", ".join(MODEL_TYPES)}): use [model] backend = "torch", or a folder that '
            "optimum-intel exported"
        )
    if "quantization_config" in config:
        raise LoadError(
            f"{path}: the weights are quantised already: take the original model, "
            "[model] low_bit makes it small"
        )
    known = {"hidden_act": "silu", "partial_rotary_factor": 1, "use_sliding_window": False}
    for name, value in known.items():
        if config.get(name) not in (None, value):
            raise LoadError(
                f"{path}: {name} = {config[name]!r:.60} is not supported: use [model] backend = "
                '"torch"'
            )


# ---------------------------------------------------------------- rotary positions


def _frequencies(config: Mapping[str, Any], head_size: int, path: Path) -> tuple[float, ...]:
    """The rotary frequencies, as transformers' ``modeling_rope_utils`` defines them."""
    # Transformers 5 writes rope_parameters, earlier ones rope_scaling and rope_theta.
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    theta = float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0)
    plain = tuple(theta ** (-2 * i / head_size) for i in range(head_size // 2))
    if kind in ("default", "dynamic"):  # dynamic: plain within the window that was trained
        return plain
    if kind == "linear":
        return tuple(frequency / float(rope["factor"]) for frequency in plain)
    if kind == "llama3":
        return tuple(_llama3(frequency, rope) for frequency in plain)
    raise LoadError(
        f'{path}: positions of type {_shown(kind)} are not supported: use [model] backend = "torch"'
    )


def _llama3(frequency: float, rope: Mapping[str, Any]) -> float:
    """Llama 3.1's: long waves are stretched by the factor, short ones kept, those between mixed."""
    factor, trained = float(rope["factor"]), float(rope["original_max_position_embeddings"])
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    turns = trained * frequency / (2 * math.pi)
    share = min(1.0, max(0.0, (turns - low) / (high - low)))
    return frequency * (share + (1 - share) / factor)
