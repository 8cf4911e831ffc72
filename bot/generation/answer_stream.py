"""The token ids of one answer, on their way from the worker's frames to one consumer."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from bot.errors import GenerationError
from bot.messages import Finished, FinishReason, Usage
from bot.worker.protocol import CANCELLED, END, ERROR, LENGTH, Ended

_REASONS = {
    END: FinishReason.END,
    LENGTH: FinishReason.LENGTH,
    CANCELLED: FinishReason.STOPPED,
}


class AnswerStream:
    """An unbounded buffer of token ids and the end of the answer. `put`, `end` and `fail` never
    wait; a slow consumer gets many ids at once. Used on the event loop only."""

    def __init__(self, answer_id: int, on_end: Callable[[], None]) -> None:
        """`on_end` is called once, when the worker no longer works on the answer."""
        self.id = answer_id
        self._ids: list[int] = []
        self._finished: Finished | None = None
        self._error: GenerationError | None = None
        self._on_end = on_end
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """The worker no longer works on the answer."""
        return self._finished is not None or self._error is not None

    def put(self, ids: list[int]) -> None:
        """Append new token ids."""
        self._ids += ids
        self._changed.set()

    def end(self, ended: Ended) -> None:
        """The worker reports the end of the answer."""
        if ended.reason == ERROR:
            self.fail(GenerationError(f"The model failed: {ended.message}."))
        else:
            self._finished = Finished(_REASONS[ended.reason], Usage(**asdict(ended.usage)))
            self._close()

    def fail(self, error: GenerationError) -> None:
        """End the answer with `error`; no effect when it is over. Ids that came before are still
        delivered."""
        if not self.over:
            self._error = error
            self._close()

    def _close(self) -> None:
        self._changed.set()
        self._on_end()

    async def next(self) -> tuple[list[int], Finished | None]:
        """The ids since the last call, at least one unless the answer is over, and with the last
        ones how it finished. Raises the error of `fail` after the ids that came before it."""
        await self._changed.wait()
        self._changed.clear()
        ids, self._ids = self._ids, []
        if self.over:
            self._changed.set()
        if self._error is not None and not ids:
            raise self._error
        return ids, self._finished
