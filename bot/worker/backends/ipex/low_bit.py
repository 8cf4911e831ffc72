"""What ipex-llm can do on which device, and how it is set up.

Its types of weights are those of ``load_in_low_bit``. Which run where is from ipex-llm 2.3's
``low_bit_linear.py``; those for the CPU were tried. Some that a CPU cannot run do not raise but
abort the process, so that each is looked up here before anything is loaded.
"""

from collections.abc import MutableMapping

from bot.worker.conversion.convert import SMALL_MODEL
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
"""Each type, and the kinds of device that run it."""

ENVIRONMENT = {
    # Keys and values stay as they were computed. Left to itself ipex-llm drops some of them from
    # 1,800 tokens on, or keeps them in 8 bits, on some processors' graphics: answers get worse,
    # and what was dropped cannot be used again for the next turn.
    "IPEX_LLM_COMPRESS_KV_CACHE": "0",
    "IPEX_LLM_QUANTIZE_KV_CACHE": "0",
    # Guesses ahead by looking up the prompt, and then ignores where an answer should stop.
    "IPEX_LLM_PERFORMANCE_MODE": "0",
    # Compiled GPU kernels are kept on the disk: only the first start compiles for minutes.
    "SYCL_CACHE_PERSISTENT": "1",
}
"""Variables that are set before ipex-llm is imported, unless the owner set them otherwise."""

INTEGRATED = ("mtl", "lnl", "arl")
"""ipex-llm's names of processors' own graphics, which share the machine's memory."""


def set_environment(environment: MutableMapping[str, str]) -> None:
    """Set what is not set. Must come before ``ipex_llm`` is imported, which reads it."""
    for name, value in ENVIRONMENT.items():
        environment.setdefault(name, value)


def forms_of(low_bit: str) -> tuple[str, str]:
    """What the prepared forms with this type of weights are called: with ipex-llm's optimised
    layers, and without."""
    return f"ipex_{low_bit}", f"ipex_plain_{low_bit}"


def choose_low_bit(low_bit: str, device: str, parameters: int | None) -> str:
    """What ``[model] low_bit`` means on a device ("cpu", "xpu", "xpu:1"), for a model of so many
    weights (None: not known). Raises LoadError for a type that the device does not run."""
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
