"""Packs the prompt of a question beside the commit that records it: both wait for the database, and
together they take as long as the longer one. Nothing is generated before the commit."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.engine.models import Chosen, Models
from bot.engine.packing import Packed
from bot.engine.queue import Ticket
from bot.messages import Question, Sampling
from bot.ports import AnswerState, ConversationSettings, Snapshot, StoredAnswer


@dataclass(frozen=True, slots=True)
class Ready:
    """A prompt for one answer, and what belongs to it."""

    chosen: Chosen
    packed: Packed
    sampling: Sampling
    snapshot: Snapshot


async def make_ready(models: Models, answer: StoredAnswer, settings: ConversationSettings) -> Ready:
    """Pack the prompt of an answer in a conversation with these settings. Raises what
    `ContextWindow.pack` raises."""
    chosen = models.chosen(settings)
    packed, sampling, snapshot = await chosen.served.window.pack(answer, settings)
    return Ready(chosen, packed, sampling, snapshot)


class Ahead:
    """The prompt of a question that is not recorded yet, and whose turn has come already."""

    def __init__(self, question: Question, making: Awaitable[Ready]) -> None:
        self._question = question
        self._task = asyncio.ensure_future(making)
        self._task.add_done_callback(_retrieve)

    def drop(self) -> None:
        """The question was refused. Idempotent."""
        self._task.cancel()

    async def ready(self, answer: StoredAnswer) -> Ready | None:
        """The prompt for the answer to the question as it was recorded; None where it has to be
        packed anew, which then raises what there is to raise. Cancelled, it is dropped."""
        try:
            await asyncio.wait([self._task])
        except asyncio.CancelledError:
            self.drop()
            raise
        failed = self._task.cancelled() or self._task.exception() is not None
        return None if failed or answer.question != self._question else self._task.result()


Pack = Callable[[StoredAnswer, ConversationSettings], Awaitable[Ready]]


def begin_ahead(
    pack: Pack, question: Question, settings: ConversationSettings, ticket: Ticket
) -> Ahead | None:
    """Begin to pack the prompt; None where the question has to wait for its turn, since others may
    be answered before it."""
    if not ticket.granted.is_set():
        return None
    asked = StoredAnswer(0, 0, question, AnswerState.QUEUED, "")
    return Ahead(question, pack(asked, settings))


def _retrieve(task: "asyncio.Future[Ready]") -> None:
    if not task.cancelled():
        task.exception()  # else asyncio reports that nobody looked at it
