"""Splits a growing answer into parts that fit a platform's messages.

Guarantees:

- The parts' `raw` texts joined are exactly the answer.
- A closed part never changes, whatever follows and in whatever pieces it arrives: the position of a
  cut depends only on the text up to the first character that does not fit.
- A part's `text` has at most `max_units`. It differs from `raw` in two ways only: it lacks blank
  lines at its start (outside a code fence) and whitespace at its end; and where a cut is inside a
  code fence, the fence is closed at the part's end and reopened at the start of the next. A fence
  that the last part leaves open is not closed.
- No closed part is blank; the last one is blank only where the whole answer is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bot.delivery.cutting import Line, choose_cut, line_at
from bot.delivery.markdown import Context, Fence, Kind, read_line

SMALLEST_PART = 16
"""Units. A smaller part has no room for a fence, or for the largest of characters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer: ``raw`` of it, shown as ``prefix + raw[start:stop] + suffix``."""

    raw: str
    start: int
    stop: int
    prefix: str = ""
    """Reopens the fence that the previous part's suffix closed."""
    suffix: str = ""
    """Closes the fence that the cut is inside of."""

    @property
    def text(self) -> str:
        """The text of the message; "" where the piece is blank."""
        if self.stop <= self.start:
            return ""
        return f"{self.prefix}{self.raw[self.start : self.stop]}{self.suffix}"


class Splitter:
    """Splits a text incrementally: a `feed` costs time in proportion to the growing part and the
    new text, however long the answer is.

    `units` measures text as the platform does. It must be additive,
    ``units(a + b) == units(a) + units(b)``, and at most a quarter of `max_units` for one character.
    Raises ValueError where `max_units` is below `SMALLEST_PART`.
    """

    def __init__(self, max_units: int, units: Callable[[str], int] = len) -> None:
        if max_units < SMALLEST_PART:
            raise ValueError(f"parts of {max_units} units are too small to cut text into")
        self._max = max_units
        self._units = units
        self.closed: list[Piece] = []
        """The parts that are final."""
        self._begin("", Context())

    def _begin(self, text: str, context: Context) -> None:
        """Start a new part with `text`; `context` is what the previous part left open."""
        fence = context.fence
        if fence is not None and self._overhead(fence):
            context = Context(fence.reopened(), context.in_list)
            self._prefix = fence.opener
        else:
            self._prefix = ""
        self.window = text
        """The raw text of the growing part."""
        self.lines: list[Line] = []
        """Its complete lines."""
        self.context = context
        """What is open at the start of its last line, which is incomplete."""
        self.line_start = 0
        """The offset of that line."""
        self._used = self._units(self._prefix)  # units shown before the last line
        self._lead = 0  # offset of the first character that is shown

    @property
    def rest(self) -> Piece:
        """The growing part, complete."""
        return self._piece(len(self.window))

    def rest_until(self, stop: int) -> Piece:
        """The growing part up to offset `stop`."""
        return self._piece(stop)

    def feed(self, text: str) -> None:
        """Append to the text."""
        self.window += text
        while (overflow := self._read()) is not None:
            self._cut(overflow)

    # ---------------------------------------------------------------- reading lines

    def _read(self) -> int | None:
        """Read further lines. Returns the offset of the first character that does not fit, or
        None."""
        while True:
            end = self.window.find("\n", self.line_start) + 1
            line = self.window[self.line_start : end or len(self.window)]
            overflow = self._overflow(line)
            if overflow is not None:
                return self.line_start + overflow
            if not end:
                return None
            self._complete(line)

    def _complete(self, line: str) -> None:
        kind, after = read_line(line, self.context)
        self.lines.append(Line(self.line_start, kind, self.context))
        self.line_start += len(line)
        self.context = after
        if kind is Kind.BLANK and self._lead == self.line_start - len(line) and not self._prefix:
            self._lead = self.line_start
        else:
            self._used += self._units(line)

    def _overflow(self, line: str) -> int | None:
        """The index in `line` of the first character that does not fit, or None."""
        room = self._max - self._used
        if self._at_most(line) <= room:
            return None
        # Near the limit every prefix of the line is checked, since the text may arrive in any
        # pieces and the result must not depend on that.
        for index in range(self._surely_fits(line, room), len(line)):
            if not line[index].isspace() and self._needs(line[: index + 1]) > room:
                return index
        return None

    def _surely_fits(self, line: str, room: int) -> int:
        """How many characters of the line fit, whichever fence must be closed after them."""
        low, high = 0, len(line)
        while low < high:
            middle = (low + high + 1) // 2
            if self._at_most(line[:middle]) <= room:
                low = middle
            else:
                high = middle - 1
        return low

    def _at_most(self, line: str) -> int:
        """A cheap upper bound of `_needs` for the line and all of its prefixes."""
        units = self._units(line)
        opening = units + 1 if "```" in line or "~~~" in line else 0
        fence = self.context.fence
        return units + opening + (self._overhead(fence) if fence else 0)

    def _needs(self, line: str) -> int:
        """Units that `line` needs as the last line, including the fence closed after it."""
        needs = self._units(line)
        fence = self.context.fence
        if fence is not None and fence.perhaps_closed_by(line):
            return needs  # not longer than the line that closes it
        after = read_line(line, self.context)[1].fence
        return needs + (self._overhead(after) if after else 0)

    def _overhead(self, fence: Fence) -> int:
        """Units that closing the fence takes; 0 for one so long that it is not closed at cuts."""
        closing = self._units(f"\n{fence.closer}")
        opening = self._units(fence.reopened().opener)
        return closing if closing + opening <= self._max // 2 else 0

    # ---------------------------------------------------------------- cutting

    def _cut(self, overflow: int) -> None:
        """Close the part at the best position before the character at `overflow`."""
        head = self.window[: overflow + 1]
        kind, _ = read_line(head[self.line_start :], self.context)
        lines = [*self.lines, Line(self.line_start, kind, self.context)]

        def closed_at(offset: int) -> tuple[Piece, Context]:
            line = line_at(lines, offset)
            after = line.context
            if offset > line.start:
                after = read_line(head[line.start : offset], after)[1]
            closes = after.fence is not None and self._overhead(after.fence) > 0
            return self._piece(offset, after.fence if closes else None), after

        def fits(offset: int) -> bool:
            piece, _ = closed_at(offset)
            return piece.text != "" and self._units(piece.text) <= self._max

        cut = choose_cut(head, lines, self._lead, fits)
        if cut is None:
            blank = len(head) - len(head.lstrip())
            if blank > self._lead:
                self._skip_to(blank)
                return
            cut = max(overflow, 1)
        piece, after = closed_at(cut)
        self.closed.append(piece)
        self._begin(self.window[cut:], after)

    def _skip_to(self, offset: int) -> None:
        """Do not show the part before `offset`: it is more whitespace than fits a part."""
        self._lead = offset
        shown = self._units(self.window[offset : self.line_start])
        skipped = self._units(self.window[self.line_start : offset])
        self._used = self._units(self._prefix) + shown - skipped

    def _piece(self, stop: int, open_fence: Fence | None = None) -> Piece:
        """The growing part up to `stop`, with `open_fence` closed."""
        raw = self.window[:stop]
        shown = len(raw.rstrip())
        suffix = ""
        if open_fence is not None:
            suffix = open_fence.closer if shown == 0 else f"\n{open_fence.closer}"
        return Piece(raw, min(self._lead, shown), shown, self._prefix, suffix)
