"""A prefix cache: KV caches of ended answers, for prompts that begin with the same tokens.

Each turn of a chat begins with all the turns before it, so that only its rest needs prefill. What a
KV cache is is not known here: the caller provides the functions that crop and copy one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.worker.backends.kv_cache.batch_slots import MIN_PREFIX, common_prefix


@dataclass(frozen=True, slots=True)
class _Entry:
    tokens: list[int]
    """The tokens whose keys and values are in the cache."""
    cache: Any


class PrefixCache:
    """Holds the most recently used KV caches, of at most ``capacity`` tokens together (LRU)."""

    def __init__(
        self, capacity: int, crop: Callable[[Any, int], Any], copy: Callable[[Any, int], Any]
    ) -> None:
        """``crop(cache, n)`` returns the cache with its first n tokens only and may change it;
        ``copy(cache, n)`` returns a new cache of the first n tokens and leaves the old one
        unchanged."""
        self._capacity = capacity
        self._crop = crop
        self._copy = copy
        self._entries: list[_Entry] = []
        """The least recently used one first."""

    @property
    def tokens(self) -> int:
        """The number of tokens held."""
        return sum(len(entry.tokens) for entry in self._entries)

    def take(
        self, prompt: Sequence[int], in_use: Sequence[tuple[list[int], Any]] = ()
    ) -> tuple[Any, int]:
        """A KV cache that holds a prefix of the prompt, and the prefix's length in tokens; (None,
        0) where none shares at least `MIN_PREFIX`. The prompt's last token is never part of it,
        since its logits are needed. The cache belongs to the caller.

        `in_use`: the tokens and caches of answers that are being written, from which a prefix is
        copied: people of one conversation may be answered at the same time."""
        wanted = prompt[:-1]
        entries = [*self._entries, *(_Entry(tokens, cache) for tokens, cache in in_use)]
        shared = [common_prefix(entry.tokens, wanted) for entry in entries]
        best = max(range(len(shared)), key=shared.__getitem__, default=None)
        if best is None or shared[best] < MIN_PREFIX:
            return None, 0
        length = shared[best]
        if best >= len(self._entries) or 2 * length < len(entries[best].tokens):
            # In use, or probably another conversation's, which stays: the prefix is copied.
            return self._copy(entries[best].cache, length), length
        return self._crop(self._entries.pop(best).cache, length), length

    def put(self, tokens: list[int], cache: Any) -> None:
        """Store the KV cache of an ended answer; it may hold more than `tokens`."""
        if tokens:
            self._entries.append(_Entry(tokens, self._crop(cache, len(tokens))))
            self.make_room(0)

    def make_room(self, tokens: int) -> None:
        """Evict the least recently used caches until this many more tokens fit the capacity."""
        while self._entries and self.tokens + tokens > self._capacity:
            del self._entries[0]
