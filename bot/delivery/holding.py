"""Withholds incomplete Markdown at the end of a growing text.

While an answer is being generated, a reader should not see ``**bo``, half a link, the first line of
a table or half an emoji turn into something else a moment later. `shown_until` computes how much of
the text can be shown. A construct that stays incomplete is withheld for a bounded number of
characters; the caller bounds the time.
"""

import re
from collections.abc import Sequence

import regex

from bot.delivery.cutting import Line
from bot.delivery.inline import scan
from bot.delivery.markdown import Context, Kind, is_row, is_rule, read_line
from bot.ports import Dialect

LONGEST_MARK = 200
"""Characters. Emphasis, a link or a fence line that is still incomplete then is shown as it is."""
LONGEST_ROW = 500
"""Characters. The same for a table's header or row."""
_LOOK_BACK = 2000
"""Characters. How much of a paragraph is examined."""

_HALF_FENCE = re.compile(
    r"[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+(?:`{1,2}|~{1,2}|`{3,}[^`]*|~{3,}.*)\Z"
)
_EMPTY_FENCE = re.compile(r"`{3,}+[A-Za-z0-9_+\-.#]*+\s*+")
_HALF_BLOCK_MARK = re.compile(r"[ \t]*+(?:[-=+*#>_]++|\d{1,9}[.)]?)[ \t]*\Z")
"""What may become a bullet, a number, a heading, a quotation, a thematic break, or the line below a
heading's text."""
_LAST_GRAPHEMES = regex.compile(r"\X")
_GOES_ON = regex.compile(
    r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u200d\ufe0e\ufe0f"
    r"\U000e0020-\U000e007f]\Z"
)
_PAIR_OF_LETTERS = regex.compile(r"\p{Regional_Indicator}{2}\Z")


def shown_until(
    text: str,
    lines: Sequence[Line],
    line_start: int,
    context: Context,
    dialect: Dialect = Dialect.COMMONMARK,
) -> int:
    """How many characters of `text` can be shown while more of it is to come.

    `lines` are the complete lines of `text`; the incomplete last one begins at `line_start`, where
    `context` is open. The result is at least ``len(text) - LONGEST_ROW``.
    """
    line = text[line_start:]
    if dialect is Dialect.DISCORD:
        fence = _discord_fence(text, line, context)
    else:
        fence = _fence(text, lines, line, line_start, context)
    reasons = [
        (fence, LONGEST_MARK),
        (_grapheme(text), LONGEST_MARK),
    ]
    if context.fence is None:
        row = is_row(line, dialect)
        reasons.append((_table(text, lines, line, line_start, row), LONGEST_ROW))
        if _HALF_BLOCK_MARK.match(line):
            reasons.append((line_start, LONGEST_MARK))
        if not (row or (line == "" and lines and lines[-1].kind is not Kind.TEXT)):
            start = _paragraph(lines, line, line_start, len(text))
            reasons += [(start + mark, LONGEST_MARK) for mark in scan(text[start:]).open]
    held = [start for start, longest in reasons if len(text) - start <= longest]
    return min(held, default=len(text))


def _fence(text: str, lines: Sequence[Line], line: str, line_start: int, context: Context) -> int:
    """The start of an incomplete fence line, or of a fence without content; else the text's end."""
    if context.fence is None:
        return line_start if _HALF_FENCE.match(line) else len(text)
    half_closed = (
        line.strip() and context.fence.perhaps_closed_by(line) and not context.fence.closed_by(line)
    )
    start = line_start if half_closed else len(text)
    for opener in reversed(lines):
        if opener.kind is Kind.OPEN:
            _, _, content = text[opener.start : start].partition("\n")
            return start if content.strip() else opener.start
        if text[opener.start : line_start].strip():
            break
    return start


def _discord_fence(text: str, line: str, context: Context) -> int:
    """The start of a code block without content, of its language before the line's end, or of what
    may become the end of one; else the text's end."""
    if read_line(line, context, Dialect.DISCORD)[1].fence is None:
        return len(text) - len(line) if _HALF_FENCE.match(line) else len(text)
    start = text.rfind("```")
    while text.startswith("`", start - 1) and start > 0:
        start -= 1
    if _EMPTY_FENCE.fullmatch(text, start):
        return start
    return len(text) if text.endswith("```") else len(text.rstrip("`"))


def _table(text: str, lines: Sequence[Line], line: str, line_start: int, row: bool) -> int:
    """The start of a table's incomplete header or row; else the text's end. `row`: whether the
    incomplete `line` is a row."""
    first = len(lines)
    while first > 0 and lines[first - 1].kind is Kind.ROW:
        first -= 1
    starts = [line.start for line in lines[first:]] + [line_start]
    if len(starts) == 1:
        return line_start if row else len(text)
    if len(starts) == 2:
        return starts[0] if row or not line.strip() else len(text)
    table = is_rule(text[starts[1] : starts[2]])
    return line_start if table and row else len(text)


def _paragraph(lines: Sequence[Line], line: str, line_start: int, end: int) -> int:
    """The start of the paragraph in which the text ends, within `_LOOK_BACK`."""
    if read_line(line, Context())[0] is Kind.ITEM:
        return line_start
    start = line_start
    for before in reversed(lines):
        if before.kind not in (Kind.TEXT, Kind.ITEM) or end - before.start > _LOOK_BACK:
            break
        start = before.start
        if before.kind is Kind.ITEM:
            break
    return max(start, end - _LOOK_BACK)


def _grapheme(text: str) -> int:
    """The start of the last grapheme cluster where that is an emoji or half a flag, which may
    continue; else the text's end."""
    if not text or text[-1] < "\u200d" or not _GOES_ON.search(text, len(text) - 1):
        return len(text)
    tail = text[-64:]
    last = [match.start() for match in _LAST_GRAPHEMES.finditer(tail)][-1]
    if _PAIR_OF_LETTERS.fullmatch(tail, last):
        return len(text)
    return len(text) - len(tail) + last
