"""The attention mask of a decoder, as OpenVINO operations.

OpenVINO GenAI replaces attention by its paged attention, which computes the mask itself. It finds a
sliding window only where the mask is built from the operations that it expects: those of the
pattern for gpt-oss in OpenVINO's ``state_management_pattern.cpp``. With any other graph it would
attend to all tokens.
"""

from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-untyped]
import openvino.opset13 as op  # type: ignore[import-untyped]

Node = Any
"""A node or an output of OpenVINO's Python API, which accepts either."""

MASKED = -65504.0
"""The mask's value for masked positions: the lowest float16."""


def attention_mask(ids: Node, mask: Node, window: int) -> Node:
    """0 where a token attends and `MASKED` elsewhere, [batch, 1, tokens, all tokens]: to itself and
    what is before it, of which with a `window` other than 0 only the last ``window`` tokens, itself
    included. `ids` is [batch, tokens], `mask` [batch, all tokens], 0 for padding."""
    total = op.gather(op.shape_of(mask), _int(1), _int(0))
    new = op.gather(op.shape_of(ids), _int(1), _int(0))
    every = op.range(_int(0), total, _int(1), ov.Type.i64)
    mine = op.unsqueeze(op.range(op.subtract(total, new), total, _int(1), ov.Type.i64), _int(1))
    earlier = op.less_equal(every, mine)
    real = op.unsqueeze(op.not_equal(mask, _int(0)), op.constant(np.array([1, 2], np.int64)))
    if not window:
        return _chosen(op.logical_and(earlier, real))
    near = op.greater(every, op.add(mine, _int(-window)))
    # The pattern has four conjunctions; one that is repeated changes nothing.
    attends = op.bitwise_and(op.bitwise_and(earlier, near), earlier)
    attends = op.bitwise_and(op.bitwise_and(real, attends), real)
    wide = op.broadcast(attends, op.shape_of(attends))
    end, step, axis = (op.constant(np.array([n], np.int64)) for n in (2**62, 1, 3))
    return op.slice(_chosen(wide), op.constant(np.array([0], np.int64)), end, step, axis)


def _chosen(attends: Node) -> Node:
    return op.select(attends, op.constant(np.float32(0)), op.constant(np.float32(MASKED)))


def _int(value: int) -> Node:
    return op.constant(np.int64(value))
