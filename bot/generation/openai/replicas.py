"""Which server is asked: the same one for the same conversation, as long as it is healthy.

Rendezvous hashing (Thaler and Ravishankar, 1998): each conversation ranks all replicas by a hash
and takes the first healthy one. So a server's prefix cache stays warm for its conversations, and
when a replica fails only its own conversations move.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence

from bot.clock import Clock
from bot.errors import ModelError
from bot.generation.openai.client import ServerClient
from bot.generation.openai.listing import listed, serves
from bot.observer import NoObserver, Observer, ServersAnswer, ServersFailed
from bot.url_passwords import without_passwords

logger = logging.getLogger(__name__)


class Replicas:
    """The servers, and which of them failed at the last request or health check."""

    def __init__(self, urls: Sequence[str], observer: Observer | None = None) -> None:
        """`observer` is told when all have failed, and when one answers again."""
        self._observer = observer or NoObserver()
        self.urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        self._failed: set[str] = set()

    def ranked(self, key: str) -> list[str]:
        """All replicas in the order in which to try them for the conversation `key`, unhealthy ones
        last. The order of the healthy ones depends on `key` alone."""

        def rank(url: str) -> tuple[bool, bytes]:
            return not self.healthy(url), hashlib.sha256(f"{key}\n{url}".encode()).digest()

        return sorted(self.urls, key=rank)

    def healthy(self, url: str) -> bool:
        """Whether the replica has answered since it last failed."""
        return url not in self._failed

    def failed(self, url: str) -> None:
        """Mark as unhealthy: it is tried last until it answers."""
        if self._all_failed:
            return
        self._failed.add(url)
        if self._all_failed:
            self._observer.observe(ServersFailed())

    def answered(self, url: str) -> None:
        """Mark as healthy."""
        if self._all_failed:
            self._observer.observe(ServersAnswer())
        self._failed.discard(url)

    @property
    def _all_failed(self) -> bool:
        return self._failed.issuperset(self.urls)


class HealthChecks:
    """Marks replicas as healthy or not, by periodic requests.

    So a failure is noticed before a question is sent to the replica, and a replica that recovered
    gets its conversations again. The request is ``GET /models``: it is cheap, needs no inference,
    and shows that the API key is accepted and the model still served.
    """

    def __init__(
        self, replicas: Replicas, clock: Clock, *, every: float, patience: float, model: str
    ) -> None:
        """`every` is the interval and `patience` the timeout of a request, both in seconds."""
        self._replicas = replicas
        self._clock = clock
        self._every = every
        self._patience = patience
        self._model = model

    async def run(self, client: ServerClient) -> None:
        """Check all replicas concurrently after each interval, until cancelled."""
        while True:
            await self._clock.sleep(self._every)
            await asyncio.gather(*(self._check(client, url) for url in self._replicas.urls))

    async def _check(self, client: ServerClient, url: str) -> None:
        was_healthy = self._replicas.healthy(url)
        try:
            if not serves(await listed(client, url, self._patience), self._model):
                address = without_passwords(url)
                raise ModelError(f"{address} no longer serves the model {self._model!r}.")
        except ModelError as error:
            self._replicas.failed(url)
            if was_healthy:
                logger.warning("%s Its conversations go to the other servers.", error)
        else:
            self._replicas.answered(url)
            if not was_healthy:
                logger.info("%s answers again", url)
