"""How much main memory this machine has available."""

import ctypes
import sys
from pathlib import Path


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that a process can allocate without the machine swapping and within the container's
    limit; None where that is not known. `root` is the folder that holds /proc and /sys."""
    if sys.platform == "win32":
        status = _windows()
        return None if status is None else int(status.available_physical)
    found = [size for size in (_linux(root), _container(root)) if size is not None]
    return min(found, default=None)


def total_memory(root: Path = Path("/")) -> int | None:
    """Bytes of main memory in all, within the container's limit; None where that is not known."""
    if sys.platform == "win32":
        status = _windows()
        return None if status is None else int(status.total_physical)
    found = [size for size in (_linux_total(root), _limit(root)) if size is not None]
    return min(found, default=None)


def _linux_total(root: Path) -> int | None:
    """MemTotal of /proc/meminfo (proc_meminfo(5)), in bytes."""
    meminfo = root / "proc/meminfo"
    lines = meminfo.read_text().splitlines() if meminfo.exists() else []
    sizes = [line.split()[1] for line in lines if line.startswith("MemTotal:")]
    return int(sizes[0]) * 1024 if sizes else None


def _limit(root: Path) -> int | None:
    """The limit of the control group in bytes; None without one."""
    try:
        limit = (root / "sys/fs/cgroup/memory.max").read_text().strip()
        return None if limit == "max" else int(limit)
    except (OSError, ValueError):
        return None  # no such group, or no permission to read it


def _linux(root: Path) -> int | None:
    """MemAvailable of /proc/meminfo (proc_meminfo(5)), in bytes."""
    meminfo = root / "proc/meminfo"
    if not meminfo.exists():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _container(root: Path) -> int | None:
    """Bytes below the limit of the control group (version 2,
    docs.kernel.org/admin-guide/cgroup-v2.html); None without a limit."""
    group = root / "sys/fs/cgroup"
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None  # no such group, or no permission to read it
    if limit == "max":
        return None
    # The page cache counts as used; the kernel reclaims its inactive part under pressure.
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

    def _windows() -> _MemoryStatus | None:
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        return status if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None

else:

    def _windows() -> _MemoryStatus | None:
        raise NotImplementedError
