"""One asyncio lock for each key, for as long as somebody holds or awaits it."""

import asyncio
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K")


class KeyedLocks(Generic[K]):
    """``async with locks(key)``: who comes first goes first, and other keys do not wait.

    A lock that nobody holds or awaits takes no memory. For one event loop.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def __call__(self, key: K) -> asyncio.Lock:
        """The lock of `key`."""
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        return lock
