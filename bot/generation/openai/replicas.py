"""Which server is asked: the same one for the same conversation, a healthy one if there is any.

Rendezvous hashing (Thaler and Ravishankar, 1998): each conversation ranks all replicas by a hash
and takes the first healthy one. The server's prefix cache stays warm for it, and when a replica
goes only its own conversations move.
"""

import hashlib
from collections.abc import Sequence

from bot.clock import Clock


class Replicas:
    """The servers, and which of them failed lately."""

    def __init__(self, urls: Sequence[str], clock: Clock, cooldown: float) -> None:
        """`cooldown`: seconds for which a replica that failed goes last."""
        self.urls = tuple(url.rstrip("/") for url in urls)
        self._clock = clock
        self._cooldown = cooldown
        self._failed: dict[str, float] = {}

    def ranked(self, key: str) -> list[str]:
        """All replicas in the order in which to try them for `key`."""

        def rank(url: str) -> tuple[bool, bytes]:
            return not self.healthy(url), hashlib.sha256(f"{key}\n{url}".encode()).digest()

        return sorted(self.urls, key=rank)

    def healthy(self, url: str) -> bool:
        failed = self._failed.get(url)
        return failed is None or self._clock.monotonic() - failed >= self._cooldown

    def failed(self, url: str) -> None:
        """Ask others first for a while."""
        self._failed[url] = self._clock.monotonic()

    def answered(self, url: str) -> None:
        """It works (again)."""
        self._failed.pop(url, None)
