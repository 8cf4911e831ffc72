"""The GPU's driver and oneAPI's environment, as the operating system shows them.

What is read: https://docs.kernel.org/gpu/drm-uapi.html (render nodes), the Level Zero loader's
library (https://oneapi-src.github.io/level-zero-spec), OpenCL's list of drivers
(https://registry.khronos.org/OpenCL/extensions/khr/cl_khr_icd.html), and the variables that
oneAPI's ``setvars.sh`` sets.
"""

import ctypes.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.checks import Result, State

AREA = "Intel GPU"
INTEL = "0x8086"
RUNTIME = "Install Intel's compute runtime: https://dgpu-docs.intel.com (docs/doctor.md has more)."


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look; a test looks elsewhere."""

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    find_library: Callable[[str], str | None] = ctypes.util.find_library
    may_use: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)
    linux: bool = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class RenderNode:
    """A GPU as the kernel offers it to programs."""

    device: Path
    driver: str
    """i915 or xe for Intel; "" where it is not known."""


def check_driver(machine: Machine, *, needed: bool) -> list[Result]:
    """The kernel's driver, the right to use it, and the libraries above it. `needed`: the settings
    ask for an Intel GPU; else its absence is nothing bad."""
    if not machine.linux:
        detail = "only looked at on Linux; the devices below tell"
        return [Result(AREA, "driver", State.SKIPPED, detail)]
    nodes = list(_intel_nodes(machine))
    if not nodes:
        if (machine.root / "dev/dxg").exists():  # WSL: the driver is Windows'
            return [Result(AREA, "driver", State.OK, "Windows' (/dev/dxg)"), *_libraries(machine)]
        return [_absent(needed=needed)]
    return [*(_usable(node, machine) for node in nodes), *_libraries(machine)]


def check_oneapi(machine: Machine) -> Result:
    """The environment of oneAPI's toolkit. Nothing of Parley needs it, and it can do harm."""
    if machine.environment.get("SETVARS_COMPLETED") == "1":
        place = machine.environment.get("ONEAPI_ROOT", "an unknown place")
        return Result(
            AREA,
            "oneAPI environment",
            State.WARNING,
            f"setvars.sh of {place} is in force",
            "Start Parley from a shell without it: torch brings its own oneAPI libraries, and "
            "others may be loaded in their place. (An old ipex-llm may need it.)",
        )
    root = machine.root / "opt/intel/oneapi"
    found = f"installed in {root}, not in force" if root.is_dir() else "not installed"
    return Result(AREA, "oneAPI environment", State.OK, f"{found}; it is not needed")


def _intel_nodes(machine: Machine) -> Iterator[RenderNode]:
    for entry in sorted((machine.root / "sys/class/drm").glob("renderD*")):
        vendor = entry / "device" / "vendor"
        if vendor.is_file() and vendor.read_text().strip() == INTEL:
            driver = entry / "device" / "driver"
            name = driver.resolve().name if driver.exists() else ""
            yield RenderNode(machine.root / "dev/dri" / entry.name, name)


def _absent(*, needed: bool) -> Result:
    state = State.FAILED if needed else State.SKIPPED
    remedy = (
        "See that the card is in its slot, that the kernel is 6.8 or newer, and that lspci shows "
        'it; or set [model] device = "cpu".'
    )
    detail = "the kernel shows no Intel GPU (/sys/class/drm/renderD*)"
    return Result(AREA, "driver", state, detail, remedy if needed else "")


def _usable(node: RenderNode, machine: Machine) -> Result:
    name = f"{node.device.name} ({node.driver or 'unknown driver'})"
    if not node.device.exists():
        remedy = "In a container, pass it on: docker run --device /dev/dri …"
        return Result(AREA, name, State.FAILED, f"{node.device} does not exist here", remedy)
    if not machine.may_use(node.device):
        remedy = "Run: sudo usermod -aG render $USER, and log in again. In a container: --group-add"
        return Result(AREA, name, State.FAILED, f"you may not use {node.device}", remedy)
    return Result(AREA, name, State.OK, "usable")


def _libraries(machine: Machine) -> Iterator[Result]:
    """OpenVINO reaches the GPU through OpenCL, torch through Level Zero."""
    vendors = machine.root / "etc/OpenCL/vendors"
    intel = [file.name for file in vendors.glob("*.icd") if "intel" in file.name.lower()]
    if intel:
        yield Result(AREA, "OpenCL driver", State.OK, ", ".join(sorted(intel)))
    else:
        yield Result(AREA, "OpenCL driver", State.FAILED, f"none of Intel's in {vendors}", RUNTIME)
    loader = machine.find_library("ze_loader")
    if loader:
        yield Result(AREA, "Level Zero", State.OK, loader)
    else:
        detail = "libze_loader is not found (torch and ipex-llm need it; OpenVINO does not)"
        yield Result(AREA, "Level Zero", State.WARNING, detail, RUNTIME)
