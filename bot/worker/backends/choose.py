"""Chooses the backend for ``backend = "auto"``, on this machine and for these settings.

In order: ipex where ipex-llm is installed and torch finds an Intel GPU, else torch where it finds
one, else OpenVINO, which itself prefers a GPU and falls back to the CPU. A device named in the
settings, and a model that is in OpenVINO's format already, decide before that.

A GGUF file is for llama.cpp on a GPU, and without a llama-server for OpenVINO, which reads some
kinds of it. On a CPU the faster one of the two runs it: `engine_choice`.

Also a command, run in the worker's interpreter, that loads no model (see `run`):

    python …/bot/worker/__main__.py choose '{"model": …, "device": …, "low_bit": …}'
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bot.worker.backends.engine_choice import (
    LLAMACPP,
    OPENVINO,
    Choice,
    GgufCase,
    advice_for_folder,
    choose_for_gguf,
)
from bot.worker.backends.ipex.low_bit import LOW_BITS
from bot.worker.backends.llamacpp.binary import NoServer, Server, find_server, inspect_server
from bot.worker.backends.openvino.gguf_file import read_gguf
from bot.worker.backends.openvino.library import exported_file
from bot.worker.gguf.files import is_gguf
from bot.worker.processor import processor_features
from bot.worker.protocol import LoadError, LoadOptions

GGUF_BITS = {"Q4_0": 4, "Q4_1": 4, "Q4_K": 4, "Q8_0": 8}
"""The bits of the weights of GGUF files, by their type, as far as such were measured."""


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


Features = Callable[[], "tuple[str, ...] | None"]
"""`processor_features`, or what a test says in its place."""


def choose_backend(
    options: LoadOptions,
    look: "Callable[[], Installed] | None" = None,
    features: Features = processor_features,
) -> Choice:
    """The backend for these settings. `look` detects what is installed (by default
    `detect_installed`) and is only called where that decides. Raises LoadError where nothing here
    runs the model, with what to install."""
    device = options.device
    if is_gguf(Path(options.model)):
        return _for_gguf(options, features)
    if exported_file(Path(options.model)) is not None:
        return Choice(OPENVINO, "the model is in OpenVINO's format")
    if device.startswith("cuda"):
        return Choice("torch", f'[model] device = "{device}"')
    if device == "cpu" or device.startswith("gpu"):
        return _openvino(options, f'[model] device = "{device}"', features)
    found = (look or detect_installed)()
    if found.ipex and found.xpu and _ipex_has(options.low_bit):
        return Choice("ipex", "ipex-llm is installed and finds an Intel GPU")
    if found.xpu or device.startswith("xpu"):
        why = "torch finds an Intel GPU" if found.xpu else f'[model] device = "{device}"'
        return Choice("torch", f"{why}, and {found.why_not_ipex(options.low_bit)}")
    why = f"{found.why_not_xpu}; OpenVINO uses a GPU if it finds one"
    return _openvino(options, why, features)


# ---------------------------------------------------------------- folders


def _openvino(options: LoadOptions, reason: str, features: Features) -> Choice:
    """OpenVINO for a Hugging Face folder, which llama.cpp does not read."""
    if options.device.startswith("gpu"):
        return Choice(OPENVINO, reason)
    bits = _bits_of_folder(options)
    advice = advice_for_folder(
        features(), bits, options.max_parallel, has_server=_has_server(options)
    )
    return Choice(OPENVINO, reason, advice)


def _bits_of_folder(options: LoadOptions) -> int:
    """The bits that OpenVINO will give to most weights; 0 where that is not known yet, as with a
    model that is not on this machine."""
    from bot.worker.conversion.architectures import read_config
    from bot.worker.conversion.convert import resolve_low_bit

    try:
        low_bit = resolve_low_bit(options.low_bit, read_config(Path(options.model)))
    except LoadError:
        return 0
    return {"sym_int4": 4, "asym_int4": 4, "sym_int8": 8}.get(low_bit, 0)


def _has_server(options: LoadOptions) -> bool:
    try:
        return bool(find_server(options.server))
    except NoServer:
        return False


# ---------------------------------------------------------------- GGUF files


def _for_gguf(options: LoadOptions, features: Features) -> Choice:
    server, no_server = None, ""
    try:
        server = inspect_server(find_server(options.server))
    except NoServer as missing:
        no_server = str(missing)
    if server is not None and _uses_gpu(server, options.device):
        return Choice(
            LLAMACPP, "the model is a GGUF file, and a llama-server is there to run it on the GPU"
        )
    if server is not None and options.arguments:
        return Choice(LLAMACPP, "[model.llamacpp] arguments are set")
    bits, rounded, why_not = 0, False, ""
    try:
        model = read_gguf(Path(options.model))
        bits, rounded = GGUF_BITS.get(model.file_type, 0), model.rounded
    except LoadError as refusal:
        why_not = str(refusal)
        if server is None:
            raise LoadError(f"{no_server}. Without one: {why_not}") from refusal
    case = GgufCase(
        features(), bits, no_server, why_not, rounded, _has_openvino(), options.max_parallel
    )
    return choose_for_gguf(case)


def _uses_gpu(server: Server, device: str) -> bool:
    """Whether llama.cpp would not use the CPU; where it cannot do what is asked, it says so."""
    return bool(server.devices) if device == "auto" else device != "cpu"


def _has_openvino() -> bool:
    return importlib.util.find_spec("openvino_genai") is not None


def run() -> int:
    """The command ``choose``: the second argument is a JSON object with fields of `LoadOptions`.
    Prints, as the last line on stdout, a JSON object with ``backend``, ``reason``, ``advice`` (see
    `Choice`) and ``error`` (why nothing could be chosen, else ""). Returns exit code 0."""
    facts = {"backend": "", "reason": "", "advice": "", "error": ""}
    try:
        choice = choose_backend(LoadOptions("auto", **json.loads(sys.argv[2])))
        facts |= asdict(choice)
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
