"""What a decoder-only transformer computes: its shape and its options, read from ``config.json``.

One description for all architectures that the converter knows; `architectures` maps each of them to
it. An option that would change what the model computes and is not known is an error, never ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.worker.conversion.rope import Rope, long_context_note
from bot.worker.protocol import LoadError

SMALL_MODEL = 1_000_000_000
"""The number of weights below which [model] low_bit = "auto" means 8 bits instead of 4: the quality
of small models suffers most from 4 bits, and they need little memory anyway."""

LARGEST = 1 << 24
"""The upper limit of each dimension: ten times the largest vocabulary in use."""


@dataclass(frozen=True, slots=True)
class Layer:
    """In what one decoder layer may differ from the others."""

    rope: Rope | None
    """None: positions are not encoded in this layer."""
    window: int = 0
    """Sliding window: to how many tokens, itself included, a token attends; 0 for all."""


@dataclass(frozen=True, slots=True)
class Norms:
    """The names of the RMSNorms in a layer; "" where there is none. "After" is on the output of
    attention or MLP, before it is added to the residual stream."""

    before_attention: str = "input_layernorm"
    after_attention: str = ""
    before_mlp: str = "post_attention_layernorm"
    after_mlp: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that there are."""
        every = (self.before_attention, self.after_attention, self.before_mlp, self.after_mlp)
        return tuple(name for name in every if name)


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The shape and the options of a decoder-only transformer."""

    model_type: str
    hidden: int
    """The width of the residual stream."""
    inner: int
    """The width of the feed-forward layers."""
    heads: int
    """Query heads of each layer."""
    key_heads: int
    """Key heads, and value heads; fewer than `heads` in grouped-query attention."""
    head_size: int
    vocab: int
    norm_epsilon: float
    tied: bool
    """The embedding table is the output matrix as well."""
    layers: tuple[Layer, ...]
    norms: Norms = Norms()
    norm_offset: float = 0.0
    """What is added to the weights of every RMSNorm."""
    query_key_norm: str = ""
    """RMSNorm of queries and keys before RoPE: "head" (over each head), "whole" (over all heads
    together) or "" (none)."""
    biases: frozenset[str] = frozenset()
    """The projections (``q_proj``, ``gate_proj`` …) that have a bias."""
    fused: frozenset[str] = frozenset()
    """Tensors that hold several projections one after the other: "qkv_proj", "gate_up_proj"."""
    interleaved: bool = False
    """RoPE rotates the pairs (0, 1), (2, 3) …, instead of (0, n / 2), (1, n / 2 + 1) …"""
    activation: str = "silu"
    """Of the feed-forward layers' gate: "silu" or "gelu_tanh"."""
    embedding_multiplier: float = 1.0
    residual_multiplier: float = 1.0
    """A factor of what attention and MLP add to the residual stream."""
    logits_multiplier: float = 1.0
    attention_scale: float | None = None
    """A factor of the attention scores; None for 1 / sqrt(head_size)."""
    query_growth: tuple[float, int] | None = None
    """(beta, length): queries grow with their position, by 1 + beta * ln(1 + position // length)
    (Llama 4's temperature tuning)."""

    @property
    def parameters(self) -> int:
        """The number of weights in matrices; the vectors (norms, biases) are not counted."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.key_heads)
        layer = attention + 3 * self.hidden * self.inner
        return len(self.layers) * layer + (1 if self.tied else 2) * self.vocab * self.hidden

    def cache_bytes(self, element_size: float) -> float:
        """Bytes of KV cache per token, with elements of `element_size` bytes."""
        return 2 * len(self.layers) * self.key_heads * self.head_size * element_size

    def at(self, context: int) -> "DecoderConfig":
        """The same for a context window of so many tokens: see `Rope.at`."""
        layers = tuple(
            replace(layer, rope=layer.rope and layer.rope.at(context)) for layer in self.layers
        )
        return replace(self, layers=layers)

    @property
    def limit(self) -> int:
        """The context window, in tokens, beyond which RoPE changes; 0 where it never does."""
        return max((layer.rope.limit for layer in self.layers if layer.rope), default=0)

    def note(self, context: int) -> str:
        """What the operator should know about a context window of so many tokens; "" for nothing.
        Raises LoadError as `Rope.at` does."""
        if self.at(context) == self:
            return ""
        return long_context_note(self.limit, context)


def read_json(folder: Path) -> Mapping[str, Any]:
    """The ``config.json`` of a model's folder. Raises LoadError where it is missing or damaged."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except OSError as exc:
        raise LoadError(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise LoadError(f"{path} is damaged (not JSON): download it again") from exc
    if not isinstance(config, dict):
        raise LoadError(f"{path} is damaged (not a JSON object): download it again")
    return config


def dimension(name: str, value: Any) -> int:
    """A dimension of the model. Raises ValueError where it is out of range, and what `int`
    raises."""
    number = int(value)
    if not 0 < number <= LARGEST:
        raise ValueError(f"{name} is not from 1 to {LARGEST:,}")
    return number
