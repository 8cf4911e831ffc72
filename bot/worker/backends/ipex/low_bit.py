"""Which quantization ipex-llm runs on which device, and its environment variables.

The types are those of ``load_in_low_bit``. Which of them a GPU runs is taken from ipex-llm 2.3's
``low_bit_linear.py``; those for CPUs were tested. Some types abort the process on a CPU instead of
raising, so each is checked here before anything is loaded.
"""

from collections.abc import MutableMapping

from bot.worker.conversion.decoder_config import SMALL_MODEL
from bot.worker.protocol import LoadError

LOW_BITS: dict[str, tuple[str, ...]] = {
    "sym_int4": ("cpu", "xpu"),
    "asym_int4": ("cpu", "xpu"),
    "sym_int5": ("cpu", "xpu"),
    "asym_int5": ("cpu", "xpu"),
    "sym_int8": ("cpu", "xpu"),
    "bf16": ("cpu", "xpu"),
    "nf4": ("xpu",),
    "fp4": ("xpu",),
    "fp8": ("xpu",),
    "fp16": ("xpu",),
    "mixed_fp4": ("xpu",),
    "mixed_fp8": ("xpu",),
}
"""Quantization type to the kinds of device that run it."""

ENVIRONMENT = {
    # Keep the KV cache complete and in full precision. By default ipex-llm compresses it on some
    # integrated GPUs: it drops entries from 1,800 tokens on, or quantizes to 8 bits. Answers get
    # worse, and a cache with dropped entries cannot be reused for the next turn.
    "IPEX_LLM_COMPRESS_KV_CACHE": "0",
    "IPEX_LLM_QUANTIZE_KV_CACHE": "0",
    # Speculative decoding by prompt lookup; it ignores stop tokens.
    "IPEX_LLM_PERFORMANCE_MODE": "0",
    # Keep compiled GPU kernels on disk: only the first start compiles, for minutes.
    "SYCL_CACHE_PERSISTENT": "1",
}
"""Variables that are set before ipex-llm is imported, where the owner has not set them."""

INTEGRATED = ("mtl", "lnl", "arl")
"""ipex-llm's names of integrated GPUs (Meteor, Lunar and Arrow Lake), which use main memory."""


def set_environment(environment: MutableMapping[str, str]) -> None:
    """Set the variables of `ENVIRONMENT` that are not set. Must be called before ``ipex_llm`` is
    imported, which reads them."""
    for name, value in ENVIRONMENT.items():
        environment.setdefault(name, value)


def converted_kinds(low_bit: str) -> tuple[str, str]:
    """The ``kind`` (see `bot.worker.conversion.model_cache`) of converted models with this
    quantization: with ipex-llm's optimized layers, and without."""
    return f"ipex_{low_bit}", f"ipex_plain_{low_bit}"


def choose_low_bit(low_bit: str, device: str, parameters: int | None) -> str:
    """The quantization for ``[model] low_bit`` on a device ("cpu", "xpu", "xpu:1"), for a model of
    so many weights (None: not known). Raises LoadError for a type that the device does not run."""
    kind = device.partition(":")[0]
    if low_bit == "auto":
        small = parameters is not None and parameters < SMALL_MODEL
        return "sym_int8" if small else "sym_int4"
    here = ", ".join(f'"{name}"' for name, kinds in LOW_BITS.items() if kind in kinds)
    if low_bit not in LOW_BITS:
        raise LoadError(
            f'[model] low_bit = "{low_bit}" is not for backend = "ipex", which has {here}'
        )
    if kind not in LOW_BITS[low_bit]:
        raise LoadError(
            f'[model] low_bit = "{low_bit}" runs on a GPU only, and the device is the {kind}: '
            f"choose one of {here}"
        )
    return low_bit
