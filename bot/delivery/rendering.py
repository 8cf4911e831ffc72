"""What each message of an answer should show at a given moment. Pure: no clock, no I/O."""

import math

from bot.delivery.folding import folded, quoted
from bot.delivery.holding import shown_until
from bot.delivery.splitting import Piece, Splitter
from bot.messages import Thought
from bot.ports import AnswerState, Part, SurfaceLimits

PLACEHOLDER = "…"
"""The text of a message whose answer has none yet."""

MAX_HOLD_SECONDS = 5.0
"""Seconds for which incomplete Markdown is withheld at most while no more text comes."""

TICK_SECONDS = 5.0
"""Seconds between two changes of the note that says for how long the model has been thinking."""
_THINKING, _AGAIN = "Thinking…", "Thinking again…"

_NUMBERS = (
    *("No", "One", "Two", "Three", "Four", "Five", "Six"),
    *("Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"),
)


def place_note(ahead: int) -> str:
    """The note that shows the place in the queue; `ahead` is the number of questions before."""
    if ahead <= 0:
        return _THINKING
    number = _NUMBERS[ahead] if ahead < len(_NUMBERS) else f"{ahead:,}"
    return f"{number} {'question is' if ahead == 1 else 'questions are'} before yours."


def thinking_note(seconds: float, *, again: bool = False) -> str:
    """The note of an answer whose model has been thinking for so long; `again`: anew, because what
    it thought before could not be taken up."""
    label = _AGAIN if again else _THINKING
    whole = int(seconds // TICK_SECONDS * TICK_SECONDS)
    return f"{label} {whole} s" if whole else label


def is_thinking_note(note: str) -> bool:
    """Whether it is one of `thinking_note`, or of `place_note` for no questions ahead."""
    return note.startswith((_THINKING, _AGAIN))


class Pages:
    """The parts of a growing answer: their texts, states and notes.

    While the answer is being generated, incomplete Markdown at its end is withheld (see `holding`),
    and the last part's text only ever grows, except where a cut closes the part. In any other
    state, everything is shown.
    """

    def __init__(
        self,
        answer_id: int,
        limits: SurfaceLimits,
        text: str,
        *,
        thought: str = "",
        fold: bool = False,
    ) -> None:
        """`text` and `thought` are those of an earlier run. With `fold`, the beginning of the
        thought stands above the answer."""
        self._answer_id = answer_id
        self._limits = limits
        self._fold = fold
        self._thought = [thought] if thought else []
        self._folded: list[str] = []
        self._splitter = Splitter(limits.max_units, limits.units, limits.markdown)
        self._thinking = self._again = False
        self._thinking_since: float | None = None
        self._tick = math.inf
        self._chunks = [text] if text else []
        self._unsplit: list[str] = []
        if text:
            self._put(text)
        self._state: AnswerState | None = None
        self._note = ""
        self._shown_to = 0  # how much of the growing part is shown
        self._held: tuple[int, int] | None = None  # part and offset from which on it is withheld
        self._held_since = 0.0
        self._growing = Piece("", 0, 0)

    def _put(self, text: str) -> None:
        """Hand text to the splitter; before the first, the folded thought."""
        if self._fold and self._thought and not self._folded:
            self._folded = folded("".join(self._thought))
            if self._limits.quote:
                self._unsplit.append(quoted(self._folded, self._limits.quote))
        self._unsplit.append(text)

    # ---------------------------------------------------------------- changes to the answer

    @property
    def text(self) -> str:
        """The whole answer so far."""
        if len(self._chunks) > 1:
            self._chunks = ["".join(self._chunks)]
        return self._chunks[0] if self._chunks else ""

    def place(self, ahead: int) -> None:
        """The answer waits in the queue behind `ahead` others."""
        self._state, self._note = AnswerState.QUEUED, place_note(ahead)

    def write(self, text: str) -> None:
        """Append generated text."""
        self._chunks.append(text)
        self._put(text)
        self._state, self._note, self._thinking = AnswerState.WRITING, "", False

    def think(self, piece: Thought) -> None:
        """The model thinks: nothing of it is shown. With `Thought.whole`, the text so far was no
        answer and disappears."""
        if piece.whole:
            self._splitter = Splitter(
                self._limits.max_units, self._limits.units, self._limits.markdown
            )
            self._chunks, self._unsplit, self._shown_to, self._held = [], [], 0, None
            self._thought, self._folded = [], []
            self._again, self._thinking_since = not piece.text, None
        if not self._chunks:
            self._thought.append(piece.text)
        if not self._chunks:
            self._state, self._thinking = AnswerState.QUEUED, True

    def end(self, state: AnswerState, note: str) -> None:
        """The answer has ended: nothing is withheld any longer."""
        self._state, self._note, self._thinking = state, note, False
        if self._fold and self._thought and not self._folded:
            self._folded = folded("".join(self._thought))

    # ---------------------------------------------------------------- what is to be shown

    def update(self, now: float) -> None:
        """Process the text written since the last call. `count`, `closed` and `part` describe the
        answer as of this call; `now` is a monotonic time in seconds."""
        self._count_seconds(now)
        if self._unsplit:
            cuts = len(self._splitter.closed)
            self._splitter.feed("".join(self._unsplit))
            self._unsplit.clear()
            if len(self._splitter.closed) > cuts:
                self._shown_to = 0
        splitter = self._splitter
        whole = len(splitter.window)
        if self._state is AnswerState.WRITING:
            self._shown_to = max(self._shown_to, self._showable(now))
        else:
            self._shown_to, self._held = whole, None
        grows = self._state is AnswerState.WRITING
        self._growing = splitter.rest_until(self._shown_to, grows=grows)

    def _count_seconds(self, now: float) -> None:
        if not self._thinking:
            self._thinking_since, self._tick = None, math.inf
            return
        if self._thinking_since is None:
            self._thinking_since = now
        ticks = (now - self._thinking_since) // TICK_SECONDS
        if self._thinking_since + (ticks + 1) * TICK_SECONDS <= now:  # rounded down
            ticks += 1
        self._note = thinking_note(ticks * TICK_SECONDS, again=self._again)
        self._tick = self._thinking_since + (ticks + 1) * TICK_SECONDS

    @property
    def due(self) -> float | None:
        """When to call `update` even if nothing comes: withheld text is to be shown then, or more
        seconds have passed with thinking. None where there is no such time."""
        times = [self._tick] if self.held_until is None else [self._tick, self.held_until]
        return None if (first := min(times)) == math.inf else first

    def _showable(self, now: float) -> int:
        splitter = self._splitter
        whole = len(splitter.window)
        until = shown_until(
            splitter.window,
            splitter.lines,
            splitter.line_start,
            splitter.context,
            splitter.dialect,
        )
        held = (len(splitter.closed), until) if until < whole else None
        if held != self._held:
            self._held, self._held_since = held, now
        # as in `held_until`: a difference may be rounded to the other side of the same moment
        return whole if held and now >= self._held_since + MAX_HOLD_SECONDS else until

    @property
    def held_until(self) -> float | None:
        """When withheld text is to be shown; None while nothing is withheld."""
        if self._held is None or self._shown_to == len(self._splitter.window):
            return None
        return self._held_since + MAX_HOLD_SECONDS

    @property
    def count(self) -> int:
        """How many parts there are to show."""
        if self._state is None:
            return 0
        shown = len(self._splitter.closed) + (self._growing.text != "")
        return shown if self._state is AnswerState.WRITING else max(shown, 1)

    def closed(self, index: int) -> bool:
        """Whether the part is final: its text cannot change, and another part follows."""
        closed = len(self._splitter.closed)
        return index + 1 < closed or (index + 1 == closed and self._growing.text != "")

    def part(self, index: int, *, last: bool = False) -> Part:
        """What the message of that part should show now. With `last`, no part is shown after it."""
        closed = self._splitter.closed
        piece = closed[index] if index < len(closed) else self._growing
        last = last or index + 1 == self.count
        return Part(
            self._answer_id,
            index,
            piece.text or PLACEHOLDER,
            (self._state or AnswerState.WRITING) if last else AnswerState.DONE,
            last,
            self._note if last else "",
            thought="\n".join(self._folded),
        )
