"""Checks of the Intel GPU's driver and libraries, and of the oneAPI environment.

Sources: https://docs.kernel.org/gpu/drm-uapi.html (render nodes), the Level Zero loader's
library (https://oneapi-src.github.io/level-zero-spec), OpenCL's list of installed drivers
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
"""Intel's PCI vendor id."""
RUNTIME = "Install Intel's compute runtime: https://dgpu-docs.intel.com (more in docs/doctor.md)."


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks read of the operating system; tests pass a made-up one."""

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    find_library: Callable[[str], str | None] = ctypes.util.find_library
    may_use: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)
    linux: bool = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class RenderNode:
    """A GPU's device file for rendering and computing (/dev/dri/renderD*)."""

    device: Path
    driver: str
    """The kernel module, "i915" or "xe"; "" if unknown."""


def check_driver(machine: Machine, *, needed: bool) -> list[Result]:
    """The kernel driver, the permission to use it, and the user-space drivers. `needed`: the
    settings ask for an Intel GPU, so that its absence is a failure."""
    if not machine.linux:
        detail = "checked on Linux only; see the devices below"
        return [Result(AREA, "driver", State.SKIPPED, detail)]
    nodes = list(_intel_nodes(machine))
    if not nodes:
        if (machine.root / "dev/dxg").exists():  # WSL: the driver is Windows'
            return [Result(AREA, "driver", State.OK, "Windows' (/dev/dxg)"), *_libraries(machine)]
        return [_absent(needed=needed)]
    return [*(_usable(node, machine) for node in nodes), *_libraries(machine)]


def check_oneapi(machine: Machine) -> Result:
    """Whether oneAPI's ``setvars.sh`` is active in this shell. Parley does not need it, and its
    libraries can take precedence over those that torch brings."""
    if machine.environment.get("SETVARS_COMPLETED") == "1":
        place = machine.environment.get("ONEAPI_ROOT", "an unknown place")
        return Result(
            AREA,
            "oneAPI environment",
            State.WARNING,
            f"setvars.sh of {place} is active",
            "Start Parley from a shell without it: torch brings its own oneAPI libraries, and the "
            "toolkit's may be loaded instead. (An old ipex-llm may need it.)",
        )
    root = machine.root / "opt/intel/oneapi"
    found = f"installed in {root}, not active" if root.is_dir() else "not installed"
    return Result(AREA, "oneAPI environment", State.OK, f"{found}; not needed")


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
        "Check that lspci lists the card and that the kernel is 6.8 or newer; or set [model] "
        'device = "cpu".'
    )
    detail = "the kernel reports no Intel GPU (/sys/class/drm/renderD*)"
    return Result(AREA, "driver", state, detail, remedy if needed else "")


def _usable(node: RenderNode, machine: Machine) -> Result:
    name = f"{node.device.name} ({node.driver or 'unknown driver'})"
    if not node.device.exists():
        remedy = "In a container, pass the device in: docker run --device /dev/dri …"
        return Result(AREA, name, State.FAILED, f"{node.device} does not exist here", remedy)
    if not machine.may_use(node.device):
        remedy = (
            "Run: sudo usermod -aG render $USER, and log in again. In a container, add the group "
            "with --group-add."
        )
        return Result(AREA, name, State.FAILED, f"no permission to use {node.device}", remedy)
    return Result(AREA, name, State.OK, "usable")


def _libraries(machine: Machine) -> Iterator[Result]:
    """OpenVINO uses the GPU through OpenCL, torch and ipex-llm through Level Zero."""
    vendors = machine.root / "etc/OpenCL/vendors"
    intel = [file.name for file in vendors.glob("*.icd") if "intel" in file.name.lower()]
    if intel:
        yield Result(AREA, "OpenCL driver", State.OK, ", ".join(sorted(intel)))
    else:
        yield Result(AREA, "OpenCL driver", State.FAILED, f"no Intel driver in {vendors}", RUNTIME)
    loader = machine.find_library("ze_loader")
    if loader:
        yield Result(AREA, "Level Zero", State.OK, loader)
    else:
        detail = "libze_loader not found (torch and ipex-llm need it, OpenVINO does not)"
        yield Result(AREA, "Level Zero", State.WARNING, detail, RUNTIME)
