"""One answer in memory, from its place in the queue until its end is shown.

`Job` is what the engine returns to whoever asked: it can be stopped and awaited. It holds the text
that the model has generated so far; the engine's checkpoints are taken from it, and delivery has a
copy of its own, piece by piece.
"""

import asyncio
from dataclasses import dataclass, field

from bot.engine.ahead import Ahead
from bot.engine.models import Chosen
from bot.engine.queue import Ticket
from bot.errors import ParleyError
from bot.messages import Prompt, Thought, Usage
from bot.ports import AnswerState, Snapshot, StoredAnswer, Surface


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended."""

    state: AnswerState
    usage: Usage = field(default_factory=Usage)
    note: str = ""
    """For the person, where the text alone does not show what happened."""
    error: ParleyError | None = None


class Job:
    """One answer that waits, is being generated, or has ended."""

    def __init__(self, answer: StoredAnswer, surface: Surface, ticket: Ticket | None) -> None:
        self.answer = answer
        self.surface = surface
        self.ticket = ticket
        self.state = AnswerState.QUEUED
        self.began = asyncio.get_running_loop().time()
        """When this run of Parley took it up, by the event loop's clock."""
        self._pieces = [answer.text] if answer.text else []
        self._thoughts = [answer.thought] if answer.thought else []
        self.snapshot = answer.snapshot
        """The history that it is given; None before it is begun."""
        self.saved = self.progress
        """What the last checkpoint saved."""
        self.recorded = False
        """Its end is in the database."""
        self.unsaved = False
        """It ended, and its end could not be recorded yet."""
        self.stopped = False
        self.quiet = False
        """Stopped because another answer replaces it: nothing more is shown for this one."""
        self.forgotten = asyncio.Event()
        """Its question and all answers to it are being deleted."""
        self.resumed = False
        """An earlier run of Parley was interrupted in showing it."""
        self.abandoned = False
        """Parley is being left."""
        self.unrecorded = False
        """The database may not know the messages of `answer`."""
        self.doubtful = False
        """Once it has ended: there may be a message that `messages` lacks."""
        self.ahead: Ahead | None = None
        """Its prompt, which was begun to be packed before it was recorded; None where its turn had
        not come yet."""
        self.prompt: Prompt | None = None
        """The prompt, once it was packed; its `answer` and `thought` are those of an earlier
        run."""
        self.chosen: Chosen | None = None
        """Which model writes it, once its prompt was packed."""
        self.packed = asyncio.Event()
        """Set once `prompt` and `snapshot` are known."""
        self.waited: float | None = None
        """Seconds in the queue; None while it waits."""
        self.window = 0
        """The context window that the prompt was packed for, in tokens."""
        self.messages: tuple[str, ...] = answer.messages
        """The surface's references of the messages that show it; final once it has ended."""
        self.text_shown = bool(answer.text.strip())
        """Whether they show some of the text, not only a placeholder."""
        self.superseded = asyncio.Event()
        """Another answer is about to replace this one, in the same messages."""
        self.short = False
        """Memory ran out meanwhile: the prompt was packed again, for a smaller window."""
        self.note = ""
        """For the person: what the prompt lacks."""
        self.task: asyncio.Task[None] | None = None
        self.work: asyncio.Task[Outcome] | None = None
        self.outcome: Outcome | None = None
        self._ended = asyncio.Event()
        self.changed = asyncio.Event()
        """Set when text or thought has changed, and at the end; whoever waits for it clears it."""

    @property
    def id(self) -> int:
        return self.answer.id

    @property
    def text(self) -> str:
        """The text so far, that of an earlier run included."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def thought(self) -> str:
        """What the model thought so far, in an earlier run included."""
        if len(self._thoughts) > 1:
            self._thoughts = ["".join(self._thoughts)]
        return self._thoughts[0] if self._thoughts else ""

    @property
    def progress(self) -> tuple[str, str, Snapshot | None]:
        """What a checkpoint saves: the text and the thought so far, and the history for them."""
        return self.text, self.thought, self.snapshot

    def write(self, piece: str | Thought) -> None:
        """Append what the model generated."""
        self.changed.set()
        if isinstance(piece, str):
            self._pieces.append(piece)
        elif piece.whole:
            self._pieces, self._thoughts = [], [piece.text]
        else:
            self._thoughts.append(piece.text)

    def stop(self, *, quiet: bool = False) -> bool:
        """Stop the model within one decoding step. False where the answer had ended already."""
        if self.stopped or self.outcome is not None:
            return False
        self.stopped, self.quiet = True, quiet
        if self.work is not None:
            self.work.cancel()
        return True

    def forget(self) -> None:
        """Stop, because the question and its answers are deleted: the end is shown where there is
        a message already, and not elsewhere."""
        self.forgotten.set()
        self.stop()

    def supersede(self) -> None:
        """Stop for another answer that replaces this one: the model stops, and nothing more is
        shown, not even an end that waits for a rate limit."""
        if not self.stop(quiet=True):
            self.quiet = True
        self.superseded.set()

    @property
    def shown_whole(self) -> bool:
        """Whether nothing is left to do once the end is shown: it is recorded, and no other answer
        replaces it."""
        return not (self.quiet or self.unsaved)

    def mark_ended(self) -> None:
        """Nothing more happens to this answer in this run of Parley."""
        if self.ahead is not None:
            self.ahead.drop()
        if self.outcome is None:
            self.outcome = Outcome(AnswerState.INTERRUPTED)
        self.changed.set()
        self._ended.set()

    async def ended(self) -> Outcome:
        """Wait until the end of the answer is shown, or is known never to be."""
        await self._ended.wait()
        assert self.outcome is not None
        return self.outcome
