"""Splits a growing answer into parts that fit a platform's messages.

Guarantees:

- The parts' `raw` texts joined are exactly the answer.
- A closed part never changes, whatever follows and in whatever pieces it arrives: the position of a
  cut depends only on the text up to the first character that does not fit.
- A part's `text` has at most `max_units`. It differs from `raw` in two ways only: it lacks blank
  lines at its start (outside a code fence) and whitespace at its end; and where a cut is inside a
  code fence, emphasis, a code span or a spoiler, these are closed at the part's end and reopened
  at the start of the next. What the last part itself leaves open is not closed; on Discord, a code
  block is, and a spoiler while the text grows.
- No closed part is blank; the last one is blank only where the whole answer is.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.delivery.cutting import Line, choose_cut, line_at
from bot.delivery.markdown import Context, Fence, Kind, read_line
from bot.delivery.marks import SPOILER, Mark, open_marks
from bot.ports import Dialect

_MAY_OPEN = re.compile(r"[\s>*+\-\d.)]*+(?:```|~~~)")
_VISIBLE = re.compile(r"\S")
_PARAGRAPH = (Kind.TEXT, Kind.ITEM)
_FENCE, _QUOTED, _SPOILER = 1, 2, 4
_CLOSERS = ((_FENCE, "\n```"), (_QUOTED, "> "), (_SPOILER, SPOILER))

SMALLEST_PART = 16
"""Units. A smaller part has no room for a fence, or for the largest of characters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer: ``raw`` of it, shown as ``prefix + raw[start:stop] + suffix``."""

    raw: str
    start: int
    stop: int
    prefix: str = ""
    """Reopens what the previous part's suffix closed."""
    suffix: str = ""
    """Closes what the cut is inside of."""

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
    `dialect`: how the platform reads Markdown. Raises ValueError where `max_units` is below
    `SMALLEST_PART`.
    """

    def __init__(
        self,
        max_units: int,
        units: Callable[[str], int] = len,
        dialect: Dialect = Dialect.COMMONMARK,
    ) -> None:
        if max_units < SMALLEST_PART:
            raise ValueError(f"parts of {max_units} units are too small to cut text into")
        self._max = max_units
        self._units = units
        self.dialect = dialect
        self._discord = dialect is Dialect.DISCORD
        self.closed: list[Piece] = []
        """The parts that are final."""
        self._begin("", Context())

    def _begin(self, text: str, context: Context, marks: Sequence[Mark] = ()) -> None:
        """Start a new part with `text`; `context` and `marks` are what the previous part left
        open."""
        self._marks = "".join(mark.opener for mark in marks)
        self._prefix = self._marks
        fence = context.fence
        if self._discord:
            fenced = bool(marks) and marks[-1].is_fence
            context = Context(Fence("", "```", "") if fenced else None, context.in_list)
        elif fence is not None and self._overhead(fence):
            context = Context(fence.reopened(), context.in_list)
            self._prefix = fence.opener
        quotation, backticks, _ = self._prefix.partition("```")
        if self._discord and backticks and ">" in quotation and not text.lstrip().startswith(">"):
            self._prefix += quotation.lstrip("|*_~")  # the rest of a line of the quotation
        self._keeps_blank = "\n" in self._prefix
        """Whether the part begins with code, so that its first blank lines are shown."""
        self.window = text
        """The raw text of the growing part."""
        self.lines: list[Line] = []
        """Its complete lines."""
        self.context = context
        """What is open at the start of its last line, which is incomplete."""
        self.line_start = 0
        """The offset of that line."""
        self._base = self._units(self._prefix + "".join(mark.closer for mark in marks))
        self._used = self._base  # units before the last line, and of what closes the marks
        self._lead = 0  # offset of the first character that is shown
        self._closers = 0  # units of what the lines so far may need for a code block and a spoiler

    @property
    def rest(self) -> Piece:
        """The growing part, complete."""
        return self.rest_until(len(self.window))

    def rest_until(self, stop: int, *, grows: bool = False) -> Piece:
        """The growing part up to offset `stop`; with `grows`, more of the text is to come."""
        piece = self._piece(stop)
        if not self._discord and (grows or not self._marks):
            return piece
        reopened = len(self._marks)
        marks = [
            mark
            for mark in self._open_at(piece, self._lines_of(self.window), piece.stop)
            if mark.start < reopened or mark.is_fence or (grows and mark.is_essential)
        ]
        return self._piece(stop, _closers(marks))

    def feed(self, text: str) -> None:
        """Append to the text."""
        # In slices of a few parts' length, so that no step looks at more: the time is linear then.
        for start in range(0, len(text), 4 * self._max):
            self.window += text[start : start + 4 * self._max]
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
        kind, after = read_line(line, self.context, self.dialect)
        if self._discord:
            self._closers |= self._needed_closers(line)
        self.lines.append(Line(self.line_start, kind, self.context))
        self.line_start += len(line)
        self.context = after
        blank = kind is Kind.BLANK and not self._keeps_blank
        if blank and self._lead == self.line_start - len(line):
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
        for sign in _VISIBLE.finditer(line, self._surely_fits(line, room)):
            if self._needs(line[: sign.end()]) > room:
                return sign.start()
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
        if self._discord:
            return self._needs(line)
        units = self._units(line)
        opening = units + 1 if _MAY_OPEN.match(line) else 0
        fence = self.context.fence
        return units + opening + (self._overhead(fence) if fence else 0)

    def _needs(self, line: str) -> int:
        """Units that `line` needs as the last line, including the fence closed after it. On
        Discord, room is left in every part for closing whatever begins in it."""
        needs = self._units(line)
        if self._discord:
            closers = self._closers | self._needed_closers(line)
            return needs + sum(self._units(sign) for bit, sign in _CLOSERS if closers & bit)
        fence = self.context.fence
        if fence is not None and fence.perhaps_closed_by(line):
            return needs  # not longer than the line that closes it
        after = read_line(line, self.context)[1].fence
        return needs + (self._overhead(after) if after else 0)

    @staticmethod
    def _needed_closers(line: str) -> int:
        """What may have to be closed after `line` on Discord: bits of `_CLOSERS`."""
        fence = 0
        if "```" in line:
            fence = _FENCE | _QUOTED if line.lstrip().startswith(">") else _FENCE
        return fence | (_SPOILER if SPOILER in line else 0)

    def _overhead(self, fence: Fence) -> int:
        """Units that closing the fence takes; 0 for one so long that it is not closed at cuts."""
        closing = self._units(f"\n{fence.closer}")
        opening = self._units(fence.reopened().opener)
        return closing if closing + opening <= self._max // 2 else 0

    # ---------------------------------------------------------------- cutting

    def _cut(self, overflow: int) -> None:
        """Close the part at the best position before the character at `overflow`."""
        head = self.window[: overflow + 1]
        blank = len(head) - len(head.lstrip())
        if blank == overflow > self._lead:
            self._skip_to(overflow)
            return
        lines = self._lines_of(head)

        def closes_well(offset: int) -> bool:
            piece, marks = self._closed_at(lines, offset)
            apart = not _splits_marks(head, offset, marks)
            return apart and piece.text != "" and self._units(piece.text) <= self._max

        def fits(offset: int) -> bool:
            piece, _ = self._closed_at(lines, offset, strict=False)
            return piece.text != "" and self._units(piece.text) <= self._max

        cut = choose_cut(head, lines, self._lead, closes_well)
        strict = cut is not None
        cut = cut or choose_cut(head, lines, self._lead, fits)
        if cut is None and blank > self._lead:
            self._skip_to(blank)
            return
        cut = cut or max(overflow, 1)
        piece, marks = self._closed_at(lines, cut, strict=strict)
        self.closed.append(piece)
        self._begin(self.window[cut:], self._context_at(lines, cut), marks)

    def _closed_at(
        self, lines: Sequence[Line], offset: int, *, strict: bool = True
    ) -> tuple[Piece, list[Mark]]:
        """The part that a cut at `offset` closes, and the marks that it closes and the next part
        reopens. Not `strict`: only those for whose closing there is always room."""
        piece = self._piece(offset)
        marks = self._open_at(piece, lines, offset)
        if not strict:
            marks = [mark for mark in marks if mark.is_essential or mark.start < len(self._marks)]
        marks = self._short(marks)
        fence = self._context_at(lines, offset).fence
        if not self._discord and fence is not None and self._overhead(fence):
            suffix = fence.closer if piece.stop == 0 else f"\n{fence.closer}"
            return self._piece(offset, suffix), marks
        return self._piece(offset, _closers(marks)), marks

    def _open_at(self, piece: Piece, lines: Sequence[Line], offset: int) -> list[Mark]:
        """The marks that a cut at `offset` leaves open in `piece`, where they are not closed by the
        end of the block."""
        if self._discord:
            return open_marks(piece.text, Dialect.DISCORD)
        start = _paragraph_start(lines, offset)
        if start is None:
            return []
        if start > piece.start:
            text, before = piece.raw[start : piece.stop], len(piece.prefix)
        else:
            text, before = self._marks + piece.raw[piece.start : piece.stop], 0
        return [
            replace(mark, start=mark.start + before)
            for mark in open_marks(text, Dialect.COMMONMARK)
        ]

    def _short(self, marks: list[Mark]) -> list[Mark]:
        """Of `marks`, those that leave room for text when they are closed and reopened."""
        essential = [mark for mark in marks if mark.is_essential]
        for short in (marks, essential):
            signs = "".join(mark.opener + mark.closer for mark in short)
            if self._units(signs) <= self._max // 2:
                return short
        return [mark.plain for mark in essential]

    def _lines_of(self, head: str) -> list[Line]:
        """The lines of `head`, including the last one."""
        kind, _ = read_line(head[self.line_start :], self.context, self.dialect)
        return [*self.lines, Line(self.line_start, kind, self.context)]

    def _context_at(self, lines: Sequence[Line], offset: int) -> Context:
        """What is open at `offset`."""
        line = line_at(lines, offset)
        if offset == line.start:
            return line.context
        return read_line(self.window[line.start : offset], line.context, self.dialect)[1]

    def _skip_to(self, offset: int) -> None:
        """Do not show the part before `offset`: it is more whitespace than fits a part."""
        self._lead = offset
        shown = self._units(self.window[offset : self.line_start])
        skipped = self._units(self.window[self.line_start : offset])
        self._used = self._base + shown - skipped

    def _piece(self, stop: int, suffix: str = "") -> Piece:
        """The growing part up to `stop`, with `suffix`."""
        raw = self.window[:stop]
        shown = len(raw.rstrip())
        start = min(self._lead, shown)
        if self._marks and not self._keeps_blank:
            start = shown - len(raw[start:shown].lstrip())  # no mark opens before a space
        return Piece(raw, start, shown, self._prefix, suffix)


def _closers(marks: Sequence[Mark]) -> str:
    """What closes `marks`. One that nothing follows yet is not closed: the two would be read as
    one."""
    return "".join(mark.closer for mark in reversed(marks) if not mark.bare)


def _splits_marks(head: str, offset: int, marks: Sequence[Mark]) -> bool:
    """Whether a cut at `offset`, which leaves `marks` open, would be within a run of mark
    characters or after a backslash, or between an opening or closing mark and what it encloses."""
    before = head[offset - 1]
    if before == "\\" or (before in "`*_~|" and before == head[offset]):
        return True
    beside = head[:offset].rstrip()[-1:], head[offset:].lstrip()[:1]
    return any(
        mark.empty or mark.closer[0] in beside or mark.closer[-1] in beside for mark in marks
    )


def _paragraph_start(lines: Sequence[Line], offset: int) -> int | None:
    """The start of the paragraph that a cut at `offset` goes through, or None where it goes
    through none."""
    index = bisect_right(lines, offset, key=lambda line: line.start) - 1
    if lines[index].start == offset:
        if index == 0 or lines[index].kind is not Kind.TEXT:
            return None
        index -= 1
    if lines[index].kind not in (Kind.TEXT, Kind.ITEM):
        return None
    while index and lines[index].kind is Kind.TEXT and lines[index - 1].kind in _PARAGRAPH:
        index -= 1
    return lines[index].start
