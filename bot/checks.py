"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could."""
    FAILED = "failed"
    """Parley cannot do what the settings ask for."""
    SKIPPED = "skipped"
    """Not asked for."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    area: str
    """Such as "Devices"."""
    what: str
    state: State
    detail: str
    remedy: str = ""
    """What to do about it; "" where nothing is to be done."""
