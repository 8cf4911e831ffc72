"""Asks the servers in the background whether they are there.

A server that is gone is noticed before a question is sent to it, and one that came back gets its
conversations again. The question is ``GET /models``: it is cheap, needs no model to compute, and
shows that the key is right and the model still served.
"""

import asyncio
import logging

import aiohttp

from bot.clock import Clock
from bot.errors import ModelError
from bot.generation.openai.listing import choose, listed
from bot.generation.openai.replicas import Replicas

logger = logging.getLogger(__name__)


class HealthChecks:
    """Asks every replica, all at once, again and again."""

    def __init__(
        self, replicas: Replicas, clock: Clock, *, every: float, patience: float, model: str
    ) -> None:
        """`every`: seconds between two rounds; `patience`: seconds that a server has to answer."""
        self._replicas = replicas
        self._clock = clock
        self._every = every
        self._patience = patience
        self._model = model

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(self._every)
            await asyncio.gather(*(self._check(http, url) for url in self._replicas.urls))

    async def _check(self, http: aiohttp.ClientSession, url: str) -> None:
        was_healthy = self._replicas.healthy(url)
        try:
            choose(await listed(http, url, self._patience), self._model)
        except ModelError as error:
            self._replicas.failed(url)
            if was_healthy:
                logger.warning("%s Its conversations go to the other servers.", error)
        else:
            self._replicas.answered(url)
            if not was_healthy:
                logger.info("%s answers again", url)
