"""Which back end ``backend = "auto"`` means, on this machine and for these settings.

In order: ipex where ipex-llm is installed and finds an Intel GPU, torch where it finds one,
else OpenVINO, which itself prefers a GPU and takes the CPU where there is none. A device that is
named in the settings decides first.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bot.worker.backends.ipex.low_bit import LOW_BITS
from bot.worker.conversion.convert import MODEL_FILE
from bot.worker.protocol import LoadOptions


@dataclass(frozen=True, slots=True)
class Choice:
    """A back end, and why it."""

    backend: str
    reason: str


def choose_backend(options: LoadOptions, look: "Callable[[], Found] | None" = None) -> Choice:
    """What "auto" means. `look` finds out what is installed; only asked where it matters."""
    device = options.device
    if (Path(options.model) / MODEL_FILE).is_file():
        return Choice("openvino", "the model is in OpenVINO's form")
    if device.startswith("cuda"):
        return Choice("torch", f'[model] device = "{device}"')
    if device == "cpu" or device.startswith("gpu"):
        return Choice("openvino", f'[model] device = "{device}"')
    found = (look or look_around)()
    if found.ipex and found.xpu and _ipex_has(options.low_bit):
        return Choice("ipex", "ipex-llm is installed and finds an Intel GPU")
    if found.xpu or device.startswith("xpu"):
        why = "torch finds an Intel GPU" if found.xpu else f'[model] device = "{device}"'
        return Choice("torch", f"{why}, and {found.why_not_ipex(options.low_bit)}")
    return Choice("openvino", f"{found.why_not_xpu}; OpenVINO takes a GPU if it finds one")


@dataclass(frozen=True, slots=True)
class Found:
    """What is installed in this interpreter."""

    ipex: bool = False
    torch: bool = False
    xpu: bool = False

    def why_not_ipex(self, low_bit: str) -> str:
        if not self.ipex:
            return "ipex-llm is not installed"
        return f'ipex-llm has no low_bit = "{low_bit}"'

    @property
    def why_not_xpu(self) -> str:
        return "torch finds no Intel GPU" if self.torch else "torch is not installed"


def _ipex_has(low_bit: str) -> bool:
    return low_bit == "auto" or low_bit in LOW_BITS


def look_around() -> Found:
    """Look. Torch is only imported where it may know Intel GPUs, for that takes seconds."""
    ipex = importlib.util.find_spec("ipex_llm") is not None
    torch_version = _torch_version()
    if torch_version is None or not may_know_xpu(torch_version):
        return Found(ipex, torch_version is not None)
    try:
        torch: Any = importlib.import_module("torch")
    except (ImportError, OSError):  # one of its libraries is missing: as good as not installed
        return Found(ipex)
    return Found(ipex, True, bool(torch.xpu.is_available()))


def _torch_version() -> str | None:
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def may_know_xpu(torch_version: str) -> bool:
    """Whether a torch of this version may know Intel GPUs. Those of PyTorch's and Intel's indexes
    say so ("2.8.0+xpu"); one that somebody built names its commit ("2.9.0a0+git1a2b3c4")."""
    return "xpu" in torch_version or "git" in torch_version
