"""What each message of an answer should show at a given moment. Pure: no clock, no I/O."""

from bot.delivery.holding import shown_until
from bot.delivery.splitting import Piece, Splitter
from bot.ports import AnswerState, Part, SurfaceLimits

PLACEHOLDER = "…"
"""The text of a message whose answer has none yet."""

MAX_HOLD_SECONDS = 5.0
"""Seconds for which incomplete Markdown is withheld at most while no more text comes."""

_NUMBERS = (
    *("No", "One", "Two", "Three", "Four", "Five", "Six"),
    *("Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"),
)


def place_note(ahead: int) -> str:
    """The note that shows the place in the queue; `ahead` is the number of questions before."""
    if ahead <= 0:
        return "Thinking…"
    number = _NUMBERS[ahead] if ahead < len(_NUMBERS) else f"{ahead:,}"
    return f"{number} {'question is' if ahead == 1 else 'questions are'} before yours."


class Pages:
    """The parts of a growing answer: their texts, states and notes.

    While the answer is being generated, incomplete Markdown at its end is withheld (see `holding`),
    and the last part's text only ever grows, except where a cut closes the part. In any other
    state, everything is shown.
    """

    def __init__(self, answer_id: int, limits: SurfaceLimits, text: str) -> None:
        self._answer_id = answer_id
        self._splitter = Splitter(limits.max_units, limits.units, limits.markdown)
        self._chunks = [text] if text else []
        self._unsplit = [text] if text else []
        self._state: AnswerState | None = None
        self._note = ""
        self._shown_to = 0  # how much of the growing part is shown
        self._held: tuple[int, int] | None = None  # part and offset from which on it is withheld
        self._held_since = 0.0
        self._growing = Piece("", 0, 0)

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
        self._unsplit.append(text)
        self._state, self._note = AnswerState.WRITING, ""

    def end(self, state: AnswerState, note: str) -> None:
        """The answer has ended: nothing is withheld any longer."""
        self._state, self._note = state, note

    # ---------------------------------------------------------------- what is to be shown

    def update(self, now: float) -> None:
        """Process the text written since the last call. `count`, `closed` and `part` describe the
        answer as of this call; `now` is a monotonic time in seconds."""
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
        return whole if held and now - self._held_since >= MAX_HOLD_SECONDS else until

    @property
    def held_until(self) -> float | None:
        """When to call `update` even if no text comes, because withheld text is to be shown then;
        None while nothing is withheld."""
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

    def part(self, index: int) -> Part:
        """What the message of that part should show now."""
        closed = self._splitter.closed
        piece = closed[index] if index < len(closed) else self._growing
        last = index + 1 == self.count
        return Part(
            self._answer_id,
            index,
            piece.text or PLACEHOLDER,
            (self._state or AnswerState.WRITING) if last else AnswerState.DONE,
            last,
            self._note if last else "",
        )
