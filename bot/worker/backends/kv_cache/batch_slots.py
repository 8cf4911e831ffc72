"""Which tokens are in which slot of a batched KV cache.

The cache has a fixed number of slots, each as long as the context window; a slot is one row of the
batch. Slots in use always come first (0, 1, 2 …), so that a decoding step works on a slice of the
cache without copying. A free slot keeps its contents, and a prompt with the same prefix reuses
them: each turn of a chat begins with all the turns before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

MIN_PREFIX = 16
"""Tokens. Copying a shorter common prefix would not pay: prefill is as fast."""


@dataclass(frozen=True, slots=True)
class Move:
    """An operation on the cache: copy the first `length` tokens of slot `source` to slot `target`,
    or, with `swap`, exchange them."""

    source: int
    target: int
    length: int
    swap: bool = False


@dataclass(slots=True)
class _Slot:
    tokens: list[int] = field(default_factory=list)
    """The tokens whose keys and values are in the slot."""
    last_used: int = 0
    """Logical time of the last acquire or release; the smallest is the least recently used."""


class BatchSlots:
    """Assigns slots to requests. It moves no data: the caller must apply the moves that `acquire`
    and `release` return, in order, before the cache is used again."""

    def __init__(self, slots: int) -> None:
        self._slots = [_Slot() for _ in range(slots)]
        self._requests: list[int] = []
        self._time = 0

    @property
    def requests(self) -> Sequence[int]:
        """The ids of the requests that have a slot, in the order of their slots 0, 1, 2 …"""
        return self._requests

    @property
    def full(self) -> bool:
        """No slot is free."""
        return len(self._requests) == len(self._slots)

    @property
    def capacity(self) -> int:
        """The number of slots."""
        return len(self._slots)

    def slot(self, request_id: int) -> int:
        """The index of a request's slot. It may change when another request is released."""
        return self._requests.index(request_id)

    def tokens(self, request_id: int) -> list[int]:
        """The tokens in the request's slot; the caller extends the list as it computes."""
        return self._slots[self.slot(request_id)].tokens

    def lengths(self, count: int) -> list[int]:
        """How many tokens are in each of the first `count` slots, free ones included."""
        return [len(slot.tokens) for slot in self._slots[:count]]

    def acquire(self, request_id: int, prompt: Sequence[int]) -> list[Move]:
        """Assign a slot to a request. Afterwards `tokens` is the prefix of the prompt that is
        cached, without the prompt's last token, whose logits are needed. Not to be called when
        `full`.

        Takes the free slot that shares the longest prefix with the prompt. Where that would discard
        more than half of the slot's contents, they probably belong to another conversation: they
        are kept, and the least recently used slot is taken. Where another slot shares a longer
        prefix, that is copied: also from one in use, since people of one conversation may be
        answered at the same time."""
        wanted = prompt[:-1]
        shared = [common_prefix(slot.tokens, wanted) for slot in self._slots]
        first = len(self._requests)
        free = range(first, len(self._slots))
        target = max(free, key=lambda n: (shared[n], -self._slots[n].last_used))
        if 2 * shared[target] < len(self._slots[target].tokens):
            target = min(free, key=lambda n: (self._slots[n].last_used, n))
        moves = []
        best = max(range(len(self._slots)), key=shared.__getitem__)
        if shared[best] >= shared[target] + MIN_PREFIX:
            moves.append(Move(best, target, shared[best]))
            self._slots[target].tokens = list(prompt[: shared[best]])
            shared[target] = shared[best]
        del self._slots[target].tokens[shared[target] :]
        moves += self._swap(target, first)
        self._requests.append(request_id)
        self._touch(first)
        return moves

    def release(self, request_id: int) -> list[Move]:
        """Free a request's slot. The slot keeps its contents for a later prompt."""
        slot, last = self.slot(request_id), len(self._requests) - 1
        moves = self._swap(slot, last)
        self._requests[slot] = self._requests[last]
        self._requests.pop()
        self._touch(last)
        return moves

    def _swap(self, left: int, right: int) -> list[Move]:
        if left == right:
            return []
        slots = self._slots
        length = max(len(slots[left].tokens), len(slots[right].tokens))
        slots[left], slots[right] = slots[right], slots[left]
        return [Move(left, right, length, swap=True)] if length else []

    def _touch(self, slot: int) -> None:
        self._time += 1
        self._slots[slot].last_used = self._time


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """The length of the longest common prefix, in tokens."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))
