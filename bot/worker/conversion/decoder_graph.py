"""A decoder-only transformer as a graph of OpenVINO operations.

The graph is like those that optimum-intel exports: inputs ``input_ids``, ``attention_mask``,
``position_ids`` and ``beam_idx``, output ``logits``, and the KV cache in variables. OpenVINO GenAI
recognizes this pattern and replaces the variables by its paged KV cache; the plugins recognize
RoPE, attention and quantized weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-untyped]
import openvino.opset13 as op  # type: ignore[import-untyped]

from bot.worker.conversion.attention_mask import attention_mask
from bot.worker.conversion.decoder_config import DecoderConfig, Layer
from bot.worker.conversion.rope import Rope

Constants = Mapping[str, ov.op.Constant]
"""The parts of one stored tensor: "weight", "scale", "zero" (see `weight_formats`)."""
Weights = Callable[[str], Constants]
"""The parts of the tensor with this Hugging Face name; empty where the model does not have it."""

Node = Any
"""A node or an output of OpenVINO's Python API, which accepts either."""

Rotation = tuple[Node, Node]
"""RoPE's cosine and sine for each token, [batch, 1, tokens, rotated dimensions]."""


@dataclass(slots=True)
class _Inputs:
    """What every layer needs of the graph's inputs."""

    ids: Node
    mask: Node
    positions: Node
    beams: Node
    batch: Node


