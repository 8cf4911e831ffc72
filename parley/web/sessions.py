"""Sessions of those who gave the password, and links that open one without it.

Both are random tokens of 256 bits. Only their hashes are kept, in memory: a restart ends every
session. Times are monotonic, so that a change of the computer's clock neither ends nor extends one.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from bot.clock import Clock

IDLE = 3600.0
"""Seconds without a request after which a session ends."""
LONGEST = 12 * 3600.0
"""Seconds after which a session ends in any case."""
LINK = 300.0
"""Seconds for which a one-time link works."""
MOST = 64
"""Sessions, and links, that exist at a time; a further one ends the oldest."""


def new_token() -> str:
    """A random token for a URL or a cookie."""
    return secrets.token_urlsafe(32)


@dataclass(slots=True)
class _Session:
    ends: float
    """In any case."""
    idle_ends: float


class Sessions:
    """The sessions and one-time links of one server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._links: OrderedDict[bytes, float] = OrderedDict()

    def open(self) -> str:
        """Begin a session; returns its token."""
        now = self._clock.monotonic()
        token = new_token()
        self._sessions[_key(token)] = _Session(now + LONGEST, now + IDLE)
        _bound(self._sessions)
        return token

    def valid(self, token: str) -> bool:
        """Whether `token` is that of a session, which counts as used now."""
        now = self._clock.monotonic()
        session = self._sessions.get(_key(token))
        if session is None:
            return False
        if now >= min(session.ends, session.idle_ends):
            del self._sessions[_key(token)]
            return False
        session.idle_ends = now + IDLE
        return True

    def close(self, token: str) -> None:
        """End a session, for whoever has its token. Idempotent."""
        self._sessions.pop(_key(token), None)

    def new_link(self) -> str:
        """A token that `redeem` accepts once, within `LINK` seconds."""
        token = new_token()
        self._links[_key(token)] = self._clock.monotonic() + LINK
        _bound(self._links)
        return token

    def redeem(self, link: str) -> str | None:
        """Begin a session for a one-time link, which is used up then; None for one that is not
        known, was used, or is too old."""
        until = self._links.pop(_key(link), None)
        if until is None or self._clock.monotonic() >= until:
            return None
        return self.open()


def _key(token: str) -> bytes:
    """Looking a token up by its hash takes a time that tells nothing about the token."""
    return sha256(token.encode("utf-8", "replace")).digest()


def _bound(tokens: "OrderedDict[bytes, Any]") -> None:
    while len(tokens) > MOST:
        tokens.popitem(last=False)
