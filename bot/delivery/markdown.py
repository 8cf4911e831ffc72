"""Block-level Markdown, as far as cutting needs it: the kind of a line, and the open code fence.

Lines end with ``\\n``. The rules are CommonMark's (https://spec.commonmark.org/0.31.2/, sections
4.5 and 5), with two deviations for models' output: an indented fence counts wherever a list item
came before it, and a line that starts with ``|`` is a table row (GitHub Flavored Markdown).

In Discord's dialect a code block may begin and end anywhere in a line (`marks` has the source).
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from bot.ports import Dialect


class Kind(Enum):
    """The kind of a line."""

    BLANK = auto()
    TEXT = auto()
    ITEM = auto()
    """The first line of a list item, a heading, or a quotation."""
    ROW = auto()
    """A table row."""
    OPEN = auto()
    """The opening line of a code fence."""
    CODE = auto()
    """A line within a code fence."""
    CLOSE = auto()
    """The closing line of a code fence."""


LONGEST_LANGUAGE = 24
"""Characters of a language with which a fence is reopened: a longer word is none, and might leave
no room in a message."""


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence."""

    lead: str
    """The prefix of the fence's lines after the first: spaces, or ``> `` in a quotation."""
    marker: str
    """The backticks or tildes."""
    language: str
    """The first word of the info string; "" for none, or one longer than `LONGEST_LANGUAGE`."""
    nested: bool = False
    """Whether it is in a list or a quotation."""

    @property
    def opener(self) -> str:
        """The line that reopens the fence in the next message, with its line break."""
        lead = self.lead if ">" in self.lead else self.lead[:3]
        return f"{lead}{self.marker}{self.language}\n"

    @property
    def closer(self) -> str:
        """The line that closes the fence, without a line break."""
        return f"{self.lead}{self.marker}"

    def reopened(self) -> "Fence":
        """The fence as `opener` opens it at the start of the next message."""
        lead = self.lead if ">" in self.lead else self.lead[:3]
        return Fence(lead, self.marker, self.language, self.nested)

    def closed_by(self, line: str) -> bool:
        """Whether `line` closes the fence."""
        run = self._run(line)
        return run is not None and len(run) >= len(self.marker)

    def perhaps_closed_by(self, line: str) -> bool:
        """Whether a line that starts with `line` can still become the closing one."""
        return self._run(line) is not None

    def _run(self, line: str) -> str | None:
        """The marker characters in `line`, or None where it contains anything else."""
        match = _CLOSER.match(line)
        if match is None or set(match["run"]) - {self.marker[0]}:
            return None
        indented = len(match["indent"]) > 3 and not self.nested
        return None if indented else match["run"]


@dataclass(frozen=True, slots=True)
class Context:
    """What is open at the start of a line."""

    fence: Fence | None = None
    in_list: bool = False


# The quantifiers are possessive, so that matching takes linear time.
_QUOTE = r"(?:[ ]{0,3}+>[ ]?+)*+"
_BULLET = r"(?:[ \t]*+(?:[-*+]|\d{1,9}[.)])[ \t]++)"
_OPENER = re.compile(
    rf"(?P<lead>(?P<quote>{_QUOTE})(?P<item>{_BULLET}*+)(?P<indent>[ \t]*))"
    r"(?:(?P<ticks>`{3,})(?P<info>[^`\n]*)|(?P<tildes>~{3,})(?P<other>[^\n]*))\n?\Z"
)
_CLOSER = re.compile(rf"{_QUOTE}(?P<indent>[ \t]*)(?P<run>[`~]*)[ \t\r]*\n?\Z")
_ITEM = re.compile(rf"{_BULLET}|[ ]{{0,3}}(?:\#{{1,6}}[ \t]|>)")
_LIST_ITEM = re.compile(_BULLET)
_LONGEST_CLOSER = 80
_TICKS = re.compile(r"\\[^0-9A-Za-z\s]|`++")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+\-.#]*+\n?\Z")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*\Z")