class DecoderGraph:
    """Builds the graph. Three-dimensional tensors are [batch, tokens, hidden], four-dimensional
    ones [batch, heads, tokens, head size]."""

    def __init__(self, config: DecoderConfig, weights: Weights) -> None:
        self._config = config
        self._weights = weights
        self._sinks: list[Node] = []
        self._inputs = _inputs()
        self._masks: dict[int, Node] = {}
        """By window."""
        self._rotations: dict[Rope, Rotation] = {}
        self._growth: Node = None
        """The factor of the queries that grows with their position, [batch, 1, tokens, 1]."""

    def build(self) -> ov.Model:
        """The model. Its constants share the memory of `weights`, which must outlive it."""
        config, given = self._config, self._inputs
        embedding = self._matrix("model.embed_tokens")
        hidden = op.gather(embedding, op.convert(given.ids, np.int32), _int(0))
        hidden = _scaled(hidden, config.embedding_multiplier)
        for number, layer in enumerate(config.layers):
            hidden = self._layer(number, layer, hidden)
        hidden = self._norm("model.norm", hidden)
        output = embedding if config.tied else self._matrix("lm_head")
        logits = op.matmul(hidden, output, transpose_a=False, transpose_b=True)
        logits = _scaled(logits, config.logits_multiplier)
        logits.output(0).set_names({"logits"})
        inputs = [given.ids, given.mask, given.positions, given.beams]
        return ov.Model([op.result(logits)], self._sinks, inputs, config.model_type)

    # ------------------------------------------------------------ a layer

    def _layer(self, number: int, layer: Layer, hidden: Node) -> Node:
        norms, at = self._config.norms, f"model.layers.{number}."
        normed = self._maybe_norm(at, norms.before_attention, hidden)
        attention = self._attention(number, layer, normed)
        hidden = self._added(hidden, self._maybe_norm(at, norms.after_attention, attention))
        normed = self._maybe_norm(at, norms.before_mlp, hidden)
        gate = self._activation(self._linear(at + "mlp.gate_proj", normed))
        inner = op.multiply(gate, self._linear(at + "mlp.up_proj", normed))
        output = self._linear(at + "mlp.down_proj", inner)
        return self._added(hidden, self._maybe_norm(at, norms.after_mlp, output))

    def _added(self, hidden: Node, more: Node) -> Node:
        return op.add(hidden, _scaled(more, self._config.residual_multiplier))

    def _activation(self, gate: Node) -> Node:
        if self._config.activation == "gelu_tanh":
            return op.gelu(gate, "tanh")
        return op.swish(gate)

    def _attention(self, number: int, layer: Layer, normed: Node) -> Node:
        config, at = self._config, f"model.layers.{number}.self_attn."
        query = self._query_or_key(at, "q", config.heads, normed, layer)
        key = self._query_or_key(at, "k", config.key_heads, normed, layer)
        value = self._heads(self._linear(at + "v_proj", normed), config.key_heads)
        if config.query_growth:
            query = op.multiply(query, self._query_growth(*config.query_growth))
        key = self._repeat(self._cached(f"{number}.key", key))
        value = self._repeat(self._cached(f"{number}.value", value))
        mask = self._mask(layer.window)
        scale = [] if config.attention_scale is None else [_float(config.attention_scale)]
        mixed = op.scaled_dot_product_attention(query, key, value, mask, *scale)
        flat = op.reshape(
            op.transpose(mixed, _ints(0, 2, 1, 3)),
            _ints(0, 0, config.heads * config.head_size),
            special_zero=True,
        )
        return self._linear(at + "o_proj", flat)

    def _query_or_key(self, at: str, which: str, heads: int, normed: Node, layer: Layer) -> Node:
        """Queries or keys (`which`: "q" or "k"), normalized and rotated."""
        flat = self._linear(f"{at}{which}_proj", normed)
        if self._config.query_key_norm == "whole":
            flat = self._norm(f"{at}{which}_norm", flat)
        split = self._split(flat, heads)
        if self._config.query_key_norm == "head":
            split = self._norm(f"{at}{which}_norm", split)
        each = op.transpose(split, _ints(0, 2, 1, 3))
        return each if layer.rope is None else self._rotate(each, layer.rope)

    def _split(self, flat: Node, heads: int) -> Node:
        """[batch, tokens, heads * size] to [batch, tokens, heads, size]."""
        return op.reshape(flat, _ints(0, 0, heads, self._config.head_size), special_zero=True)

    def _heads(self, flat: Node, heads: int) -> Node:
        """[batch, tokens, heads * size] to [batch, heads, tokens, size]."""
        return op.transpose(self._split(flat, heads), _ints(0, 2, 1, 3))

    def _mask(self, window: int) -> Node:
        if window not in self._masks:
            given = self._inputs
            self._masks[window] = attention_mask(given.ids, given.mask, window)
        return self._masks[window]

    def _cached(self, name: str, new: Node) -> Node:
        """All keys (or values): those of the KV cache's variable, and the new ones appended."""
        heads, size = self._config.key_heads, self._config.head_size
        shape = op.concat([self._inputs.batch, _ints(heads), _ints(0), _ints(size)], 0)
        variable = f"past_key_values.{name}present.{name}"
        past = op.read_value(
            op.broadcast(_float(0.0), shape), variable, ov.Type.f32, [-1, heads, -1, size]
        )
        every = op.concat([op.gather(past, self._inputs.beams, _int(0)), new], 2)
        self._sinks.append(op.assign(every, variable))
        return every

    def _repeat(self, cached: Node) -> Node:
        """Repeat each key head (or value head) for the query heads that share it (grouped-query
        attention)."""
        config = self._config
        times = config.heads // config.key_heads
        if times == 1:
            return cached
        shape = op.concat(
            [op.gather(op.shape_of(cached), [0, 1], 0), _ints(times),
             op.gather(op.shape_of(cached), [2, 3], 0)], 0
        )  # fmt: skip
        wide = op.broadcast(op.unsqueeze(cached, _int(2)), shape, broadcast_spec="BIDIRECTIONAL")
        return op.reshape(wide, _ints(0, config.heads, -1, config.head_size), special_zero=True)

    # ------------------------------------------------------------ positions

    def _rotation(self, rope: Rope) -> Rotation:
        if rope in self._rotations:
            return self._rotations[rope]
        frequencies = np.array(rope.frequencies, np.float32).reshape(1, -1, 1)
        shape = op.concat([self._inputs.batch, _ints(1), _ints(1)], 0)
        each = op.broadcast(op.constant(frequencies), shape, broadcast_spec="BIDIRECTIONAL")
        numbers = op.convert(op.unsqueeze(self._inputs.positions, _int(1)), np.float32)
        angles = op.transpose(op.matmul(each, numbers, False, False), _ints(0, 2, 1))
        both = op.concat([angles, angles], -1)
        cosine, sine = _scaled(op.cos(both), rope.scale), _scaled(op.sin(both), rope.scale)
        self._rotations[rope] = op.unsqueeze(cosine, _int(1)), op.unsqueeze(sine, _int(1))
        return self._rotations[rope]

    def _rotate(self, heads: Node, rope: Rope) -> Node:
        """Apply RoPE: rotate each pair (i, i + n / 2) of the first n dimensions by the token's
        angle; the others stay."""
        half, end = len(rope.frequencies), np.iinfo(np.int64).max
        rest = 2 * half < self._config.head_size
        turned = _dimensions(heads, 0, 2 * half) if rest else heads
        first, second = _dimensions(turned, 0, half), _dimensions(turned, half, end)
        across = op.concat([op.multiply(second, _float(-1.0)), first], -1)
        cosine, sine = self._rotation(rope)
        rotated = op.add(op.multiply(turned, cosine), op.multiply(across, sine))
        if not rest:
            return rotated
        return op.concat([rotated, _dimensions(heads, 2 * half, end)], -1)

    def _query_growth(self, beta: float, length: int) -> Node:
        if self._growth is None:
            numbers = op.convert(self._inputs.positions, np.float32)
            whole = op.floor(op.divide(numbers, _float(length)))
            factor = op.add(
                op.multiply(op.log(op.add(whole, _float(1.0))), _float(beta)), _float(1.0)
            )
            self._growth = op.unsqueeze(factor, _ints(1, 3))
        return self._growth

    # ------------------------------------------------------------ weights

    def _norm(self, name: str, hidden: Node) -> Node:
        """RMSNorm over the last dimension."""
        square = op.power(hidden, _float(2.0))
        mean = op.reduce_mean(square, _ints(-1), keep_dims=True)
        root = op.sqrt(op.add(mean, _float(self._config.norm_epsilon)))
        scaled = op.multiply(hidden, op.divide(_float(1.0), root))
        weights = self._floats(name + ".weight")
        if self._config.norm_offset:
            weights = op.add(weights, _float(self._config.norm_offset))
        return op.multiply(scaled, weights)

    def _maybe_norm(self, at: str, name: str, hidden: Node) -> Node:
        return self._norm(at + name, hidden) if name else hidden

    def _linear(self, name: str, hidden: Node) -> Node:
        output = op.matmul(hidden, self._matrix(name), transpose_a=False, transpose_b=True)
        if not self._weights(name + ".bias"):
            return output
        return op.add(output, self._floats(name + ".bias"))

    def _floats(self, name: str) -> Node:
        return _to_f32(self._weights(name)["weight"])

    def _matrix(self, name: str) -> Node:
        """A matrix as float32 [rows, columns], dequantized where it is quantized."""
        parts = self._weights(name + ".weight")
        weight = parts["weight"]
        if "scale" not in parts:
            return _to_f32(weight)
        values = op.convert(weight, np.float16)
        if "zero" in parts:
            values = op.subtract(values, op.convert(parts["zero"], np.float16))
        values = op.multiply(values, parts["scale"])
        if len(weight.shape) == 3:
            rows, groups, size = weight.shape
            values = op.reshape(values, _ints(rows, groups * size), special_zero=False)
        return op.convert(values, np.float32)


