"""The result of a check, as ``parley doctor`` reports it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    """It works, but could work better."""
    FAILED = "failed"
    """Parley cannot do what is configured."""
    SKIPPED = "skipped"
    """Not requested."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    area: str
    """The section of the report, such as "Devices"."""
    what: str
    """What was checked."""
    state: State
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do about it; "" for nothing."""
    unreachable: bool = False
    """Whether it failed because what was to be asked cannot be reached or does not answer now: what
    was to be checked may be right all the same."""
