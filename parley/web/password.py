"""The operator's password: its hash, and how often it may be tried.

The hash is Argon2id (RFC 9106) by argon2-cffi (https://argon2-cffi.readthedocs.io), of the extra
``web``. Its parameters are the ones that OWASP recommends first: 19 MiB, two passes, one lane
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). A check runs in
a process of its own, because the C library would keep that memory for each thread that took it; one
runs at a time, so that attempts cost no more than that.
"""

import asyncio
import logging
import os
from collections import OrderedDict
from ipaddress import ip_network
from pathlib import Path

from bot.clock import Clock
from bot.environment import worker_environment
from bot.errors import ConfigError
from bot.token_bucket import TokenBucket
from parley.python_process import ProcessFailed, result_of

logger = logging.getLogger(__name__)

SHORTEST = 10
"""Characters of a password."""
LONGEST = 1024
EXTRA = 'pip install "parley-chat[web]"'
_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1

IN_THIS_PROCESS = 1 << 20
"""Bytes; a check that takes no more needs no process of its own."""
PATIENCE = 30.0
"""Seconds for a check."""

ATTEMPTS, SECONDS_FOR_ONE = 5, 60.0
"""Attempts of one address at once, and the seconds after which it may try once more."""
ALL_ATTEMPTS, SECONDS_FOR_ONE_OF_ALL = 30, 5.0
"""The same for all addresses together."""
_ADDRESSES = 1024


def installed() -> bool:
    """Whether argon2-cffi is installed."""
    try:
        import argon2  # noqa: F401
    except ImportError:
        return False
    return True


def hash_of(password: str) -> str:
    """The hash to configure. Blocks for some 50 ms. Raises ConfigError where argon2-cffi is missing
    or the password is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"A password has {SHORTEST} to {LONGEST:,} characters; this one has {len(password):,}."
        )
    if not installed():
        raise ConfigError(f"A password needs argon2-cffi: {EXTRA}")
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
    return hasher.hash(password)


def memory_of(password_hash: str) -> int:
    """Bytes that checking a password against this hash takes; 0 for a hash that is damaged."""
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        return extract_parameters(password_hash).memory_cost * 1024
    except InvalidHashError:
        return 0


async def matches(password_hash: str, password: str) -> bool:
    """Whether the hash is that of `password`. False for a hash that is damaged, too."""
    from parley.web import check_password

    if memory_of(password_hash) > IN_THIS_PROCESS:
        request = {"password_hash": password_hash, "password": password}
        script = str(Path(check_password.__file__))
        environment = worker_environment(os.environ)
        try:
            # -P: the modules beside the script must not be taken for others of the same name
            found = await result_of(
                "-P", script, request=request, seconds=PATIENCE, environment=environment
            )
            return found is True
        except ProcessFailed as error:
            logger.warning("a password is checked in the bot's own process: %s", error)
    return await asyncio.to_thread(check_password.matches, password_hash, password)


class TooManyAttempts(Exception):
    """The password was tried too often. Nothing was checked."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many attempts; the next one is possible in {seconds:.0f} s")
        self.seconds = seconds


class Passwords:
    """Checks passwords, no more often than the limits allow."""

    def __init__(self, password_hash: str, clock: Clock) -> None:
        """`password_hash`: "" where no password is set, so that none is right."""
        self._hash = password_hash
        self._clock = clock
        self._all = TokenBucket(clock, 1 / SECONDS_FOR_ONE_OF_ALL, ALL_ATTEMPTS)
        self._by_address: OrderedDict[str, TokenBucket] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    @property
    def usable(self) -> bool:
        """Whether a password is set and can be checked."""
        return bool(self._hash) and installed()

    async def right(self, password: str, address: str) -> bool:
        """Whether it is the password. A wrong attempt counts against `address` and all together;
        raises TooManyAttempts, with nothing checked, where one of the two has none left."""
        own = self._of(address)
        wait = max(own.wait(), self._all.wait())
        if wait > 0:
            raise TooManyAttempts(wait)
        own.take()
        self._all.take()
        if not self.usable or len(password) > LONGEST:
            return False
        async with self._one_at_a_time:
            found = await matches(self._hash, password)
        if found:
            own.give_back()
            self._all.give_back()
        return found

    def _of(self, address: str) -> TokenBucket:
        address = _subscriber(address)
        bucket = self._by_address.pop(address, None)
        if bucket is None:
            bucket = TokenBucket(self._clock, 1 / SECONDS_FOR_ONE, ATTEMPTS)
        self._by_address[address] = bucket
        while len(self._by_address) > _ADDRESSES:
            self._by_address.popitem(last=False)
        return bucket


def _subscriber(address: str) -> str:
    """Who counts as one for the limit: an IPv4 address, or an IPv6 network of /64, of which one
    subscriber has all addresses."""
    try:
        network = ip_network(f"{address}/64", strict=False)
    except ValueError:
        return address
    return str(network)
