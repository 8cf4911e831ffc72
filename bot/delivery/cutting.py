"""Chooses where to cut a text that is too long for one message."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto

import regex

from bot.delivery.inline import Inlines, scan
from bot.delivery.markdown import Context, Kind, is_rule


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a part."""

    start: int
    """Its offset in the part's text."""
    kind: Kind
    context: Context
    """What is open at its start."""


class _Break(IntEnum):
    """The quality of a cut before a line, best first."""

    BLOCK = auto()
    LINE = auto()
    BLANK_IN_CODE = auto()
    IN_BLOCK = auto()
    """Between two lines of code or two rows of a table."""
    BAD = auto()
    """It would separate a heading or a table's header from what follows, leave an empty code block,
    or lose blank lines."""


_SENTENCE = re.compile(
    r"""[.!?…]++["'”’»)\]*_`]*+\s++ | [。！？．]++[」』”’）]*+\s*+""", re.VERBOSE
)
_WORD = re.compile(r"\s++")
_SPACES = re.compile(r"[^\S\n]++")
_GRAPHEME = regex.compile(r"\X")
_PROSE = (Kind.TEXT, Kind.ITEM)


def choose_cut(
    head: str, lines: Sequence[Line], lead: int, fits: Callable[[int], bool]
) -> int | None:
    """The best offset at which to cut `head`, of which all but the last character fits.

    `lines` are its lines, including the incomplete last one; the characters before offset `lead`
    are not shown. The result is at least 1 and less than ``len(head)``, and `fits` holds for it;
    None where `fits` holds for no offset.

    In this order: the end of a paragraph, a line, a line of code or of a table, a sentence, a word,
    each if the part is at least half full then; the same if it is at least an eighth full; any
    word; a grapheme cluster; a code point. Deterministic, so that the same text is always cut in
    the same places.
    """
    size = len(head) - lead
    breaks = [(line.start, _break(head, lines, i)) for i, line in enumerate(lines) if i]
    scans: dict[int, Inlines] = {}
    for least in (lead + size // 2, lead + size // 8):
        for offset in _ranked(head, lines, breaks, least, scans):
            if fits(offset):
                return offset
    for offset in _last_resorts(head):
        if fits(offset):
            return offset
    return None


def _ranked(
    head: str,
    lines: Sequence[Line],
    breaks: Sequence[tuple[int, _Break]],
    least: int,
    scans: dict[int, Inlines],
) -> Iterator[int]:
    """The offsets from `least` on, best first. `scans`: a cache for `_within_lines`."""
    for wanted in (_Break.BLOCK, _Break.LINE, _Break.BLANK_IN_CODE, _Break.IN_BLOCK):
        for offset, quality in reversed(breaks):
            if quality is wanted and offset >= least:
                yield offset
    yield from _within_lines(head, lines, _SENTENCE, least, scans)
    yield from _within_lines(head, lines, _WORD, least, scans)


def _within_lines(
    head: str,
    lines: Sequence[Line],
    pattern: re.Pattern[str],
    least: int,
    scans: dict[int, Inlines],
) -> Iterator[int]:
    """Offsets after a match of `pattern` in a line of prose, last first, except within emphasis,
    links and code spans."""
    stop = len(head)
    for line in reversed(lines):
        if line.start < stop and stop > least and line.kind in _PROSE:
            text = head[line.start : stop]
            inlines = scans.get(line.start) or scans.setdefault(line.start, scan(text))
            for match in reversed(list(pattern.finditer(text))):
                offset = line.start + match.end()
                if least <= offset < stop and not inlines.cut_by(match.end()):
                    yield offset
        stop = line.start


def _last_resorts(head: str) -> Iterator[int]:
    """Any word (in code, tables and emphasis too), any grapheme cluster, any code point."""
    words = [match.end() for match in _SPACES.finditer(head)]
    yield from (offset for offset in reversed(words) if len(head) // 8 <= offset < len(head))
    graphemes = [match.end() for match in _GRAPHEME.finditer(head)]
    yield from reversed(graphemes[:-1])
    yield from range(len(head) - 1, 0, -1)


def _break(head: str, lines: Sequence[Line], index: int) -> _Break:
    """The quality of a cut before line `index`, which is not the first."""
    line, before = lines[index], lines[index - 1]
    if line.kind in (Kind.CODE, Kind.CLOSE):
        return _break_in_code(head, lines, index)
    if line.kind is Kind.BLANK:
        return _Break.BAD  # better after all of the blank lines
    if before.kind is Kind.ROW and line.kind is Kind.ROW:
        return _Break.BAD if _in_table_head(head, lines, index) else _Break.IN_BLOCK
    if _after_heading(head, lines, index):
        return _Break.BAD
    apart = before.kind in (Kind.BLANK, Kind.ROW) or line.kind in (Kind.OPEN, Kind.ROW)
    return _Break.BLOCK if apart else _Break.LINE


def _break_in_code(head: str, lines: Sequence[Line], index: int) -> _Break:
    line, before = lines[index], lines[index - 1]
    if line.kind is Kind.CLOSE or before.context.fence is None:
        return _Break.BAD
    if _blank(head, lines, index - 1):
        return _Break.BAD  # blank lines at a part's end are not shown
    return _Break.BLANK_IN_CODE if _blank(head, lines, index) else _Break.IN_BLOCK


def _blank(head: str, lines: Sequence[Line], index: int) -> bool:
    stop = lines[index + 1].start if index + 1 < len(lines) else len(head)
    return not head[lines[index].start : stop].strip()


def _in_table_head(head: str, lines: Sequence[Line], index: int) -> bool:
    """Whether the row above the line is the table's header or its delimiter row."""
    above = head[lines[index - 1].start : lines[index].start]
    return index < 2 or lines[index - 2].kind is not Kind.ROW or is_rule(above)


def _after_heading(head: str, lines: Sequence[Line], index: int) -> bool:
    """Whether the nearest non-blank line above is a heading."""
    while index > 0 and lines[index - 1].kind is Kind.BLANK:
        index -= 1
    if index == 0:
        return False
    above = lines[index - 1]
    return above.kind is Kind.ITEM and head[above.start : above.start + 8].lstrip().startswith("#")


def line_at(lines: Sequence[Line], offset: int) -> Line:
    """The line that contains `offset`, or starts there."""
    return lines[bisect_right(lines, offset, key=lambda line: line.start) - 1]
