"""Where the blocks of an answer begin and end, while it still grows.

The blocks are CommonMark's (with tables): paragraphs, headings, lists, fences and so on, the
outermost ones only. No character is between two blocks but white space, so what is drawn block by
block is drawn whole.
"""

import re
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a text."""

    source: str
    start: int
    """Where it begins in the text, in characters."""
    code: str | None = None
    """The code in it, where it is a fence."""
    language: str = ""
    """Of the code, as the fence names it."""

    @property
    def end(self) -> int:
        return self.start + len(self.source)


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables and strikethrough, and without HTML: tags are shown as they stand."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def blocks(text: str) -> list[Block]:
    """The blocks of `text`, in order."""
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    found: list[Block] = []
    end = 0
    for token in parser().parse(text):
        if token.level or token.map is None or token.nesting < 0:
            continue
        first, last = token.map
        begin = starts[min(first, len(starts) - 1)]
        found += _unclaimed(text, end, begin)
        end = starts[min(last, len(starts) - 1)]
        found.append(_block(text[begin:end], begin, token))
    return found + _unclaimed(text, end, len(text))


def _block(source: str, start: int, token: Token) -> Block:
    if token.type != "fence":
        return Block(source, start)
    language = (token.info.split() or [""])[0]
    return Block(source, start, token.content, language)


def _unclaimed(text: str, start: int, end: int) -> list[Block]:
    """What the parser makes no token of, such as the targets of links."""
    between = text[start:end]
    return [Block(between, start, between)] if between.strip() else []


def finished(text: str) -> int:
    """How much of a text that grows at its end is in blocks that cannot change any more.

    Only the last block can, and only whole lines tell where it begins.
    """
    whole = text[: text.rfind("\n") + 1]
    found = blocks(whole)
    return found[-1].start if found else 0