def read_line(
    line: str, context: Context, dialect: Dialect = Dialect.COMMONMARK
) -> tuple[Kind, Context]:
    """The kind of `line`, and what is open after it. An incomplete line is read as if it were
    complete."""
    if dialect is Dialect.DISCORD:
        return _read_discord_line(line, context)
    fence = context.fence
    if fence is not None and not (">" in fence.lead and not line.lstrip().startswith(">")):
        if fence.closed_by(line):
            return Kind.CLOSE, Context(None, context.in_list)
        return Kind.CODE, context
    if not line.strip():
        return Kind.BLANK, Context(None, context.in_list)
    if opened := _opened(line, context.in_list):
        return Kind.OPEN, Context(opened, context.in_list)
    return _read_prose(line, context)


def _read_prose(line: str, context: Context) -> tuple[Kind, Context]:
    in_list = bool(_LIST_ITEM.match(line)) or (context.in_list and line[0].isspace())
    if _ITEM.match(line):
        return Kind.ITEM, Context(None, in_list)
    return (Kind.ROW if is_row(line) else Kind.TEXT), Context(None, in_list)


def _read_discord_line(line: str, context: Context) -> tuple[Kind, Context]:
    before, after = context.fence, _discord_fence(line, context.fence)
    starts = line.lstrip(" \t>").startswith("```")
    if before is not None:
        closes = starts and after is None
        return (Kind.CLOSE if closes else Kind.CODE), Context(after, context.in_list)
    if not line.strip():
        return Kind.BLANK, Context(None, context.in_list)
    kind, read = _read_prose(line, context)
    if after is not None and starts:
        kind = Kind.OPEN
    elif kind is Kind.ROW and not is_row(line, Dialect.DISCORD):
        kind = Kind.TEXT
    return kind, Context(after, read.in_list)


def _discord_fence(line: str, fence: Fence | None) -> Fence | None:
    """The code block that is open after `line`, where `fence` is open before it."""
    at = 0
    while True:
        if fence is not None:
            end = line.find("```", at)
            if end < 0:
                return fence
            at, fence = end + 3, None
        token = _TICKS.search(line, at)
        if token is None:
            return None
        at = token.end()
        if token[0].startswith("```"):
            at = token.start() + 3
            language = _LANGUAGE.match(line, at)
            fence = Fence("", "```", language[0].rstrip("\n") if language else "")
        elif token[0].startswith("`"):
            at = code_end(line, token) or at


def code_end(text: str, opener: re.Match[str]) -> int | None:
    """Where the code span that `opener`, a run of backticks, begins is over: after the next run of
    the same length. None where there is no such run."""
    ticks, end = opener[0], opener.end()
    while (end := text.find(ticks, end)) >= 0:
        stop = end
        while text.startswith("`", stop):
            stop += 1
        if stop - end == len(ticks):
            return stop
        end = stop
    return None


def _opened(line: str, in_list: bool) -> Fence | None:
    if "```" not in line and "~~~" not in line:
        return None
    match = _OPENER.match(line)
    if match is None:
        return None
    nested = in_list or bool(match["item"]) or bool(match["quote"])
    if len(match["indent"]) > 3 and not nested:
        return None
    lead = re.sub(r"[^\s>]", " ", match["lead"])
    info = (match["info"] if match["ticks"] else match["other"]).split()
    language = info[0] if info and len(info[0]) <= LONGEST_LANGUAGE else ""
    return Fence(lead, match["ticks"] or match["tildes"], language, nested)


def is_row(line: str, dialect: Dialect = Dialect.COMMONMARK) -> bool:
    """Whether the line is a table row, and not the beginning of Discord's spoiler."""
    start = line.lstrip()[:2]
    return start[:1] == "|" and not (dialect is Dialect.DISCORD and start == "||")


def is_rule(line: str) -> bool:
    """Whether the line is a table's delimiter row, between header and body."""
    return "|" in line and _RULE.match(line) is not None


def closing(text: str) -> str:
    """The text to append in order to close the code fence that `text` leaves open; "" where none is
    open.

    For platforms that display an unclosed fence literally. `Splitter` reserves the space for it in
    a growing part and in the last one.
    """
    if "```" not in text and "~~~" not in text:
        return ""
    context = Context()
    *complete, last = text.split("\n")
    for line in complete:
        _, context = read_line(f"{line}\n", context)
    before = context.fence
    after = read_line(last, context)[1].fence
    if after is None or len(after.closer) > _LONGEST_CLOSER:
        return ""
    if last.strip() and before is not None and before.perhaps_closed_by(last):
        return before.marker[len(last.strip(" \t\r>")) :]  # part of it is there already
    return f"\n{after.closer}" if last else after.closer
