"""Chooses the device and the precision for torch, and how many context windows fit its memory.

The torch module is a parameter, so that this can be tested without torch.
"""

from dataclasses import dataclass
from typing import Any

from bot.worker.backends.torch.low_bit import LOW_BITS
from bot.worker.memory import available_memory
from bot.worker.protocol import DoesNotFit, LoadError

CACHE_SHARE = 0.8
"""The fraction of the memory left beside the model that the KV cache may take; the rest is for
activations."""

_DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Precision:
    """The data types of a model, by torch's names, and its quantization."""

    stored: str
    """The type that the weights are loaded as."""
    computed: str
    """The type of activations and KV cache."""
    quantization: str = ""
    """What `bot.worker.backends.torch.low_bit` then quantizes the weights to; "" for nothing."""

    @property
    def low_bit(self) -> str:
        """The name in the settings."""
        return self.quantization or _NAMES[self.stored]


def choose_device(torch: Any, wanted: str) -> str:
    """torch's name of the device for ``[model] device``: "auto", "cpu", "xpu", "cuda", "xpu:1" …
    Raises LoadError, with the devices that are available, where `wanted` is not."""
    found = [*_accelerators(torch), "cpu"]
    if wanted == "auto":
        return found[0]
    if wanted in found:
        return wanted
    known = ", ".join(f'"{name}"' for name in found)
    text = f'[model] device = "{wanted}": torch has no such device here; it has {known}'
    if wanted.startswith("xpu"):
        text += ". Install torch from https://download.pytorch.org/whl/xpu and the GPU's driver"
    elif wanted.startswith("gpu"):
        text += '. "gpu" is a device of backend = "openvino"'
    raise LoadError(text)


def _accelerators(torch: Any) -> list[str]:
    found = []
    for kind in ("xpu", "cuda"):
        module = getattr(torch, kind, None)
        if module is not None and module.is_available():
            found += [kind, *(f"{kind}:{number}" for number in range(module.device_count()))]
    return found


def device_title(torch: Any, device: str) -> str:
    """The device's name for people: "xpu (Intel(R) Arc(TM) B580 Graphics)"."""
    kind = device.partition(":")[0]
    if kind == "cpu":
        return device
    return f"{device} ({getattr(torch, kind).get_device_name(device)})"


def choose_precision(device: str, low_bit: str, dtype: str) -> Precision:
    """The precision for ``[model] low_bit``, on a device, of a checkpoint of the type `dtype`.

    A CPU computes in float32 whatever the weights' type is, so that answers are the same
    everywhere, except for bfloat16. Raises LoadError for a quantization without kernels there.
    """
    kind = device.partition(":")[0]
    if low_bit == "auto":
        stored = dtype if dtype in _NAMES and device != "cpu" else "float32"
        if device != "cpu" and stored == "float32":
            stored = "float16"
    elif low_bit in _DTYPES:
        stored = _DTYPES[low_bit]
    elif kind in LOW_BITS.get(low_bit, ()):
        return Precision("bfloat16", "bfloat16", low_bit)
    else:
        known = [*_DTYPES, *(name for name, kinds in LOW_BITS.items() if kind in kinds)]
        here = ", ".join(f'"{name}"' for name in known)
        raise LoadError(
            f'[model] low_bit = "{low_bit}" is not for backend = "torch" on {kind}, which has '
            f'{here}: choose one of these, or backend = "openvino"'
        )
    computed = "float32" if device == "cpu" and stored == "float16" else stored
    return Precision(stored, computed)


def free_memory(torch: Any, device: str) -> int | None:
    """Free bytes of the device's memory; None where not known."""
    kind = device.partition(":")[0]
    if kind == "cpu":
        return available_memory()
    return int(getattr(torch, kind).mem_get_info(device)[0])


def contexts_that_fit(
    free: int | None, bytes_per_token: int, context: int, wanted: int, device: str
) -> int:
    """How many full context windows fit the KV cache, `wanted` at most: `free` bytes (None: not
    known), `bytes_per_token` of KV cache, `context` tokens each. Raises DoesNotFit where not one
    fits."""
    if free is None:
        return wanted
    fitting = int(free * CACHE_SHARE / (bytes_per_token * context))
    if fitting < 1:
        raise DoesNotFit(
            f"the model leaves {free / 1e9:.1f} GB free on {device}, and [model] context = "
            f"{context} needs {bytes_per_token * context / CACHE_SHARE / 1e9:.1f}: choose a "
            "smaller context or a smaller model"
        )
    return min(wanted, fitting)
