"""Which server is asked: the same one for the same conversation, a healthy one if there is any.

Rendezvous hashing (Thaler and Ravishankar, 1998): each conversation ranks all replicas by a hash
and takes the first healthy one. The server's prefix cache stays warm for it, and when a replica
goes only its own conversations move.
"""

import hashlib
from collections.abc import Sequence


class Replicas:
    """The servers, and which of them failed when they were last asked for anything."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        self._failed: set[str] = set()

    def ranked(self, key: str) -> list[str]:
        """All replicas in the order in which to try them for `key`; those that failed last."""

        def rank(url: str) -> tuple[bool, bytes]:
            return not self.healthy(url), hashlib.sha256(f"{key}\n{url}".encode()).digest()

        return sorted(self.urls, key=rank)

    def healthy(self, url: str) -> bool:
        return url not in self._failed

    def failed(self, url: str) -> None:
        """Ask others first until it has answered."""
        self._failed.add(url)

    def answered(self, url: str) -> None:
        """It works (again)."""
        self._failed.discard(url)
