"""Inline Markdown: which emphasis, links and code spans in a paragraph are closed, which open.

An approximation of CommonMark (https://spec.commonmark.org/0.31.2/, section 6). It errs towards
"open" only at the end of the text. Used to withhold incomplete constructs, and to keep cuts outside
complete ones.
"""

import re
from dataclasses import dataclass, field

from bot.delivery.markdown import code_end


class TokenPattern:
    """A regular expression of tokens, found by what they begin with.

    Most text has no token, and `re` looks for a set of characters ten times as fast as it tries
    alternatives at each character. It does so for a pattern whose alternatives all begin with a
    literal character, and no group.
    """

    def __init__(self, tokens: str, beginnings: str) -> None:
        """`tokens`: in re.VERBOSE, where ``.`` matches a line's end, too. `beginnings`: matches
        where a token may begin, and perhaps elsewhere."""
        self.tokens = re.compile(tokens, re.VERBOSE | re.DOTALL)
        self._beginnings = re.compile(beginnings)

    def search(self, text: str, at: int) -> re.Match[str] | None:
        """The first token from `at` on."""
        while beginning := self._beginnings.search(text, at):
            if token := self.tokens.match(text, beginning.start()):
                return token
            at = beginning.start() + 1
        return None


TOKEN = TokenPattern(
    r"""
      (?P<escape> \\. )
    | (?P<url>    https?://[^\s<>*)\]]*+ )
    | (?P<code>   `++ )
    | (?P<angle>  <[^\s<>]*+(?:>|\Z) )
    | (?P<link>   !?\[ )
    | (?P<end>    \] )
    | (?P<run>    \*++ | _++ | ~~++ | ~\Z | \|\|++ )
    """,
    r"\\|https?://|`|<|!\[|\[|\]|\*|_|~|\|\|",
)
_TARGET = re.compile(r"\((?:[^()\n]|\([^()\n]*\))*+\)")
_HALF_TARGET = re.compile(r"\((?:[^()\n]|\([^()\n]*(?:\)|\Z))*+\Z")


@dataclass(slots=True)
class Opener:
    """A delimiter run that may open emphasis, or the bracket of a link."""

    delimiter: str
    """``*``, ``_``, ``~``, ``|``, or ``[`` for a link."""
    count: int
    start: int


@dataclass(slots=True)
class Inlines:
    """The inline constructs that `scan` found, as offsets in the scanned text."""

    closed: list[tuple[int, int]] = field(default_factory=list)
    """Start and end of complete constructs, delimiters included; they may nest."""
    open: list[int] = field(default_factory=list)
    """The starts of constructs that are not closed, in ascending order."""

    def cut_by(self, offset: int) -> bool:
        """Whether a cut at `offset` would be within a construct."""
        return any(a < offset < b for a, b in self.closed) or any(a < offset for a in self.open)


def scan(text: str) -> Inlines:
    """Find the inline constructs in `text`, a paragraph or the beginning of one."""
    inlines = Inlines()
    openers: list[Opener] = []
    at = 0
    while token := TOKEN.search(text, at):
        at = token.end()
        match token.lastgroup:
            case "code":
                at = _code(text, token, inlines)
            case "angle" | "url":
                _angle(text, token, inlines)
            case "link":
                openers.append(Opener("[", 1, token.start()))
            case "end":
                at = _link(text, token.start(), openers, inlines)
            case "run":
                _run(text, token, openers, inlines)
    inlines.open += [opener.start for opener in openers]
    inlines.open.sort()
    if (len(text) - len(text.rstrip("\\"))) % 2:
        inlines.open.append(len(text) - 1)
    return inlines


def _code(text: str, token: re.Match[str], inlines: Inlines) -> int:
    """A code span: from a run of backticks to the next run of the same length. Returns where to
    continue."""
    stop = code_end(text, token)
    if stop is None:
        inlines.open.append(token.start())
        return token.end()
    inlines.closed.append((token.start(), stop))
    return stop


def _angle(text: str, token: re.Match[str], inlines: Inlines) -> None:
    if token.lastgroup == "url" or token[0].endswith(">"):
        inlines.closed.append(token.span())
    elif token.end() == len(text):
        inlines.open.append(token.start())


def _link(text: str, bracket: int, openers: list[Opener], inlines: Inlines) -> int:
    """A closing bracket, and the link's target where one follows. Returns where to continue."""
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
    inlines.closed.append((opener.start, target.end()))
    return target.end()


def _run(text: str, token: re.Match[str], openers: list[Opener], inlines: Inlines) -> None:
    inlines.closed += ((start, token.end()) for start in read_run(text, token, openers))


def read_run(text: str, token: re.Match[str], openers: list[Opener]) -> list[int]:
    """Read `token`, a delimiter run: it closes what it can of its own character in `openers`, and
    opens with the rest. Returns the starts of what it closed."""
    closed = []
    delimiter, count = token[0][0], len(token[0])
    before = text[token.start() - 1 : token.start()]
    after = text[token.end() : token.end() + 1]
    within = delimiter == "_" and before.isalnum() and (after.isalnum() or not after)
    closes = bool(before) and not before.isspace() and not (within and after)
    while closes and count and (index := _last(openers, delimiter)) is not None:
        opener = openers[index]
        taken = min(count, opener.count)
        count -= taken
        opener.count -= taken
        del openers[index + 1 :]
        if not opener.count:
            openers.pop()
            closed.append(opener.start)
    if count and not within and not after.isspace():
        openers.append(Opener(delimiter, count, token.end() - count))
    return closed


def _last(openers: list[Opener], delimiter: str) -> int | None:
    for index in range(len(openers) - 1, -1, -1):
        if openers[index].delimiter == delimiter:
            return index
    return None
