"""Which computer the figures are from."""

import os
import platform
from dataclasses import dataclass

from bot.worker.memory import total_memory
from bot.worker.processor import cpuinfo, processor_features

BUSY_LOAD = 0.5
"""Above it, `Machine.load` is more than what the system itself and Parley's start make."""


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
    """Instructions that make a difference (`bot.worker.processor`); none where not known."""
    load: float
    """Linux's load average over a minute, when the measurement began; 0.0 where not known. Above
    `BUSY_LOAD`, other programs took a part of the machine."""
    python: str

    @property
    def busy(self) -> bool:
        """Other programs ran on it, or had just run."""
        return self.load > BUSY_LOAD


def this_machine() -> Machine:
    """Blocking, for a moment."""
    facts = cpuinfo()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        cores=_cores(),
        memory=total_memory(),
        features=processor_features() or (),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        python=platform.python_version(),
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
