"""Markdown within a paragraph: which marks are closed and which are still open.

An approximation of CommonMark (spec 0.31, section 6) that errs towards "open" only at the text's
end. Used to keep half a mark from being shown and to keep cuts out of marked text.
"""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      (?P<escape> \\. )
    | (?P<url>    https?://[^\s<>*)\]]*+ )
    | (?P<code>   `++ )
    | (?P<angle>  <[^\s<>]*+(?:>|\Z) )
    | (?P<link>   !?\[ )
    | (?P<end>    \] )
    | (?P<run>    \*++ | _++ | ~~++ | ~\Z | \|\|++ )
    """,
    re.VERBOSE | re.DOTALL,
)
_TARGET = re.compile(r"\((?:[^()\n]|\([^()\n]*\))*+\)")
_HALF_TARGET = re.compile(r"\((?:[^()\n]|\([^()\n]*(?:\)|\Z))*+\Z")


@dataclass(slots=True)
class _Opener:
    sign: str
    """``*``, ``_``, ``~``, ``|``, or ``[`` for a link."""
    count: int
    start: int


@dataclass(slots=True)
class Marks:
    """What `scan` found. Offsets are those of the text scanned."""

    closed: list[tuple[int, int]] = field(default_factory=list)
    """Spans of marked text, marks included, that are complete; they may nest."""
    open: list[int] = field(default_factory=list)
    """Where marks begin that nothing closes yet, in order."""

    def cut_by(self, offset: int) -> bool:
        """Whether a cut there would part marks that belong together."""
        return any(a < offset < b for a, b in self.closed) or any(a < offset for a in self.open)


def scan(text: str) -> Marks:
    """The marks in `text`: a paragraph, or as much of one as there is."""
    marks = Marks()
    openers: list[_Opener] = []
    at = 0
    while token := _TOKEN.search(text, at):
        at = token.end()
        match token.lastgroup:
            case "code":
                at = _code(text, token, marks)
            case "angle" | "url":
                _angle(text, token, marks)
            case "link":
                openers.append(_Opener("[", 1, token.start()))
            case "end":
                at = _link(text, token.start(), openers, marks)
            case "run":
                _run(text, token, openers, marks)
    marks.open += [opener.start for opener in openers]
    marks.open.sort()
    if (len(text) - len(text.rstrip("\\"))) % 2:
        marks.open.append(len(text) - 1)
    return marks


def _code(text: str, token: re.Match[str], marks: Marks) -> int:
    """A run of backticks: up to the next run of the same length; where to go on."""
    ticks = token[0]
    end = token.end()
    while (end := text.find(ticks, end)) >= 0:
        stop = end + len(ticks)
        if not text.startswith("`", stop) and text[end - 1] != "`":
            marks.closed.append((token.start(), stop))
            return stop
        while text.startswith("`", end):
            end += 1
    marks.open.append(token.start())
    return token.end()


def _angle(text: str, token: re.Match[str], marks: Marks) -> None:
    if token.lastgroup == "url" or token[0].endswith(">"):
        marks.closed.append(token.span())
    elif token.end() == len(text):
        marks.open.append(token.start())


def _link(text: str, bracket: int, openers: list[_Opener], marks: Marks) -> int:
    """A closing bracket: the link's target after it, if there is one; where to go on."""
    index = _last(openers, "[")
    after = bracket + 1
    if index is None:
        return after
    target = _TARGET.match(text, after)
    half = after == len(text) or _HALF_TARGET.match(text, after)
    if target is None and half:
        return after  # the opener stays open
    opener = openers.pop(index)
    if target is None:
        return after
    del openers[index:]
    marks.closed.append((opener.start, target.end()))
    return target.end()


def _run(text: str, token: re.Match[str], openers: list[_Opener], marks: Marks) -> None:
    """Emphasis: closes what it can of its own sign, and opens with the rest."""
    sign, count = token[0][0], len(token[0])
    before = text[token.start() - 1 : token.start()]
    after = text[token.end() : token.end() + 1]
    within = sign == "_" and before.isalnum() and (after.isalnum() or not after)
    closes = bool(before) and not before.isspace() and not (within and after)
    while closes and count and (index := _last(openers, sign)) is not None:
        opener = openers[index]
        taken = min(count, opener.count)
        count -= taken
        opener.count -= taken
        del openers[index + 1 :]
        if not opener.count:
            openers.pop()
            marks.closed.append((opener.start, token.end()))
    if count and not within and not after.isspace():
        openers.append(_Opener(sign, count, token.end() - count))


def _last(openers: list[_Opener], sign: str) -> int | None:
    for index in range(len(openers) - 1, -1, -1):
        if openers[index].sign == sign:
            return index
    return None
