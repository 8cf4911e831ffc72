"""A bounded memory: what was seen or looked up lately, the oldest forgotten first."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping that holds the `size` keys used last (LRU). Not thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def get(self, key: K) -> V | None:
        """The value of `key`, which counts as used now; None where there is none."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]

    def put(self, key: K, value: V) -> None:
        """Set the value of `key`; the key that was used longest ago goes where there is no room."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._size:
            self._items.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget `key`. Idempotent."""
        self._items.pop(key, None)


class Seen(Generic[K]):
    """The `size` events that came last, so that one which is delivered twice is handled once."""

    def __init__(self, size: int = 4096) -> None:
        self._recent: Recent[K, None] = Recent(size)

    def __contains__(self, event: K) -> bool:
        return event in self._recent

    def add(self, event: K) -> bool:
        """Remember `event`. False where it is remembered already."""
        if event in self._recent:
            return False
        self._recent.put(event, None)
        return True

    def drop(self, event: K) -> None:
        """Forget `event`. Idempotent."""
        self._recent.drop(event)
