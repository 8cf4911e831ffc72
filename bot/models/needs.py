"""How much memory and disk a model of the Hub needs, from its listing and config.json alone.

Estimates: enough to refuse what is far too large before it is downloaded or converted. The doctor
computes the memory of a model that is here, with its KV cache.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.models.catalogue import OVERHEAD
from bot.models.kind import CONVERTED, ModelKind
from bot.models.machine import Machine, largest
from bot.worker.conversion.convert import low_bit_for

_BITS = {
    "sym_int8": 8.5,
    "fp8": 8.5,
    "mixed_fp8": 8.5,
    "sym_int5": 5.5,
    "asym_int5": 5.5,
    "fp16": 16.0,
    "bf16": 16.0,
    "fp32": 32.0,
}
"""Bits of a weight by ``[model] low_bit``, scales included."""
_OTHER_BITS = 4.5
"""Of all others, which have four bits."""


def loaded_size(
    kind: ModelKind, weights: int, config: Mapping[str, Any], low_bit: str = "auto"
) -> int:
    """Bytes of a model in memory, whose files of weights have `weights` bytes: what is quantized
    when it is converted (or exported) takes less there than on the disk."""
    if not any(route.how and route.backend == "openvino" for route in kind.routes[:1]):
        return int(weights * OVERHEAD)
    return int(converted_size(weights, config, low_bit) * OVERHEAD)


def converted_size(weights: int, config: Mapping[str, Any], low_bit: str = "auto") -> int:
    """Bytes that the converted model takes on the disk, with this ``[model] low_bit``."""
    stored = str(config.get("torch_dtype") or config.get("dtype") or "")
    parameters = weights // (4 if stored == "float32" else 2)
    if low_bit == "auto":
        low_bit = low_bit_for(low_bit, parameters)
    return int(parameters * _BITS.get(low_bit, _OTHER_BITS) / 8)


def require_memory(name: str, needed: int, machine: Machine) -> None:
    """Raise ModelError, with the way that works, where no memory of `machine` holds `needed` bytes
    of weights, even if nothing else ran on it."""
    most = largest(machine)
    if most and needed > most:
        raise ModelError(
            f"{name} needs {needed / 1e9:.1f} GB of memory, and this machine has "
            f"{most / 1e9:.1f} GB: choose a smaller one (parley model recommend names those that "
            "fit)."
        )


def disk_for_conversion(
    kind: ModelKind, weights: int, config: Mapping[str, Any], low_bit: str = "auto"
) -> int:
    """Bytes that the first start adds in ``[model] cache_dir``; 0 where nothing is converted."""
    return converted_size(weights, config, low_bit) if CONVERTED in kind.routes[:1] else 0


def require_disk(name: str, needed: int, cache: Path) -> None:
    """Raise ModelError where the disk of the folder `cache` (``[model] cache_dir``, which may not
    exist yet) has no room for `needed` bytes of a converted model. Blocks."""
    existing = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise ModelError(
            f"Converted, {name} needs {needed / 1e9:.1f} GB in {cache}, and only {free / 1e9:.1f} "
            "GB are free: make room, or set [model] cache_dir to a folder on another disk."
        )
