"""Keeps a worker running: restarts it with backoff, and gives up after repeated failures."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import ModelError
from bot.generation.worker_client import WorkerClient
from bot.observer import NoObserver, Observer, WorkerEnded, WorkerStarted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When to restart a worker that died. Times in seconds."""

    short_life: float = 60.0
    """A worker that died sooner than this counts as failed, like one that could not start."""
    max_failures: int = 3
    """Failures in a row after which it is not restarted."""
    backoff: float = 1.0
    """The wait before the restart after the second failure in a row; doubles with each further
    one."""
    retry_after: float = 60.0
    """After giving up, a request this much later makes one more attempt."""


class Supervisor:
    """Owns the worker, across restarts. A failure of the very first start is reported at once and
    not retried: its cause is the settings. Used on the event loop only."""

    def __init__(
        self,
        launch: Callable[[], Awaitable[WorkerClient]],
        policy: RestartPolicy | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer or NoObserver()
        self._started = False
        self._launch = launch
        self._policy = policy or RestartPolicy()
        self._clock = clock
        self._sleep = sleep
        self._ready: asyncio.Future[WorkerClient]
        self._task: asyncio.Task[None] | None = None
        self._gave_up_at = 0.0
        self._closed = False

    async def worker(self) -> WorkerClient:
        """The worker with its model loaded; waits while one starts. The first call starts it.
        Raises ModelError with the reason where there is none and none will be started."""
        while not self._closed:
            if self._task is None or (self._task.done() and self._may_retry()):
                self._ready = asyncio.get_running_loop().create_future()
                self._task = asyncio.create_task(self._supervise(), name="worker supervisor")
            client = await asyncio.shield(self._ready)
            if not client.lost:
                return client
            await client.wait()
            await asyncio.sleep(0)  # the supervisor is woken at the same moment; let it run first
        raise _closed()

    @property
    def pid(self) -> int | None:
        """The process id of the worker that is ready, or None."""
        ready = self._task is not None and self._ready.done() and not self._ready.exception()
        return self._ready.result().pid if ready else None

    async def aclose(self) -> None:
        """Shut the worker down for good; pending and later calls of `worker` raise ModelError.
        Idempotent."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._refuse(_closed())

    def _may_retry(self) -> bool:
        return self._clock() - self._gave_up_at >= self._policy.retry_after

    def _refuse(self, error: ModelError) -> None:
        """Make pending and later calls of `worker` raise `error`."""
        self._gave_up_at = self._clock()
        if self._started and not self._closed:
            self._observer.observe(WorkerEnded(given_up=True))
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # marks it as retrieved: perhaps nobody waits

    async def _supervise(self) -> None:
        try:
            await self._keep_alive()
        except Exception as exc:
            self._refuse(ModelError(f"The model's process cannot be supervised: {exc!r}."))
            raise

    async def _keep_alive(self) -> None:
        """Start and restart the worker. Returns when it gave up."""
        failures = 0
        has_run = False
        while True:
            try:
                client = await self._launch()
            except ModelError as error:
                if not has_run:
                    self._refuse(error)
                    return
                failures, reason = failures + 1, str(error)
            else:
                has_run = True
                seconds, reason = await self._serve(client)
                failures = failures + 1 if seconds < self._policy.short_life else 1
            if failures >= self._policy.max_failures:
                logger.error("%s It is not restarted after %d failures in a row.", reason, failures)
                self._refuse(ModelError(reason))
                return
            logger.warning("%s It is being restarted.", reason)
            if failures > 1:
                await self._sleep(self._policy.backoff * 2 ** (failures - 2))

    async def _serve(self, client: WorkerClient) -> tuple[float, str]:
        """Provide this worker until it ends. Returns how many seconds it ran, and why it ended."""
        start = self._clock()
        self._observer.observe(WorkerStarted(again=self._started))
        self._started = True
        self._ready.set_result(client)
        try:
            reason = await client.wait()
            self._observer.observe(WorkerEnded(given_up=False))
        finally:
            self._ready = asyncio.get_running_loop().create_future()
            await client.aclose()
        return self._clock() - start, reason


def _closed() -> ModelError:
    return ModelError("The model was shut down: Parley is ending.")
