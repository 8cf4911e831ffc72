"""What was measured: one sample, and several of the same."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: some answers that were asked for at once."""

    seconds: float
    """From the first question to the end of the last answer."""
    tokens: int
    """How many were generated, in all."""
    first: tuple[float, ...] = ()
    """For each answer, the seconds to its first token; empty where that is not known."""

    @property
    def throughput(self) -> float:
        """Tokens a second, of all answers together."""
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, and the range that they fill."""

    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None for no values."""
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values), len(values))
