"""Keeps a worker running: starts one, starts another when it dies, gives up when that is no use."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import ModelError
from bot.generation.worker_client import WorkerClient

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When to start a dead worker again. Seconds."""

    quick: float = 60.0
    """A worker that lived less than this died quickly."""
    deaths: int = 3
    """Quick deaths in a row after which it is left dead."""
    backoff: float = 1.0
    """The wait before the second start in a row; it doubles with each further one."""
    rest: float = 60.0
    """After giving up, a question this much later makes one more try."""


class Supervisor:
    """The worker, whichever life it is in. The first failure to start it is reported at once:
    what is wrong then is the settings. Later ones are tried again."""

    def __init__(
        self,
        launch: Callable[[], Awaitable[WorkerClient]],
        policy: RestartPolicy | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._launch = launch
        self._policy = policy or RestartPolicy()
        self._clock = clock
        self._sleep = sleep
        self._ready: asyncio.Future[WorkerClient]
        self._task: asyncio.Task[None] | None = None
        self._gave_up_at = 0.0
        self._closed = False

    async def worker(self) -> WorkerClient:
        """The worker with its model loaded; waits while one is being started. Raises ModelError
        with the reason where there is none."""
        while not self._closed:
            if self._task is None or (self._task.done() and self._rested()):
                self._ready = asyncio.get_running_loop().create_future()
                self._task = asyncio.create_task(self._supervise(), name="worker supervisor")
            client = await asyncio.shield(self._ready)
            if not client.lost:
                return client
            await client.wait()
            await asyncio.sleep(0)  # the supervisor learns of it at the same moment
        raise _closed()

    @property
    def pid(self) -> int | None:
        """The process id of the worker that is ready, or None."""
        ready = self._task is not None and self._ready.done() and not self._ready.exception()
        return self._ready.result().pid if ready else None

    async def aclose(self) -> None:
        """End the worker for good; whoever waits for it gets ModelError. Idempotent."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._refuse(_closed())

    def _rested(self) -> bool:
        return self._clock() - self._gave_up_at >= self._policy.rest

    def _refuse(self, error: ModelError) -> None:
        """Let everybody who waits, and everybody who asks later, have the reason."""
        self._gave_up_at = self._clock()
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # perhaps nobody waits

    async def _supervise(self) -> None:
        try:
            await self._keep_alive()
        except Exception as exc:
            self._refuse(ModelError(f"The model's process cannot be supervised: {exc!r}."))
            raise

    async def _keep_alive(self) -> None:
        deaths = 0
        born = False
        while True:
            try:
                client = await self._launch()
            except ModelError as error:
                if not born:
                    self._refuse(error)
                    return
                deaths, reason = deaths + 1, str(error)
            else:
                born = True
                lived, reason = await self._life_of(client)
                deaths = deaths + 1 if lived < self._policy.quick else 1
            if deaths >= self._policy.deaths:
                logger.error("%s It is not started again after %d tries.", reason, deaths)
                self._refuse(ModelError(reason))
                return
            logger.warning("%s It is started again.", reason)
            if deaths > 1:
                await self._sleep(self._policy.backoff * 2 ** (deaths - 2))

    async def _life_of(self, client: WorkerClient) -> tuple[float, str]:
        """Hand the worker out until it is gone: how long it lived, and why it ended."""
        start = self._clock()
        self._ready.set_result(client)
        try:
            reason = await client.wait()
        finally:
            self._ready = asyncio.get_running_loop().create_future()
            await client.aclose()
        return self._clock() - start, reason


def _closed() -> ModelError:
    return ModelError("The model was let go of: Parley is ending.")
