"""The memory that Parley and the processes of its model take, as Linux counts it."""

import os
from dataclasses import dataclass
from pathlib import Path

PROCESSES = Path("/proc")
"""https://man7.org/linux/man-pages/man5/proc.5.html"""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in bytes; 0 where it is not known (another system than Linux)."""

    own: int
    model: int
    """Of all processes that this one started, and of those that they started. What a graphics
    card's own memory holds is not in it."""


def memory_now(processes: Path = PROCESSES, pid: int | None = None) -> Memory:
    """What is taken now. Reads a few small files. Raises nothing."""
    own = os.getpid() if pid is None else pid
    return Memory(_resident(processes, own), sum(_all_below(processes, own)))


def _all_below(processes: Path, pid: int) -> list[int]:
    found = []
    for child in _children(processes, pid):
        found += [_resident(processes, child), *_all_below(processes, child)]
    return found


def _children(processes: Path, pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in (processes / str(pid) / "task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except (OSError, ValueError):
        return found
    return found


def _resident(processes: Path, pid: int) -> int:
    try:
        for line in (processes / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return 0
    return 0
