"""Rotary position encoding (RoPE): the frequencies of a model, scaled as its config.json says.

The formulas are those of transformers' ``modeling_rope_utils``: default, linear, dynamic, llama3,
YaRN (arXiv:2309.00071) and LongRoPE (arXiv:2402.13753).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.worker.protocol import LoadError

Parameters = Mapping[str, Any]
"""Entries of config.json, or one set of its ``rope_parameters``."""

_COMMON = {
    "rope_type",
    "type",
    "rope_theta",
    "partial_rotary_factor",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "factor",
}
_KEYS = {
    "default": set[str](),
    "linear": set[str](),
    "dynamic": set[str](),
    "llama3": {"low_freq_factor", "high_freq_factor"},
    "yarn": {
        "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"
    },
    "longrope": {"attention_factor", "short_factor", "long_factor"},
}  # fmt: skip
"""By type of scaling: the parameters that are known, besides those that every type has."""


@dataclass(frozen=True, slots=True)
class Rope:
    """How positions are encoded in one kind of layers."""

    frequencies: tuple[float, ...]
    """Radians per position, for each pair of rotated dimensions; the dimensions of a head after
    those are not rotated."""
    scale: float = 1.0
    """A factor of cosine and sine (YaRN's and LongRoPE's attention factor)."""
    limit: int = 0
    """The longest context, in tokens, for which `frequencies` hold; 0 for any."""
    beyond: tuple[float, ...] = ()
    """LongRoPE: the frequencies for longer contexts."""

    def at(self, context: int) -> "Rope":
        """The same for a context window of so many tokens.

        transformers chooses between LongRoPE's two sets by the length of each sequence, and then
        computes the whole KV cache anew. Here the window decides once, as in llama.cpp and vLLM, so
        that the cache of an answer that grows, and cached prefixes, stay valid. Raises LoadError
        for dynamic scaling, which has no frequencies for more tokens than `limit`."""
        if not self.limit or context <= self.limit:
            return self
        if not self.beyond:
            raise dynamic_limit(self.limit)
        return replace(self, frequencies=self.beyond, limit=0, beyond=())


def long_context_note(limit: int, context: int) -> str:
    """What the operator should know where a context window of `context` tokens needs LongRoPE's
    frequencies for more than `limit` tokens."""
    return (
        f"the context of {context} tokens is beyond {limit}, so RoPE's frequencies for long texts "
        f"(LongRoPE) are used for short ones too; [model] context = {limit} or less uses those for "
        "short texts"
    )


def dynamic_limit(limit: int) -> LoadError:
    """The refusal of a context window beyond the trained one with dynamic scaling, which has other
    frequencies for each length of a text."""
    return LoadError(
        f'RoPE scaling of type "dynamic" is supported up to {limit} tokens: set [model] '
        f"context = {limit} or less"
    )


def rope_parameters(
    config: Parameters, kinds: set[str], theta: float, rotated: float
) -> dict[str, Parameters]:
    """The RoPE parameters of each of these kinds of layers ("full_attention",
    "sliding_attention"), complete. `theta` and `rotated` are the architecture's defaults of
    ``rope_theta`` and ``partial_rotary_factor``. Raises TypeError where an entry is no object."""
    # Transformers 5 writes rope_parameters, earlier ones rope_scaling and rope_theta.
    given = config.get("rope_parameters") or config.get("rope_scaling") or {}
    names = [name for name in ("full_attention", "sliding_attention") if name in given]
    sets = {kind: given.get(kind) or {} for kind in kinds} if names else dict.fromkeys(kinds, given)
    default = {
        "rope_theta": config.get("rope_theta") or theta,
        "partial_rotary_factor": config.get("partial_rotary_factor") or rotated,
        "max_position_embeddings": config.get("max_position_embeddings"),
    }
    trained = config.get("original_max_position_embeddings")
    complete: dict[str, Parameters] = {}
    for kind, entries in sets.items():
        own = {name: value for name, value in dict(entries).items() if value is not None}
        if trained:
            own["original_max_position_embeddings"] = trained
        own.setdefault("original_max_position_embeddings", default["max_position_embeddings"])
        complete[kind] = default | own
    return complete


def rope(parameters: Parameters, head_size: int) -> Rope:
    """The frequencies for one set of parameters, as `rope_parameters` returns it.

    Raises LoadError for an unknown type or parameter; KeyError, TypeError, ValueError or
    ArithmeticError where a number is missing or invalid."""
    kind = str(parameters.get("rope_type") or parameters.get("type") or "default")
    if kind not in _KEYS:
        raise LoadError(f"RoPE scaling of type {json.dumps(kind)[:60]} is not supported")
    unknown = sorted(set(parameters) - _COMMON - _KEYS[kind])
    if unknown:
        raise LoadError(f"RoPE scaling with {json.dumps(unknown[0])[:60]} is not supported")
    size = int(head_size * float(parameters["partial_rotary_factor"]))
    theta = float(parameters["rope_theta"])
    plain = tuple(theta ** (-2 * i / size) for i in range((size + 1) // 2))
    if kind == "linear":
        return Rope(tuple(frequency / float(parameters["factor"]) for frequency in plain))
    if kind == "dynamic":  # the same within the trained context window
        return Rope(plain, limit=int(parameters["max_position_embeddings"]))
    if kind == "llama3":
        return Rope(tuple(_llama3(frequency, parameters) for frequency in plain))
    if kind == "yarn":
        return _yarn(plain, size, theta, parameters)
    if kind == "longrope":
        return _longrope(plain, parameters)
    return Rope(plain)


def _llama3(frequency: float, given: Parameters) -> float:
    """Llama 3.1's scaling: low frequencies are divided by the factor, high ones kept, those between
    interpolated."""
    factor, trained = float(given["factor"]), float(given["original_max_position_embeddings"])
    low, high = float(given["low_freq_factor"]), float(given["high_freq_factor"])
    turns = trained * frequency / (2 * math.pi)
    share = min(1.0, max(0.0, (turns - low) / (high - low)))
    return frequency * (share + (1 - share) / factor)


def _yarn(plain: tuple[float, ...], size: int, theta: float, given: Parameters) -> Rope:
    """YaRN: frequencies that turn often within the trained context are kept, those that turn
    seldom divided by the factor, those between interpolated."""
    trained = float(given["original_max_position_embeddings"])
    factor = _factor(given, trained)

    def dimension(turns: float) -> float:
        return size * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension(float(given.get("beta_fast") or 32))
    high = dimension(float(given.get("beta_slow") or 1))
    if given.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    if low == high:
        high += 0.001
    divided = [min(1.0, max(0.0, (i - low) / (high - low))) for i in range(len(plain))]
    frequencies = tuple(
        frequency * (1 - share + share / factor)
        for frequency, share in zip(plain, divided, strict=True)
    )
    return Rope(frequencies, _yarn_attention(factor, given))


def _yarn_attention(factor: float, given: Parameters) -> float:
    if given.get("attention_factor") is not None:
        return float(given["attention_factor"])

    def magnitude(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0

    above, below = given.get("mscale"), given.get("mscale_all_dim")
    if above and below:
        return magnitude(float(above)) / magnitude(float(below))
    return magnitude(1.0)


def _longrope(plain: tuple[float, ...], given: Parameters) -> Rope:
    """LongRoPE: a divisor for each frequency, one set up to the trained context and one beyond."""
    trained = int(given["original_max_position_embeddings"])
    factor = _factor(given, trained)
    scale = given.get("attention_factor")
    if scale is None:
        scale = math.sqrt(1 + math.log(factor) / math.log(trained)) if factor > 1 else 1.0
    short, long = (
        tuple(
            frequency / float(divisor)
            for frequency, divisor in zip(plain, given[name], strict=True)
        )
        for name in ("short_factor", "long_factor")
    )
    return Rope(short, float(scale), trained, long)


def _factor(given: Parameters, trained: float) -> float:
    if given.get("factor") is not None:
        return float(given["factor"])
    return float(given["max_position_embeddings"]) / trained
