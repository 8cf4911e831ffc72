"""What the messages of an answer should show at a given moment. No clock, no platform."""

from bot.delivery.holding import shown_until
from bot.delivery.splitting import Piece, Splitter
from bot.ports import AnswerState, Part, SurfaceLimits

PLACEHOLDER = "…"
"""What a message shows while its answer has no text."""

LONGEST_HOLD = 5.0
"""Seconds that unfinished Markdown is held back while nothing completes it."""

_NUMBERS = (
    *("No", "One", "Two", "Three", "Four", "Five", "Six"),
    *("Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"),
)


def place_note(ahead: int) -> str:
    """How a person is told the place in the queue."""
    if ahead <= 0:
        return "Thinking…"
    number = _NUMBERS[ahead] if ahead < len(_NUMBERS) else f"{ahead:,}"
    return f"{number} {'question is' if ahead == 1 else 'questions are'} before yours."


class Pages:
    """The parts of an answer that grows: their texts, states and notes.

    While it is written, the last part's text only ever grows, except where a cut closes the part;
    what is unfinished is held back. Before and after that everything is shown.
    """

    def __init__(self, answer_id: int, limits: SurfaceLimits, text: str) -> None:
        self._answer_id = answer_id
        self._splitter = Splitter(limits.max_units, limits.units)
        self._chunks = [text] if text else []
        self._unread = [text] if text else []
        self._state: AnswerState | None = None
        self._note = ""
        self._until = 0  # how much of the growing part has been shown
        self._held: tuple[int, int] | None = None  # part and offset from which text is held back
        self._held_since = 0.0
        self._growing = Piece("", 0, 0)

    # ---------------------------------------------------------------- what happens to the answer

    @property
    def text(self) -> str:
        """All of the answer."""
        if len(self._chunks) > 1:
            self._chunks = ["".join(self._chunks)]
        return self._chunks[0] if self._chunks else ""

    def place(self, ahead: int) -> None:
        self._state, self._note = AnswerState.QUEUED, place_note(ahead)

    def write(self, text: str) -> None:
        self._chunks.append(text)
        self._unread.append(text)
        self._state, self._note = AnswerState.WRITING, ""

    def end(self, state: AnswerState, note: str) -> None:
        self._state, self._note = state, note

    # ---------------------------------------------------------------- what is to be seen of it

    def update(self, now: float) -> None:
        """Read what was written since the last time; `count` and `part` speak of it then."""
        if self._unread:
            cuts = len(self._splitter.closed)
            self._splitter.feed("".join(self._unread))
            self._unread.clear()
            if len(self._splitter.closed) > cuts:
                self._until = 0
        splitter = self._splitter
        whole = len(splitter.window)
        if self._state is AnswerState.WRITING:
            self._until = max(self._until, self._showable(now))
        else:
            self._until, self._held = whole, None
        self._growing = splitter.rest if self._until == whole else splitter.rest_until(self._until)

    def _showable(self, now: float) -> int:
        splitter = self._splitter
        whole = len(splitter.window)
        until = shown_until(splitter.window, splitter.lines, splitter.line_start, splitter.context)
        held = (len(splitter.closed), until) if until < whole else None
        if held != self._held:
            self._held, self._held_since = held, now
        return whole if held and now - self._held_since >= LONGEST_HOLD else until

    @property
    def held_until(self) -> float | None:
        """When to update even if nothing more is written: text is held back until then."""
        if self._held is None or self._until == len(self._splitter.window):
            return None
        return self._held_since + LONGEST_HOLD

    @property
    def count(self) -> int:
        """How many parts there are to show."""
        if self._state is None:
            return 0
        shown = len(self._splitter.closed) + (self._growing.text != "")
        return shown if self._state is AnswerState.WRITING else max(shown, 1)

    def closed(self, index: int) -> bool:
        """Whether the part will not change any more: its text is whole and another follows."""
        closed = len(self._splitter.closed)
        return index + 1 < closed or (index + 1 == closed and self._growing.text != "")

    def part(self, index: int) -> Part:
        """The part as it should look now."""
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
