"""Connecting to a platform: retries with backoff, and unfinished answers of an earlier run."""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.clock import Clock
from bot.config import Settings
from bot.engine import Engine
from bot.errors import SurfaceBusy
from bot.ports import Store, SurfaceFinder

logger = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = 2.0, 60.0
"""Seconds of backoff between two attempts; doubled after each."""


class Running(Protocol):
    """What an adapter needs of a Parley that runs."""

    @property
    def engine(self) -> Engine: ...
    @property
    def store(self) -> Store: ...


async def keep_connecting(connect: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Call `connect`, which returns when the connection is over, and again, with backoff, whenever
    it raises SurfaceBusy: the platform cannot be reached. Every other error is raised."""
    delay = FIRST_RETRY
    while True:
        try:
            await connect()
            return
        except SurfaceBusy as busy:
            logger.warning("%s; trying again in %.0f s.", busy, delay)
            await clock.sleep(delay)
            delay = min(LONGEST_RETRY, delay * 2)


async def resume_answers(
    engine: Engine, settings: Settings, platform: str, find: SurfaceFinder
) -> None:
    """Resume what an earlier run left unfinished on this platform, or mark it as interrupted, as
    ``[delivery] after_restart`` says. To be called before the first event is handled."""
    resume = settings.delivery.after_restart == "continue"
    resumed = await engine.recover(platform, find, resume=resume)
    if resumed:
        logger.info("%d unfinished answers of an earlier run are resumed", len(resumed))
