"""Event handlers that run beside each other, so that receiving events never waits for them."""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

logger = logging.getLogger(__name__)


class Handlers:
    """The handlers of one connection; an async context manager. Leaving it cancels those that
    still run and waits for their end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether any handler runs."""
        return bool(self._tasks)

    def start(self, handler: Coroutine[Any, Any, None]) -> None:
        """Run `handler`, which raises nothing. While the connection closes it is not run: the
        platform delivers again what was not handled."""
        if not self._open:
            handler.close()
            logger.info("an event that came during shutdown was not handled")
            return
        task = asyncio.create_task(handler)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
