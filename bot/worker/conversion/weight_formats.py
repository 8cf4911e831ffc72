"""How a weight matrix is stored for OpenVINO: as floats, or quantized to 8 or 4 bits.

A matrix [rows (outputs), columns (inputs)] is stored as one to three parts, one after the other in
a file. Each row is encoded by itself, so that a matrix can be encoded a few rows at a time. Element
types and shapes of the parts are those that OpenVINO's plugins keep compressed in memory:

    floats               weight f32, f16 or bf16 [rows, columns]
    int8, symmetric      weight i8 [rows, columns], scale f16 [rows, 1]
    int4, symmetric      weight i4 [rows, groups, group size], scale f16 [rows, groups, 1]
    int4, asymmetric     weight u4 [rows, groups, group size], zero (point) u4 [rows, groups, 1],
                         scale f16 [rows, groups, 1]

A weight is decoded as weight * scale, or (weight - zero) * scale. Two 4-bit numbers share a byte,
the first one in the low half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.worker.protocol import LoadError

GROUP_SIZES = (64, 32, 16)
"""Candidates for the number of inputs that share a scale: the first that divides the columns."""

Floats = npt.NDArray[np.floating[Any]]
Parts = dict[str, npt.NDArray[Any]]
"""The encoded parts of a matrix, by name: "weight", "scale", "zero"."""

_BITS = {"f32": 32, "f16": 16, "bf16": 16, "i8": 8, "i4": 4, "u4": 4}


@dataclass(frozen=True, slots=True)
class Part:
    """One array of a stored matrix."""

    type: str
    """OpenVINO's name of the element type."""
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return (prod(self.shape) * _BITS[self.type] + 7) // 8


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """How to store a matrix."""

    parts: Callable[[int, int], dict[str, Part]]
    """``parts(rows, columns)``: the parts by name, in the order in which they are stored. Raises
    LoadError where the columns cannot be divided into groups."""
    encode: Callable[[Floats], Parts]
    """``encode(rows)``: float rows [rows, columns] to the parts. With 4 bits the number of rows
    must be even, or all rows given at once. Raises LoadError where a weight overflows float16."""


# ---------------------------------------------------------------- floats


def _float_format(kind: str) -> WeightFormat:
    def encode(rows: Floats) -> Parts:
        if kind == "bf16":
            return {"weight": to_bf16(rows)}
        dtype = np.float32 if kind == "f32" else np.float16
        with np.errstate(over="ignore"):
            values = rows.astype(dtype)
        if kind == "f16" and not np.isfinite(values).all():
            raise LoadError('a weight is too large for fp16: choose [model] low_bit = "bf16"')
        return {"weight": values}

    return WeightFormat(lambda rows, columns: {"weight": Part(kind, (rows, columns))}, encode)


def to_bf16(values: Floats) -> npt.NDArray[np.uint16]:
    """bfloat16 as uint16: the upper halves of float32 numbers, rounded to nearest, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded: npt.NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


# ---------------------------------------------------------------- integers


def _int8_parts(rows: int, columns: int) -> dict[str, Part]:
    return {"weight": Part("i8", (rows, columns)), "scale": Part("f16", (rows, 1))}


def _encode_int8(rows: Floats) -> Parts:
    values = rows.astype(np.float32)
    scale = _scale(np.abs(values).max(axis=1, keepdims=True) / 127)
    whole = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    return {"weight": whole, "scale": scale.astype(np.float16)}


def group_size(columns: int) -> int:
    """How many inputs share a scale, with 4 bits. Raises LoadError where no candidate divides the
    number of columns."""
    for size in GROUP_SIZES:
        if columns % size == 0:
            return size
    raise LoadError(
        f"a matrix with {columns} columns cannot be quantized to 4 bits: choose [model] low_bit = "
        '"sym_int8"'
    )


def _sym_int4_parts(rows: int, columns: int) -> dict[str, Part]:
    groups = columns // group_size(columns)
    return {
        "weight": Part("i4", (rows, groups, columns // groups)),
        "scale": Part("f16", (rows, groups, 1)),
    }


def _encode_sym_int4(rows: Floats) -> Parts:
    groups = _grouped(rows)
    # The weight of the largest magnitude is mapped to -8, the code without a positive counterpart.
    farthest = np.take_along_axis(groups, np.abs(groups).argmax(axis=2)[..., None], axis=2)
    scale = _scale(farthest / -8)
    whole = np.clip(np.rint(groups / scale), -8, 7).astype(np.int8)
    return {"weight": _pack(whole.view(np.uint8) & 0x0F), "scale": scale.astype(np.float16)}


def _asym_int4_parts(rows: int, columns: int) -> dict[str, Part]:
    groups = columns // group_size(columns)
    return {
        "weight": Part("u4", (rows, groups, columns // groups)),
        "zero": Part("u4", (rows, groups, 1)),
        "scale": Part("f16", (rows, groups, 1)),
    }


def _encode_asym_int4(rows: Floats) -> Parts:
    groups = _grouped(rows)
    low = np.minimum(groups.min(axis=2, keepdims=True), 0)
    high = np.maximum(groups.max(axis=2, keepdims=True), 0)
    scale = _scale((high - low) / 15)
    zero = np.clip(np.rint(-low / scale), 0, 15)
    whole = np.clip(np.rint(groups / scale) + zero, 0, 15).astype(np.uint8)
    return {
        "weight": _pack(whole),
        "zero": _pack(zero.astype(np.uint8)),
        "scale": scale.astype(np.float16),
    }


def _grouped(rows: Floats) -> npt.NDArray[np.float32]:
    size = group_size(rows.shape[1])
    return rows.astype(np.float32).reshape(rows.shape[0], -1, size)


def _scale(values: Floats) -> npt.NDArray[np.float32]:
    """Scales rounded to float16, as stored: quantization uses what decoding will use. 1 for 0."""
    limit = np.finfo(np.float16).max
    stored = np.clip(values, -limit, limit).astype(np.float16).astype(np.float32)
    return np.where(stored == 0, np.float32(1), stored)


def _pack(nibbles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Two 4-bit numbers to a byte, the first in the low half."""
    flat = nibbles.reshape(-1)
    if flat.size % 2:
        flat = np.concatenate([flat, np.zeros(1, np.uint8)])
    packed: npt.NDArray[np.uint8] = flat[0::2] | (flat[1::2] << np.uint8(4))
    return packed


F32, F16, BF16 = (_float_format(kind) for kind in ("f32", "f16", "bf16"))
INT8 = WeightFormat(_int8_parts, _encode_int8)
SYM_INT4 = WeightFormat(_sym_int4_parts, _encode_sym_int4)
ASYM_INT4 = WeightFormat(_asym_int4_parts, _encode_asym_int4)

FORMATS = {
    "fp32": (F32, F32),
    "fp16": (F16, F16),
    "bf16": (BF16, BF16),
    "sym_int8": (INT8, INT8),
    "sym_int4": (SYM_INT4, INT8),
    "asym_int4": (ASYM_INT4, INT8),
}
"""By ``[model] low_bit``: the format of the layers' matrices, and that of the embedding table and
the output matrix, which lose most quality by quantization and therefore keep at least 8 bits."""