def _inputs() -> _Inputs:
    ids = _input("input_ids", np.int64, [-1, -1])
    mask = _input("attention_mask", np.int64, [-1, -1])
    positions = _input("position_ids", np.int64, [-1, -1])
    beams = _input("beam_idx", np.int32, [-1])
    return _Inputs(ids, mask, positions, beams, op.gather(op.shape_of(ids), [0], 0))


def _input(name: str, dtype: type, shape: list[int]) -> Node:
    parameter = op.parameter(shape, dtype)
    parameter.set_friendly_name(name)  # OpenVINO GenAI uses both names
    parameter.output(0).set_names({name})
    return parameter


def _dimensions(heads: Node, start: int, stop: int) -> Node:
    return op.slice(heads, _ints(start), _ints(stop), _ints(1), _ints(3))


def _scaled(values: Node, factor: float) -> Node:
    return values if factor == 1.0 else op.multiply(values, _float(factor))


def _to_f32(constant: Node) -> Node:
    if constant.get_element_type() == ov.Type.f32:
        return constant
    return op.convert(constant, np.float32)


def _float(value: float) -> Node:
    return op.constant(np.float32(value))


def _int(value: int) -> Node:
    return op.constant(np.int64(value))


def _ints(*values: int) -> Node:
    return op.constant(np.array(values, np.int64))
