"""Chooses the backend for ``backend = "auto"``, on this machine and for these settings.

In order: ipex where ipex-llm is installed and torch finds an Intel GPU, else torch where it finds
one, else OpenVINO, which itself prefers a GPU and falls back to the CPU. A device named in the
settings, and a model that is in OpenVINO's format already, decide before that.

A GGUF file is for llama.cpp, on every device; without a llama-server OpenVINO GenAI reads some
kinds of it.

Also a command, run in the worker's interpreter, that loads no model (see `run`):

    python …/bot/worker/__main__.py choose '{"model": …, "device": …, "low_bit": …}'
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bot.worker.backends.ipex.low_bit import LOW_BITS
from bot.worker.backends.llamacpp.binary import NoServer, find_server, inspect_server
from bot.worker.backends.openvino.gguf_file import read_gguf
from bot.worker.backends.openvino.library import exported_file
from bot.worker.gguf.files import is_gguf
from bot.worker.protocol import LoadError, LoadOptions


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a backend, and why it was chosen, in a few words for the operator."""

    backend: str
    reason: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed in this interpreter: ipex-llm, torch, and a torch that finds an Intel GPU
    (``xpu``)."""

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


def choose_backend(options: LoadOptions, look: "Callable[[], Installed] | None" = None) -> Choice:
    """The backend for these settings. `look` detects what is installed (by default
    `detect_installed`) and is only called where that decides. Raises LoadError where nothing here
    runs the model, with what to install."""
    device = options.device
    if is_gguf(Path(options.model)):
        return _for_gguf(options)
    if exported_file(Path(options.model)) is not None:
        return Choice("openvino", "the model is in OpenVINO's format")
    if device.startswith("cuda"):
        return Choice("torch", f'[model] device = "{device}"')
    if device == "cpu" or device.startswith("gpu"):
        return Choice("openvino", f'[model] device = "{device}"')
    found = (look or detect_installed)()
    if found.ipex and found.xpu and _ipex_has(options.low_bit):
        return Choice("ipex", "ipex-llm is installed and finds an Intel GPU")
    if found.xpu or device.startswith("xpu"):
        why = "torch finds an Intel GPU" if found.xpu else f'[model] device = "{device}"'
        return Choice("torch", f"{why}, and {found.why_not_ipex(options.low_bit)}")
    return Choice("openvino", f"{found.why_not_xpu}; OpenVINO uses a GPU if it finds one")


def _for_gguf(options: LoadOptions) -> Choice:
    try:
        inspect_server(find_server(options.server))
    except NoServer as missing:
        try:
            kind = read_gguf(Path(options.model)).architecture
        except LoadError as refusal:
            raise LoadError(f"{missing}. Without one: {refusal}") from missing
        return Choice("openvino", f'it reads GGUF files of the kind "{kind}", and {missing}')
    return Choice("llamacpp", "the model is a GGUF file, and a llama-server is there to run it")


def run() -> int:
    """The command ``choose``: the second argument is a JSON object with fields of `LoadOptions`.
    Prints, as the last line on stdout, a JSON object with ``backend``, ``reason`` and ``error``
    (why nothing could be chosen, else ""). Returns exit code 0."""
    facts = {"backend": "", "reason": "", "error": ""}
    try:
        choice = choose_backend(LoadOptions("auto", **json.loads(sys.argv[2])))
        facts |= {"backend": choice.backend, "reason": choice.reason}
    except LoadError as exc:
        facts["error"] = str(exc)
    except Exception as exc:
        # Any error of a broken installation is a result to report.
        facts["error"] = f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    return 0


def _ipex_has(low_bit: str) -> bool:
    return low_bit == "auto" or low_bit in LOW_BITS


def detect_installed() -> Installed:
    """What is installed. Imports torch, which takes seconds, only where its version may support
    Intel GPUs."""
    ipex = importlib.util.find_spec("ipex_llm") is not None
    torch_version = _torch_version()
    if torch_version is None or not may_support_xpu(torch_version):
        return Installed(ipex, torch_version is not None)
    try:
        torch: Any = importlib.import_module("torch")
    except (ImportError, OSError):  # one of its libraries is missing: as good as not installed
        return Installed(ipex)
    return Installed(ipex, True, bool(torch.xpu.is_available()))


def _torch_version() -> str | None:
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def may_support_xpu(torch_version: str) -> bool:
    """Whether a torch of this version may support Intel GPUs: the wheels of PyTorch's and Intel's
    indexes name it ("2.8.0+xpu"), a local build names its commit ("2.9.0a0+git1a2b3c4")."""
    return "xpu" in torch_version or "git" in torch_version
