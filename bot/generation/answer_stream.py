"""One answer on its way from the worker: filled by the reader of frames, emptied by a consumer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import GenerationError
from bot.messages import Usage
from bot.worker.protocol import ERROR


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """Why an answer ended, as `bot.worker.protocol` says it, and what it cost."""

    reason: str
    usage: Usage


class AnswerStream:
    """Token ids of one answer. A slow consumer gets many at once, so nothing piles up but ids."""

    def __init__(self, answer_id: int, on_end: Callable[[], None]) -> None:
        """`on_end` is called once, when the worker no longer works on the answer."""
        self.id = answer_id
        self._ids: list[int] = []
        self._end: AnswerEnd | None = None
        self._error: GenerationError | None = None
        self._on_end = on_end
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """The worker no longer works on the answer."""
        return self._end is not None or self._error is not None

    def put(self, ids: list[int]) -> None:
        """More of the answer."""
        self._ids += ids
        self._changed.set()

    def end(self, reason: str, message: str, usage: Usage) -> None:
        """The worker is done with the answer."""
        if reason == ERROR:
            self.fail(GenerationError(f"The model failed: {message}."))
        else:
            self._end = AnswerEnd(reason, usage)
            self._close()

    def fail(self, error: GenerationError) -> None:
        """The answer broke off. What came before is still given out."""
        if not self.over:
            self._error = error
            self._close()

    def _close(self) -> None:
        self._changed.set()
        self._on_end()

    async def next(self) -> tuple[list[int], AnswerEnd | None]:
        """The ids since the last call, at least one unless the answer is over; with the last ones
        its end. Raises GenerationError or WorkerLost after the ids that came before it."""
        await self._changed.wait()
        self._changed.clear()
        ids, self._ids = self._ids, []
        if self.over:
            self._changed.set()
        if self._error is not None and not ids:
            raise self._error
        return ids, self._end
