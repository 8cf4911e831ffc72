"""How far quantized weights are from the originals.

The measure is the relative error of a matrix W and its decoded quantization Q:
``‖W - Q‖ / ‖W‖`` (Frobenius norms), 0 for none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.worker.conversion.convert import CHUNK
from bot.worker.conversion.safetensors_file import Checkpoint
from bot.worker.conversion.weight_formats import FORMATS, Floats, Parts, WeightFormat

Matrix = npt.NDArray[np.float32]

# Tensors outside the layers, which keep more bits (`FORMATS`).
_ENDS = ("embed_tokens.weight", "lm_head.weight")


@dataclass(frozen=True, slots=True)
class WeightError:
    """The relative error of all matrices together, and of the worst one."""

    total: float
    worst: float
    worst_name: str


def decode(parts: Parts, shape: tuple[int, ...]) -> Matrix:
    """The matrix of this shape that `parts` stand for, as the device computes it in float32. The
    inverse of `WeightFormat.encode`, apart from what quantization lost."""
    weight = parts["weight"]
    if "scale" not in parts:
        if weight.dtype == np.uint16:  # bfloat16
            return (weight.astype(np.uint32) << 16).view(np.float32).reshape(shape)
        return weight.astype(np.float32).reshape(shape)
    scale = parts["scale"].astype(np.float32)
    if weight.dtype == np.int8:
        return (weight.astype(np.float32) * scale).reshape(shape)
    groups = (*scale.shape[:2], -1)
    whole = _nibbles(weight, int(np.prod(shape))).astype(np.int16).reshape(groups)
    if "zero" in parts:
        zero = _nibbles(parts["zero"], scale.size).astype(np.int16).reshape(scale.shape)
        return ((whole - zero) * scale).astype(np.float32).reshape(shape)
    signed = np.where(whole > 7, whole - 16, whole)
    return (signed * scale).astype(np.float32).reshape(shape)


def _nibbles(packed: npt.NDArray[Any], count: int) -> npt.NDArray[np.uint8]:
    """The 4-bit numbers of packed bytes, the low half first."""
    data = packed.view(np.uint8).reshape(-1)
    return np.stack([data & 0x0F, data >> 4], axis=1).reshape(-1)[:count]


def squares(weight_format: WeightFormat, rows: Floats) -> tuple[float, float]:
    """The sums of the squared errors and of the squared weights of `rows`, an even number of
    rows of a matrix or the whole."""
    exact = rows.astype(np.float64)
    decoded = decode(weight_format.encode(rows), rows.shape)
    return float(((exact - decoded) ** 2).sum()), float((exact**2).sum())


def relative_error(weight_format: WeightFormat, rows: Floats) -> float:
    """The relative error of one matrix; 0 for a matrix of zeros."""
    error, norm = squares(weight_format, rows)
    return (error / norm) ** 0.5 if norm else 0.0


def weight_error(folder: Path, low_bit: str) -> WeightError:
    """The error of `low_bit`, a key of `FORMATS`, over all matrices of the checkpoint in `folder`.
    Reads some rows at a time. Raises LoadError where the weights cannot be read or quantized."""
    checkpoint = Checkpoint(folder)
    errors, norms, worst, worst_name = 0.0, 0.0, -1.0, ""
    for name, location in checkpoint.locations.items():
        if len(location.shape) != 2:
            continue
        layers, ends = FORMATS[low_bit]
        error, norm = _matrix(checkpoint, name, ends if name.endswith(_ENDS) else layers)
        errors, norms = errors + error, norms + norm
        relative = (error / norm) ** 0.5 if norm else 0.0
        if relative > worst:
            worst, worst_name = relative, name
    return WeightError((errors / norms) ** 0.5 if norms else 0.0, max(worst, 0.0), worst_name)


def _matrix(checkpoint: Checkpoint, name: str, weight_format: WeightFormat) -> tuple[float, float]:
    location = checkpoint.location(name)
    at_once = max(2, CHUNK // location.row_size // 2 * 2)
    error, norm = 0.0, 0.0
    for start in range(0, location.shape[0], at_once):
        rows = checkpoint.rows(name, start, min(location.shape[0], start + at_once))
        more_error, more_norm = squares(weight_format, rows)
        error, norm = error + more_error, norm + more_norm
    return error, norm
