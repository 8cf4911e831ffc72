"""One answer's life in memory, from its place in the queue until its end is shown.

`Answering` is what the engine hands to whoever asked: it can be stopped and waited for. The text
that the model wrote so far is kept here and nowhere else while it is written; the engine saves it
from here, and delivery shows it.
"""

import asyncio
from dataclasses import dataclass, field

from bot.engine.queue import Ticket
from bot.errors import ParleyError
from bot.messages import Prompt, Usage
from bot.ports import AnswerState, StoredAnswer, Surface


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended."""

    state: AnswerState
    usage: Usage = field(default_factory=Usage)
    note: str = ""
    """For the person, where the text alone does not say what happened."""
    error: ParleyError | None = None


class Answering:
    """One answer that waits, is written, or was."""

    def __init__(self, answer: StoredAnswer, surface: Surface, ticket: Ticket | None) -> None:
        self.answer = answer
        self.surface = surface
        self.ticket = ticket
        self.state = AnswerState.QUEUED
        self.saved = answer.text
        """What the last checkpoint holds."""
        self.stopped = False
        self.quiet = False
        """Stopped because something else takes its place: nothing more is shown for it."""
        self.prompt: Prompt | None = None
        """What the model was given, once it was; without what it wrote in this run."""
        self.window = 0
        """The tokens that this prompt was packed for."""
        self.short = False
        """Memory ran out meanwhile: it was packed anew, for a smaller window."""
        self.task: asyncio.Task[None] | None = None
        self.work: asyncio.Task[Outcome] | None = None
        self.outcome: Outcome | None = None
        self._pieces = [answer.text] if answer.text else []
        self._ended = asyncio.Event()

    @property
    def id(self) -> int:
        return self.answer.id

    @property
    def text(self) -> str:
        """All that the model wrote so far, what an earlier run of it wrote included."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def write(self, text: str) -> None:
        """Take up what the model wrote next."""
        self._pieces.append(text)

    def stop(self, *, quiet: bool = False) -> bool:
        """Stop the model, within one of its steps. False where the answer had ended already."""
        if self.stopped or self.outcome is not None:
            return False
        self.stopped, self.quiet = True, quiet
        if self.work is not None:
            self.work.cancel()
        return True

    def mark_ended(self) -> None:
        """No more happens to it in this run of Parley."""
        if self.outcome is None:
            self.outcome = Outcome(AnswerState.INTERRUPTED)
        self._ended.set()

    async def ended(self) -> Outcome:
        """Wait until the end of the answer is shown, or can never be."""
        await self._ended.wait()
        assert self.outcome is not None
        return self.outcome
