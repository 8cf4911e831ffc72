"""A Llama decoder as a graph of OpenVINO operations.

The graph is like those that optimum-intel exports: inputs ``input_ids``, ``attention_mask``,
``position_ids`` and ``beam_idx``, output ``logits``, and the KV cache in variables. OpenVINO GenAI
recognizes this pattern and replaces the variables by its paged KV cache; the plugins recognize
RoPE, attention and quantized weights.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-untyped]
import openvino.opset13 as op  # type: ignore[import-untyped]

from bot.worker.conversion.llama_config import LlamaConfig

Constants = Mapping[str, ov.op.Constant]
"""The parts of one stored tensor: "weight", "scale", "zero" (see `weight_formats`)."""
Weights = Callable[[str], Constants]
"""The parts of the tensor with this Hugging Face name; empty where the model does not have it."""

Node = Any
"""A node or an output of OpenVINO's Python API, which accepts either."""

MASKED = -65504.0
"""The attention mask's value for masked positions: the lowest float16."""


class LlamaGraph:
    """Builds the graph. Three-dimensional tensors are [batch, tokens, hidden], four-dimensional
    ones [batch, heads, tokens, head size]."""

    def __init__(self, config: LlamaConfig, weights: Weights) -> None:
        self._config = config
        self._weights = weights
        self._sinks: list[Node] = []

    def build(self) -> ov.Model:
        """The model. Its constants share the memory of `weights`, which must outlive it."""
        ids = _input("input_ids", np.int64, [-1, -1])
        mask = _input("attention_mask", np.int64, [-1, -1])
        positions = _input("position_ids", np.int64, [-1, -1])
        beams = _input("beam_idx", np.int32, [-1])
        batch = op.gather(op.shape_of(ids), [0], 0)
        embedding = self._matrix("model.embed_tokens")
        hidden = op.gather(embedding, op.convert(ids, np.int32), _int(0))
        attended = _causal_mask(ids, mask)
        rotation = self._rotation(positions, batch)
        for layer in range(self._config.layers):
            hidden = self._layer(layer, hidden, attended, rotation, batch, beams)
        hidden = self._norm("model.norm", hidden)
        output = embedding if self._config.tied else self._matrix("lm_head")
        logits = op.matmul(hidden, output, transpose_a=False, transpose_b=True)
        logits.output(0).set_names({"logits"})
        inputs = [ids, mask, positions, beams]
        return ov.Model([op.result(logits)], self._sinks, inputs, "llama")

    # ------------------------------------------------------------ a layer

    def _layer(
        self,
        layer: int,
        hidden: Node,
        mask: Node,
        rotation: tuple[Node, Node],
        batch: Node,
        beams: Node,
    ) -> Node:
        at = f"model.layers.{layer}."
        normed = self._norm(at + "input_layernorm", hidden)
        attention = self._attention(layer, normed, mask, rotation, batch, beams)
        hidden = op.add(hidden, attention)
        normed = self._norm(at + "post_attention_layernorm", hidden)
        gate = op.swish(self._linear(at + "mlp.gate_proj", normed))
        inner = op.multiply(gate, self._linear(at + "mlp.up_proj", normed))
        return op.add(hidden, self._linear(at + "mlp.down_proj", inner))

    def _attention(
        self,
        layer: int,
        normed: Node,
        mask: Node,
        rotation: tuple[Node, Node],
        batch: Node,
        beams: Node,
    ) -> Node:
        config, at = self._config, f"model.layers.{layer}.self_attn."
        query = self._heads(self._linear(at + "q_proj", normed), config.heads)
        key = self._heads(self._linear(at + "k_proj", normed), config.key_heads)
        value = self._heads(self._linear(at + "v_proj", normed), config.key_heads)
        query, key = self._rotate(query, rotation), self._rotate(key, rotation)
        key = self._repeat(self._cached(f"{layer}.key", key, batch, beams))
        value = self._repeat(self._cached(f"{layer}.value", value, batch, beams))
        mixed = op.scaled_dot_product_attention(query, key, value, mask)
        flat = op.reshape(
            op.transpose(mixed, _ints(0, 2, 1, 3)),
            _ints(0, 0, config.heads * config.head_size),
            special_zero=True,
        )
        return self._linear(at + "o_proj", flat)

    def _heads(self, flat: Node, heads: int) -> Node:
        """[batch, tokens, heads * size] to [batch, heads, tokens, size]."""
        split = op.reshape(flat, _ints(0, 0, heads, self._config.head_size), special_zero=True)
        return op.transpose(split, _ints(0, 2, 1, 3))

    def _cached(self, name: str, new: Node, batch: Node, beams: Node) -> Node:
        """All keys (or values): those of the KV cache's variable, and the new ones appended."""
        heads, size = self._config.key_heads, self._config.head_size
        shape = op.concat([batch, _ints(heads), _ints(0), _ints(size)], 0)
        variable = f"past_key_values.{name}present.{name}"
        past = op.read_value(
            op.broadcast(_float(0.0), shape), variable, ov.Type.f32, [-1, heads, -1, size]
        )
        every = op.concat([op.gather(past, beams, _int(0)), new], 2)
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

    def _rotation(self, positions: Node, batch: Node) -> tuple[Node, Node]:
        """RoPE's cosine and sine for each token, [batch, 1, tokens, head size]."""
        frequencies = np.array(self._config.frequencies, np.float32).reshape(1, -1, 1)
        shape = op.concat([batch, _ints(1), _ints(1)], 0)
        each = op.broadcast(op.constant(frequencies), shape, broadcast_spec="BIDIRECTIONAL")
        numbers = op.convert(op.unsqueeze(positions, _int(1)), np.float32)
        angles = op.transpose(op.matmul(each, numbers, False, False), _ints(0, 2, 1))
        both = op.concat([angles, angles], -1)
        return op.unsqueeze(op.cos(both), _int(1)), op.unsqueeze(op.sin(both), _int(1))

    def _rotate(self, heads: Node, rotation: tuple[Node, Node]) -> Node:
        """Apply RoPE: rotate each pair (i, i + size / 2) of dimensions by the token's angle."""
        half, end = self._config.head_size // 2, np.iinfo(np.int64).max
        first = op.slice(heads, _ints(0), _ints(half), _ints(1), _ints(3))
        second = op.slice(heads, _ints(half), _ints(end), _ints(1), _ints(3))
        turned = op.concat([op.multiply(second, _float(-1.0)), first], -1)
        cosine, sine = rotation
        return op.add(op.multiply(heads, cosine), op.multiply(turned, sine))

    # ------------------------------------------------------------ weights

    def _norm(self, name: str, hidden: Node) -> Node:
        """RMSNorm over the last dimension."""
        square = op.power(hidden, _float(2.0))
        mean = op.reduce_mean(square, _ints(-1), keep_dims=True)
        root = op.sqrt(op.add(mean, _float(self._config.norm_epsilon)))
        scaled = op.multiply(hidden, op.divide(_float(1.0), root))
        return op.multiply(scaled, self._floats(name + ".weight"))

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


def _causal_mask(ids: Node, attention_mask: Node) -> Node:
    """The attention mask: 0 where a token attends and `MASKED` elsewhere, [batch, 1, tokens, all
    tokens]."""
    total = op.gather(op.shape_of(attention_mask), _int(1), _int(0))
    new = op.gather(op.shape_of(ids), _int(1), _int(0))
    every = op.range(_int(0), total, _int(1), ov.Type.i64)
    mine = op.unsqueeze(op.range(op.subtract(total, new), total, _int(1), ov.Type.i64), _int(1))
    earlier = op.less_equal(every, mine)
    real = op.unsqueeze(op.not_equal(attention_mask, _int(0)), _ints(1, 2))
    return op.select(op.logical_and(earlier, real), _float(0.0), _float(MASKED))


def _input(name: str, dtype: type, shape: list[int]) -> Node:
    parameter = op.parameter(shape, dtype)
    parameter.set_friendly_name(name)  # OpenVINO GenAI uses both names
    parameter.output(0).set_names({name})
    return parameter


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
