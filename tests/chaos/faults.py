"""Faults by seed and identity of the call: a seed means the same again, whatever the timing."""

from collections import Counter
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each kind of call fails, from 0 to 1."""

    platform: float
    store: float
    raw: float
    """Of the store's faults: those that are a driver's own exception, no StorageError."""
    model: float
    rights: float
    """How often people change the bot's rights, or delete messages and channels."""

    @classmethod
    def of(cls, seed: int) -> "Rates":
        """Those of a seed: many have one kind of fault only, so that causes are told apart."""
        draw = Random(f"{seed} rates")
        return cls(
            platform=draw.choice([0.0, 0.03, 0.1, 0.3]),
            store=draw.choice([0.0, 0.0, 0.02, 0.1]),
            raw=draw.choice([0.0, 0.0, 0.3]),
            model=draw.choice([0.0, 0.1, 0.4]),
            rights=draw.choice([0.0, 0.0, 0.5, 1.0]),
        )


class Faults:
    """Draws the faults of one seed.

    Each call has an identity: its kind, its place, and that it is the n-th of that kind in that
    place. The same identity draws the same fault, also where other calls came in between.
    """

    def __init__(self, seed: int, rates: Rates | None = None) -> None:
        self.seed = seed
        self.rates = rates or Rates.of(seed)
        self.active = True
        self.drawn: Counter[str] = Counter()
        """The faults that were injected, by name."""
        self.events: list[str] = []
        """The schedule as it happened, for people to read."""
        self._calls: Counter[tuple[str, str]] = Counter()

    def random(self, kind: str, place: str = "") -> Random:
        """The random numbers of the next call of this kind in this place."""
        self._calls[kind, place] += 1
        return Random(f"{self.seed} {kind} {place} {self._calls[kind, place]}")

    def fixed(self, *identity: object) -> Random:
        """The random numbers of something that is not a call: the same for the same identity."""
        return Random(" ".join(map(str, (self.seed, *identity))))

    def quiet(self) -> None:
        """No faults from now on."""
        self.active = False
        self.tell("no more faults")

    def inject(self, name: str, where: str) -> str:
        """Count and record a fault that is about to be injected."""
        self.drawn[name] += 1
        self.tell(f"fault {name} at {where}")
        return name

    def tell(self, event: str) -> None:
        self.events.append(event)
