"""Just enough of Markdown to cut it: what kind of line a line is, and which fence is open.

Lines end with ``\\n``. The rules are CommonMark's (spec 0.31, sections 4.5 and 5), with two
liberties that models' output needs: an indented fence counts wherever a list item came before it,
and a table row is a line that begins with ``|`` (GitHub's tables).
"""

import re
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a line is."""

    BLANK = auto()
    TEXT = auto()
    ITEM = auto()
    """Begins a list item, a heading or a quotation: a block of its own."""
    ROW = auto()
    """Of a table."""
    OPEN = auto()
    """Opens a fence."""
    CODE = auto()
    CLOSE = auto()
    """Closes the open fence."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A code fence that is open."""

    lead: str
    """What stands before the fence's marker on the lines after the first: spaces, or ``> ``."""
    marker: str
    language: str
    nested: bool = False
    """It stands in a list or a quotation."""

    @property
    def opener(self) -> str:
        """The line that opens the fence once more in another message."""
        lead = self.lead if ">" in self.lead else self.lead[:3]
        return f"{lead}{self.marker}{self.language}\n"

    @property
    def closer(self) -> str:
        """The line that closes it, without a line break."""
        return f"{self.lead}{self.marker}"

    def reopened(self) -> "Fence":
        """The fence as it is after `opener`, at the top of another message."""
        lead = self.lead if ">" in self.lead else self.lead[:3]
        return Fence(lead, self.marker, self.language, self.nested)

    def closed_by(self, line: str) -> bool:
        run = self._run(line)
        return run is not None and len(run) >= len(self.marker)

    def perhaps_closed_by(self, line: str) -> bool:
        """Whether a line that begins with `line` can still become the closing one."""
        return self._run(line) is not None

    def _run(self, line: str) -> str | None:
        """The marker's signs, where the line holds nothing else."""
        match = _CLOSER.match(line)
        if match is None or set(match["run"]) - {self.marker[0]}:
            return None
        indented = len(match["indent"]) > 3 and not self.nested
        return None if indented else match["run"]


@dataclass(frozen=True, slots=True)
class Context:
    """What is open at the beginning of a line."""

    fence: Fence | None = None
    in_list: bool = False


# The quantifiers are possessive: no line takes more than linear time.
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
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*\Z")


def read_line(line: str, context: Context) -> tuple[Kind, Context]:
    """The kind of `line`, and what is open after it. `line` may lack its end: it is then read as
    if nothing more came."""
    fence = context.fence
    if fence is not None and not (">" in fence.lead and not line.lstrip().startswith(">")):
        if fence.closed_by(line):
            return Kind.CLOSE, Context(None, context.in_list)
        return Kind.CODE, context
    if not line.strip():
        return Kind.BLANK, Context(None, context.in_list)
    if opened := _opened(line, context.in_list):
        return Kind.OPEN, Context(opened, context.in_list)
    in_list = bool(_LIST_ITEM.match(line)) or (context.in_list and line[0].isspace())
    if _ITEM.match(line):
        return Kind.ITEM, Context(None, in_list)
    return (Kind.ROW if is_row(line) else Kind.TEXT), Context(None, in_list)


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
    return Fence(lead, match["ticks"] or match["tildes"], info[0] if info else "", nested)


def is_row(line: str) -> bool:
    """Whether the line looks like a table's."""
    return line.lstrip().startswith("|")


def is_rule(line: str) -> bool:
    """Whether the line is the one between a table's head and its rows."""
    return "|" in line and _RULE.match(line) is not None


def closing(text: str) -> str:
    """What closes the fence that `text` leaves open, to be put after it; "" where none is open.

    For platforms that show an open fence as it is typed. A growing part and the answer's last part
    have room for it.
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
        return before.marker[len(last.strip(" \t\r>")) :]  # half of it is there
    return f"\n{after.closer}" if last else after.closer
