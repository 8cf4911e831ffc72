"""Splits a Markdown text, which may still be streamed, into its top-level blocks.

The blocks are those of CommonMark (https://spec.commonmark.org) and tables: paragraphs, headings,
lists, code fences and so on. Between two blocks there is nothing but white space, so a text that is
drawn block by block is drawn completely.
"""

import re
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block of a text."""

    source: str
    start: int
    """Offset in the text, in characters."""
    code: str | None = None
    """The content of a block that is drawn as it is written: of a code fence, or of link reference
    definitions. None for every other block."""
    language: str = ""
    """The language that the fence names; "" where it names none."""
    fenced: bool = False
    """Whether it is a code fence. Its complete lines stay what they are, whatever is appended; no
    line of any other block is final before the block is."""

    @property
    def end(self) -> int:
        """Offset after its last character."""
        return self.start + len(self.source)


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables and strikethrough. HTML is off: tags are text and shown as written."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def blocks(text: str) -> list[Block]:
    """The top-level blocks of `text`, in order."""
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    found: list[Block] = []
    end = 0
    for token in parser().parse(text):
        if token.level or token.map is None or token.nesting < 0:
            continue
        first, last = token.map
        begin = starts[min(first, len(starts) - 1)]
        found += _without_token(text, end, begin)
        end = starts[min(last, len(starts) - 1)]
        found.append(_block(text[begin:end], begin, token))
    return found + _without_token(text, end, len(text))


def _block(source: str, start: int, token: Token) -> Block:
    if token.type != "fence":
        return Block(source, start)
    language = (token.info.split() or [""])[0]
    return Block(source, start, token.content, language, fenced=True)


def _without_token(text: str, start: int, end: int) -> list[Block]:
    """Text for which the parser emits no token, such as link reference definitions."""
    between = text[start:end]
    return [Block(between, start, between)] if between.strip() else []


def stable_length(text: str) -> int:
    """How many characters of `text` belong to blocks that stay the same whatever is appended.

    Only the last block can change, and where it begins is known from complete lines only.
    """
    complete_lines = text[: text.rfind("\n") + 1]
    found = blocks(complete_lines)
    while len(found) > 1 and _may_be_title(found[-2], found[-1]):
        found.pop()
    return found[-1].start if found else 0


def _may_be_title(definition: Block, block: Block) -> bool:
    """Whether `block` may turn out to be the title of a link reference definition, which can have
    several lines and begins on the line below the link."""
    undrawn = definition.code is not None and not definition.fenced
    return (
        undrawn and definition.end == block.start and block.source.lstrip()[:1] in ("'", '"', "(")
    )
