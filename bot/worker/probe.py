"""Finds out whether a backend's libraries can be imported, and which devices they see.

A command, run in the worker's interpreter, that loads no model:

    python …/bot/worker/__main__.py probe openvino|torch|ipex

The last line on stdout is one JSON object:

    python    the interpreter's version
    packages  package name to version, of those that are installed
    devices   a list of objects: ``name``, ``title`` (for people), ``memory`` (bytes, null for a
              CPU), ``driver`` (version, "" where not known), and, from OpenVINO, ``shared`` (true
              where the GPU uses main memory)
    error     why the backend cannot be used; "" where it can

Imports the standard library and the backend's own libraries only: a library that crashes the
interpreter ends this process and no other.
"""

import importlib
import importlib.util
import json
import platform
import sys
from typing import Any

PACKAGES = {
    "openvino": ("openvino", "openvino-genai", "openvino-tokenizers"),
    "torch": ("torch", "transformers", "torchao"),
    "ipex": ("ipex-llm", "torch", "transformers", "intel-extension-for-pytorch"),
}


def run() -> int:
    """The command ``probe``: print the JSON object for the second argument. Returns exit code 0
    also where a library is missing: see ``error``."""
    library = sys.argv[2]
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": installed(PACKAGES[library]),
        "devices": [],
        "error": "",
    }
    try:
        facts["devices"] = FIND[library]()
    except Exception as exc:
        # Any error of a broken installation is a result to report.
        facts["error"] = f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    return 0


def installed(names: "tuple[str, ...]") -> "dict[str, str]":
    """The versions of those packages that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def openvino_devices() -> "list[dict[str, Any]]":
    """The CPU and the GPUs that OpenVINO sees, discrete GPUs first."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    importlib.import_module("openvino_genai")  # the backend needs it: its import must succeed too
    core = importlib.import_module("openvino").Core()
    # Discrete GPUs before integrated ones, as the backend prefers them.
    names = sorted(core.available_devices, key=lambda name: not _is_discrete(core, name))
    found = []
    for name in names:
        gpu = name.startswith("GPU")
        memory = int(core.get_property(name, "GPU_DEVICE_TOTAL_MEM_SIZE")) if gpu else None
        title = str(core.get_property(name, "FULL_DEVICE_NAME")).strip()
        driver = _property(core, name, "GPU_DRIVER_VERSION") if gpu else ""
        found.append(
            {
                "name": name,
                "title": title,
                "memory": memory,
                "driver": driver,
                "shared": gpu and not _is_discrete(core, name),
            }
        )
    return found


def _is_discrete(core: Any, name: str) -> bool:
    return name.startswith("GPU") and "DISCRETE" in _property(core, name, "DEVICE_TYPE").upper()


def _property(core: Any, device: str, name: str) -> str:
    """A device property; "" where this version of OpenVINO does not have it."""
    try:
        return str(core.get_property(device, name))
    except RuntimeError:
        return ""


def torch_devices() -> "list[dict[str, Any]]":
    """The CPU, Intel GPUs and CUDA GPUs that torch sees. Raises where the backend could not be used
    either, as with a transformers older than 5."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    if int(transformers.__version__.partition(".")[0]) < 5:
        raise RuntimeError(f"transformers {transformers.__version__} is installed, and 5 is needed")
    return devices_of(torch, ("xpu", "cuda"))


def ipex_devices() -> "list[dict[str, Any]]":
    """The CPU and the Intel GPUs that torch sees. Raises where ipex-llm cannot be imported."""
    if importlib.util.find_spec("ipex_llm") is None:  # checked first: importing torch takes seconds
        raise ModuleNotFoundError("No module named 'ipex_llm'")
    torch: Any = importlib.import_module("torch")
    importlib.import_module("ipex_llm.transformers")
    return devices_of(torch, ("xpu",))


def devices_of(torch: Any, kinds: "tuple[str, ...]") -> "list[dict[str, Any]]":
    """The CPU and the accelerators of these kinds ("xpu", "cuda") that torch sees."""
    found: list[dict[str, Any]] = [
        {"name": "cpu", "title": platform.processor() or "CPU", "memory": None, "driver": ""}
    ]
    for kind in kinds:
        module = getattr(torch, kind, None)
        if module is None or not module.is_available():
            continue
        for number in range(module.device_count()):
            facts = module.get_device_properties(number)
            found.append(
                {
                    "name": f"{kind}:{number}",
                    "title": facts.name,
                    "memory": int(facts.total_memory),
                    "driver": str(getattr(facts, "driver_version", "")),
                }
            )
    return found


FIND = {"openvino": openvino_devices, "torch": torch_devices, "ipex": ipex_devices}
