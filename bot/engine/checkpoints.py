"""Saves unfinished answers at intervals, and ends that could not be recorded at once."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from bot.clock import Clock
from bot.engine.job import Job
from bot.engine.runner import Runner
from bot.errors import StorageError
from bot.ports import AnswerLedger, AnswerState

logger = logging.getLogger(__name__)


class Checkpoints:
    """Checkpoints of the answers of one engine. No database error leaves it: the text is still in
    memory and is saved with the next checkpoint, or at the end."""

    def __init__(self, ledger: AnswerLedger, runner: Runner, clock: Clock, interval: float) -> None:
        """`interval`: seconds between two checkpoints."""
        self._ledger = ledger
        self._runner = runner
        self._clock = clock
        self._interval = interval
        self._unsaved: dict[int, Job] = {}
        """Answers that ended and could not be recorded."""

    async def save_regularly(self, jobs: Mapping[int, Job]) -> None:
        """Save `jobs`, as they are at each moment, until cancelled."""
        while True:
            await self._clock.sleep(self._interval)
            await self.save(jobs.values())
            await self.save_ends()

    async def save(self, jobs: Iterable[Job]) -> None:
        """Save how far these answers are, together: the store makes one commit of them."""
        unfinished = [job for job in jobs if job.progress != job.saved and not job.recorded]
        await asyncio.gather(*(self._save_one(job) for job in unfinished))

    async def _save_one(self, job: Job) -> None:
        text, thought, snapshot = progress = job.progress
        try:
            await self._ledger.checkpoint(job.id, AnswerState.WRITING, text, thought, snapshot)
            job.saved = progress
        except StorageError as error:
            logger.warning("answer %d could not be saved for now: %s", job.id, error)
        except Exception:  # whatever a driver raises: other answers go on
            logger.exception("answer %d could not be saved for now", job.id)

    def ended(self, job: Job) -> None:
        """An answer has ended; if its end could not be recorded, it will be tried again."""
        if job.unsaved:
            self._unsaved[job.id] = job

    def take(self, answer_id: int) -> Job | None:
        """The answer, if its end could not be recorded yet, which is not tried again: another one
        takes over its messages."""
        return self._unsaved.pop(answer_id, None)

    async def save_ends(self) -> None:
        """Try again to record the answers whose end could not be."""
        for job in list(self._unsaved.values()):
            try:
                await self._runner.save(job)
                for index, message in enumerate(job.messages):
                    await self._ledger.shown(job.id, index, message)
                await self._ledger.delivered(job.id)
            except StorageError as error:
                logger.debug("answer %d still could not be saved: %s", job.id, error)
                return
            except Exception:
                logger.exception("answer %d still could not be saved", job.id)
                return
            self._unsaved.pop(job.id, None)
            logger.info("answer %d is saved now", job.id)
