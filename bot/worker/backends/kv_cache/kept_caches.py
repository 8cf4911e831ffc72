"""Caches of keys and values of answers that are over, kept for the next turn of a conversation.

In a chat every turn begins with all the turns before it: a prompt that begins like a kept cache
needs only its rest read. This knows nothing of what a cache is; the caller cuts and copies it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.worker.backends.kv_cache.slots import WORTH_COPYING, common_prefix


@dataclass(frozen=True, slots=True)
class Kept:
    """A cache, and the tokens whose keys and values it holds."""

    tokens: list[int]
    cache: Any


class KeptCaches:
    """The caches that were used last, of at most ``capacity`` tokens together."""

    def __init__(
        self, capacity: int, cut: Callable[[Any, int], Any], copy: Callable[[Any, int], Any]
    ) -> None:
        """`cut` gives the cache with only its first so many tokens and may change it; `copy`
        gives a new one with those and leaves the old one as it was."""
        self._capacity = capacity
        self._cut = cut
        self._copy = copy
        self._kept: list[Kept] = []

    @property
    def tokens(self) -> int:
        """How many tokens are kept."""
        return sum(len(kept.tokens) for kept in self._kept)

    def take(self, prompt: Sequence[int]) -> tuple[Any, int]:
        """A cache that holds the beginning of the prompt, and how many of its tokens; (None, 0)
        where there is none. The prompt's last token is never among them: it must be read."""
        wanted = prompt[:-1]
        shared = [common_prefix(kept.tokens, wanted) for kept in self._kept]
        best = max(range(len(shared)), key=shared.__getitem__, default=None)
        if best is None or shared[best] < WORTH_COPYING:
            return None, 0
        length = shared[best]
        if 2 * length < len(self._kept[best].tokens):
            # Hardly the same conversation: it keeps its cache, what is common is copied.
            return self._copy(self._kept[best].cache, length), length
        return self._cut(self._kept.pop(best).cache, length), length

    def keep(self, tokens: list[int], cache: Any) -> None:
        """Keep the cache of an answer that is over. `cache` may hold more than `tokens`."""
        if tokens:
            self._kept.append(Kept(tokens, self._cut(cache, len(tokens))))
            self.make_room(0)

    def make_room(self, tokens: int) -> None:
        """Let go of the caches used longest ago, until so many more tokens would fit."""
        while self._kept and self.tokens + tokens > self._capacity:
            del self._kept[0]
