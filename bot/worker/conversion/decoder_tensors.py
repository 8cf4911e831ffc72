"""Which tensors a decoder has: their names in the graph, and where a checkpoint holds them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from bot.worker.conversion.decoder_config import DecoderConfig

Location = TypeVar("Location")

_FUSED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}

_COMPUTED = re.compile(r".*\.rotary_emb\.inv_freq|lm_head\.weight")
"""Tensors that some checkpoints hold and nobody needs: they are computed, or tied."""


class Role(Enum):
    """What a tensor is, which decides how it is stored."""

    LAYER = "a matrix of a layer"
    END = "the embedding table or the output matrix"
    VECTOR = "a norm's weights or a bias"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of the graph."""

    name: str
    """With Hugging Face's names, each projection apart."""
    shape: tuple[int, ...]
    role: Role
    source: str
    """The name of the checkpoint's tensor that holds it."""
    source_shape: tuple[int, ...]
    start: int = 0
    """The first of its rows in that tensor."""
    order: tuple[int, ...] = ()
    """The order of the rows in each block of ``len(order)``; () as they are."""


def decoder_tensors(config: DecoderConfig) -> Iterator[TensorSpec]:
    """Every tensor of the graph. Those of one layer follow each other."""
    ends = (config.vocab, config.hidden)
    yield _plain("model.embed_tokens.weight", ends, Role.END)
    if not config.tied:
        yield _plain("lm_head.weight", ends, Role.END)
    yield _plain("model.norm.weight", (config.hidden,), Role.VECTOR)
    for layer in range(len(config.layers)):
        at = f"model.layers.{layer}."
        for name in config.norms.names:
            yield _plain(f"{at}{name}.weight", (config.hidden,), Role.VECTOR)
        yield from _query_key_norms(config, at + "self_attn.")
        yield from _projections(config, at)


def text_tensors(tensors: Mapping[str, Location]) -> dict[str, Location]:
    """A checkpoint's tensors by the names that the text model alone would have: in a model for
    images and text they are below ``language_model``."""
    found = {}
    for name, location in tensors.items():
        if name.startswith("model.language_model."):
            name = "model." + name.removeprefix("model.language_model.")
        found[name.removeprefix("language_model.")] = location
    return found


def unknown_tensors(config: DecoderConfig, names: Iterable[str]) -> list[str]:
    """Those of a checkpoint's tensors that the model of this configuration does not have, of the
    decoder itself: they would change what it computes."""
    known = {spec.source for spec in decoder_tensors(config)}
    layer = re.compile(r"model\.layers\.(\d+)\.")

    def belongs(name: str) -> bool:
        if match := layer.match(name):
            return int(match[1]) < len(config.layers)  # layers after those predict further tokens
        return name.startswith(("model.embed", "model.norm", "lm_head."))

    rest = sorted(name for name in names if name not in known and belongs(name))
    return [name for name in rest if not _COMPUTED.fullmatch(name)]


def _plain(name: str, shape: tuple[int, ...], role: Role) -> TensorSpec:
    return TensorSpec(name, shape, role, name, shape)


def _query_key_norms(config: DecoderConfig, at: str) -> Iterator[TensorSpec]:
    for name, heads in (("q_norm", config.heads), ("k_norm", config.key_heads)):
        if config.query_key_norm:
            count = heads if config.query_key_norm == "whole" else 1
            yield _plain(f"{at}{name}.weight", (count * config.head_size,), Role.VECTOR)


def _projections(config: DecoderConfig, at: str) -> Iterator[TensorSpec]:
    """The matrices of a layer and their biases."""
    hidden, inner = config.hidden, config.inner
    queries, keys = config.heads * config.head_size, config.key_heads * config.head_size
    rows = {"q_proj": queries, "k_proj": keys, "v_proj": keys, "o_proj": hidden}
    rows |= {"gate_proj": inner, "up_proj": inner, "down_proj": hidden}
    columns = dict.fromkeys(rows, hidden) | {"o_proj": queries, "down_proj": inner}
    for name, count in rows.items():
        module = at + ("self_attn." if name in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp.")
        holder, members = _holder(config, name)
        start = sum(rows[member] for member in members[: members.index(name)])
        total = sum(rows[member] for member in members)
        order = _rotary_order(config) if name in ("q_proj", "k_proj") else ()
        source = f"{module}{holder}.weight"
        shape, whole = (count, columns[name]), (total, columns[name])
        yield TensorSpec(f"{module}{name}.weight", shape, Role.LAYER, source, whole, start, order)
        if name in config.biases:
            bias = f"{module}{name}.bias"
            yield TensorSpec(bias, (count,), Role.VECTOR, bias, (count,), 0, order)


def _holder(config: DecoderConfig, name: str) -> tuple[str, tuple[str, ...]]:
    """The stored tensor that holds a projection, and all projections in it, in order."""
    for holder in config.fused:
        if name in _FUSED[holder]:
            return holder, _FUSED[holder]
    return name, (name,)


def _rotary_order(config: DecoderConfig) -> tuple[int, ...]:
    """The order of a head's rows that makes of the pairs (0, 1), (2, 3) … the pairs (0, n / 2),
    (1, n / 2 + 1) …, which the graph rotates. Scores are the same: queries and keys are reordered
    alike."""
    if not config.interleaved:
        return ()
    turned = max(
        (2 * len(layer.rope.frequencies) for layer in config.layers if layer.rope), default=0
    )
    rest = range(turned, config.head_size)
    return (*range(0, turned, 2), *range(1, turned, 2), *rest)
