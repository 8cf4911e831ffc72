"""How much memory this machine has left."""

import ctypes
import sys
from pathlib import Path


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that a process may take without the machine swapping, or being ended by a container's
    limit; None where nobody tells. `root` is where /proc and /sys are."""
    if sys.platform == "win32":
        return _windows()
    found = [size for size in (_linux(root), _container(root)) if size is not None]
    return min(found, default=None)


def _linux(root: Path) -> int | None:
    meminfo = root / "proc/meminfo"
    if not meminfo.exists():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _container(root: Path) -> int | None:
    """What a control group leaves (version 2, docs.kernel.org/admin-guide/cgroup-v2.html)."""
    group = root / "sys/fs/cgroup"
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None  # no such group, or one that keeps its numbers to itself
    if limit == "max":
        return None
    # Files that were read or written lately count as used and are given up when need be.
    return max(0, int(limit) - used + int(stat.get("inactive_file", 0)))


class _MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX (learn.microsoft.com, sysinfoapi.h)."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total_physical", ctypes.c_uint64),
        ("available_physical", ctypes.c_uint64),
        ("total_page_file", ctypes.c_uint64),
        ("available_page_file", ctypes.c_uint64),
        ("total_virtual", ctypes.c_uint64),
        ("available_virtual", ctypes.c_uint64),
        ("available_extended_virtual", ctypes.c_uint64),
    )


if sys.platform == "win32":

    def _windows() -> int | None:
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return None
        return int(status.available_physical)

else:

    def _windows() -> int | None:
        raise NotImplementedError
