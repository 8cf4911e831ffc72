"""An answer cut into parts that fit a platform's messages, while the answer still grows.

Guarantees:

- The parts' `raw` texts, joined, are the answer, exactly.
- A part that is closed never changes, whatever comes after it and however it arrives: where to
  cut is decided from the text up to the first sign that does not fit, and from nothing else.
- A part's `text` fits in `max_units`. What it lacks of `raw` is whitespace: blank lines before a
  part that does not begin inside a code fence, and whitespace at the part's end. What it has
  besides is a fence that was cut, closed at the part's end and opened again at the next one's
  beginning. The last part's fence is left as the answer has it.
- No closed part is blank. The last one is only where the answer is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.delivery.cutting import Line, choose_cut, line_at
from bot.delivery.markdown import Context, Fence, Kind, read_line

SMALLEST_PART = 16
"""Units. Below that there is no room for a fence, nor for the largest of characters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer: ``raw`` of it, shown as ``prefix + raw[start:stop] + suffix``."""

    raw: str
    start: int
    stop: int
    prefix: str = ""
    """Opens the fence again that the part before had to close."""
    suffix: str = ""
    """Closes the fence that the cut left open."""

    @property
    def text(self) -> str:
        """What the message shows; "" where the piece is blank."""
        if self.stop <= self.start:
            return ""
        return f"{self.prefix}{self.raw[self.start : self.stop]}{self.suffix}"


def join(pieces: Iterable[Piece]) -> str:
    """The answer that was split."""
    return "".join(piece.raw for piece in pieces)


def split(text: str, max_units: int, units: Callable[[str], int] = len) -> list[Piece]:
    """All parts of a text that is whole; none for ""."""
    splitter = Splitter(max_units, units)
    splitter.feed(text)
    return [*splitter.closed, splitter.rest] if text else []


class Splitter:
    """Splits a text that grows. Each piece of text is looked at once or twice, not at every turn.

    `units` measures text as the platform does and must be additive:
    ``units(a + b) == units(a) + units(b)``, and at most a quarter of `max_units` for one character.
    """

    def __init__(self, max_units: int, units: Callable[[str], int] = len) -> None:
        if max_units < SMALLEST_PART:
            raise ValueError(f"parts of {max_units} units are too small to cut text into")
        self._max = max_units
        self._units = units
        self.closed: list[Piece] = []
        """The parts that will not change any more."""
        self._begin("", Context())

    def _begin(self, text: str, context: Context) -> None:
        """Start a new part that holds `text`, with `context` left open by the one before."""
        fence = context.fence
        if fence is not None and self._overhead(fence):
            context = Context(fence.reopened(), context.in_list)
            self._prefix = fence.opener
        else:
            self._prefix = ""
        self.window = text
        """The raw text of the part that grows."""
        self.lines: list[Line] = []
        """Its lines that are complete."""
        self.context = context
        """What is open at the beginning of its last line, the one that is not complete."""
        self.line_start = 0
        """Where that line begins."""
        self._used = self._units(self._prefix)  # units shown before the last line
        self._lead = 0  # where the shown text begins

    @property
    def rest(self) -> Piece:
        """The part that still grows, as it is."""
        return self._piece(len(self.window))

    def rest_until(self, stop: int) -> Piece:
        """`rest`, with everything from `stop` on held back."""
        return self._piece(stop)

    def feed(self, text: str) -> None:
        """Add to the text."""
        self.window += text
        while (overflow := self._read()) is not None:
            self._cut(overflow)

    # ---------------------------------------------------------------- reading lines

    def _read(self) -> int | None:
        """Read on, line by line; where the first sign is that does not fit, or None."""
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
        """The index in `line` of the first sign that does not fit."""
        room = self._max - self._used
        if self._at_most(line) <= room:
            return None
        # Near the edge every beginning of the line counts, as it would have looked by itself.
        for index in range(self._surely_fits(line, room), len(line)):
            if not line[index].isspace() and self._needs(line[: index + 1]) > room:
                return index
        return None

    def _surely_fits(self, line: str, room: int) -> int:
        """How many signs of the line fit, whichever fence is to be closed after them."""
        low, high = 0, len(line)
        while low < high:
            middle = (low + high + 1) // 2
            if self._at_most(line[:middle]) <= room:
                low = middle
            else:
                high = middle - 1
        return low

    def _at_most(self, line: str) -> int:
        """A quick bound of `_needs` for the line and for all of its beginnings."""
        units = self._units(line)
        opening = units + 1 if "```" in line or "~~~" in line else 0
        fence = self.context.fence
        return units + opening + (self._overhead(fence) if fence else 0)

    def _needs(self, line: str) -> int:
        """Units of the last line, were it `line`, and of the fence closed after it."""
        needs = self._units(line)
        fence = self.context.fence
        if fence is not None and fence.perhaps_closed_by(line):
            return needs  # not longer than the line that closes it
        after = read_line(line, self.context)[1].fence
        return needs + (self._overhead(after) if after else 0)

    def _overhead(self, fence: Fence) -> int:
        """Units that closing the fence takes; 0 for a monstrous one, which is not looked after."""
        closing = self._units(f"\n{fence.closer}")
        opening = self._units(fence.reopened().opener)
        return closing if closing + opening <= self._max // 2 else 0

    # ---------------------------------------------------------------- cutting

    def _cut(self, overflow: int) -> None:
        """Close the part somewhere before the sign at `overflow`, where it looks best."""
        head = self.window[: overflow + 1]
        kind, _ = read_line(head[self.line_start :], self.context)
        lines = [*self.lines, Line(self.line_start, kind, self.context)]

        def closed_at(offset: int) -> tuple[Piece, Context]:
            line = line_at(lines, offset)
            after = line.context
            if offset > line.start:
                after = read_line(head[line.start : offset], after)[1]
            looked_after = after.fence is not None and self._overhead(after.fence) > 0
            return self._piece(offset, after.fence if looked_after else None), after

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
        """Show nothing of the part before `offset`: it is more whitespace than a part holds."""
        self._lead = offset
        shown = self._units(self.window[offset : self.line_start])
        skipped = self._units(self.window[self.line_start : offset])
        self._used = self._units(self._prefix) + shown - skipped

    def _piece(self, stop: int, open_fence: Fence | None = None) -> Piece:
        """The growing part up to `stop`."""
        raw = self.window[:stop]
        shown = len(raw.rstrip())
        suffix = ""
        if open_fence is not None:
            suffix = open_fence.closer if shown == 0 else f"\n{open_fence.closer}"
        return Piece(raw, min(self._lead, shown), shown, self._prefix, suffix)
