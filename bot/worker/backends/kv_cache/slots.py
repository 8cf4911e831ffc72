"""Which sequence of tokens is in which slot of a cache of keys and values.

A cache has a fixed number of slots, each as long as the context. Those in use are always the
first ones, so that a decoding step can work on them without copying. A slot that is no longer in
use keeps what it holds, and a prompt that begins with the same tokens takes it over: in a chat
every turn begins with all the turns before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

WORTH_COPYING = 16
"""Tokens of a common beginning from which copying is preferred to reading them again."""


@dataclass(frozen=True, slots=True)
class Move:
    """Something to do with the cache: copy the first `length` tokens from one slot to another, or
    exchange both slots' first `length` tokens."""

    source: int
    target: int
    length: int
    exchange: bool = False


@dataclass(slots=True)
class _Slot:
    tokens: list[int] = field(default_factory=list)
    """Those whose keys and values are there."""
    used: int = 0
    """When it was last taken or released, by a counter."""


class SlotTable:
    """Gives slots to answers. The caller carries out the moves, in order and at once."""

    def __init__(self, slots: int) -> None:
        self._slots = [_Slot() for _ in range(slots)]
        self._owners: list[int] = []
        self._time = 0

    @property
    def owners(self) -> Sequence[int]:
        """The answers in use, in the order of their slots 0, 1, 2 …"""
        return self._owners

    @property
    def full(self) -> bool:
        return len(self._owners) == len(self._slots)

    def slot(self, owner: int) -> int:
        """The slot of an answer. It changes when another one is released."""
        return self._owners.index(owner)

    def tokens(self, owner: int) -> list[int]:
        """What the answer's slot holds; the caller extends it with what it computes."""
        return self._slots[self.slot(owner)].tokens

    def take(self, owner: int, prompt: Sequence[int]) -> list[Move]:
        """Give an answer a slot. `tokens` is afterwards the beginning of the prompt that need not
        be read; the prompt's last token always is. There must be a free slot."""
        wanted = prompt[:-1]
        shared = [common_prefix(slot.tokens, wanted) for slot in self._slots]
        first = len(self._owners)
        idle = range(first, len(self._slots))
        target = max(idle, key=lambda n: (shared[n], -self._slots[n].used))
        moves = []
        if 2 * shared[target] < len(self._slots[target].tokens):
            # Hardly the same conversation: spare it, and copy what is common instead.
            target = min(idle, key=lambda n: (self._slots[n].used, n))
            best = max(range(len(self._slots)), key=shared.__getitem__)
            if best != target and shared[best] >= max(WORTH_COPYING, shared[target] + 1):
                moves.append(Move(best, target, shared[best]))
                self._slots[target].tokens = list(prompt[: shared[best]])
                shared[target] = shared[best]
        del self._slots[target].tokens[shared[target] :]
        moves += self._exchange(target, first)
        self._owners.append(owner)
        self._touch(first)
        return moves

    def release(self, owner: int) -> list[Move]:
        """The answer is over; its slot keeps what it holds."""
        slot, last = self.slot(owner), len(self._owners) - 1
        moves = self._exchange(slot, last)
        self._owners[slot] = self._owners[last]
        self._owners.pop()
        self._touch(last)
        return moves

    def _exchange(self, left: int, right: int) -> list[Move]:
        if left == right:
            return []
        slots = self._slots
        length = max(len(slots[left].tokens), len(slots[right].tokens))
        slots[left], slots[right] = slots[right], slots[left]
        return [Move(left, right, length, exchange=True)] if length else []

    def _touch(self, slot: int) -> None:
        self._time += 1
        self._slots[slot].used = self._time


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))
