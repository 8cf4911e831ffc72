"""Which computer the figures are from."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from bot.worker.memory import total_memory

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16")
"""The instructions that make a difference, by the names of Linux's /proc/cpuinfo."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The computer. Nothing that tells whose it is."""

    system: str
    processor: str
    cores: int
    """Logical processors that this process may use."""
    memory: int | None
    """Bytes of main memory; None where that is not known."""
    features: tuple[str, ...]
    """Those of `FEATURES` that the processor has; none where that is not known."""
    load: float
    """Linux's load average over a minute, when the measurement began; 0.0 where not known. Above
    zero, other programs took a part of the machine."""
    python: str


def this_machine() -> Machine:
    """Blocking, for a moment."""
    facts = _cpuinfo()
    flags = set(facts.get("flags", facts.get("features", "")).split())
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        cores=_cores(),
        memory=total_memory(),
        features=tuple(name for name in FEATURES if name in flags),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        python=platform.python_version(),
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpuinfo() -> dict[str, str]:
    """What Linux says of the first processor, by the names in lower case."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
