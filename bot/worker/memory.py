"""How much memory this machine has left."""

import ctypes
import sys
from pathlib import Path


def available_memory() -> int | None:
    """Bytes that a process may take without the machine swapping; None where nobody tells."""
    if sys.platform == "win32":
        return _windows()
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


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
