"""Renders Markdown for a terminal with Rich. Everything that the model wrote stays visible: link
targets, image sources, HTML tags and line breaks too."""

import re
from collections.abc import Iterable
from typing import ClassVar

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.segment import Segment
from rich.syntax import Syntax
from rich.text import Text

from adapters.console.blocks import Block, parser

CODE_THEME = "ansi_dark"
"""A Pygments style that uses the terminal's own colours: legible on light and dark ground."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """`text` with every character that could control the terminal (escape sequences, C0 and C1
    controls but tab and newline, bidirectional overrides) replaced by U+FFFD; CRLF becomes LF."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def rendered(block: Block, *, from_line: int = 0) -> RenderableType:
    """`block` as a Rich renderable; of a code fence, the lines from `from_line` (0-based) on."""
    if block.code is None:
        return _Trimmed(_Answer(block.source))
    return code_lines(block.code, block.language, from_line=from_line)


def code_lines(code: str, language: str, *, from_line: int = 0) -> RenderableType:
    """Highlighted code, indented by two columns so that it stands out without colours too."""
    lines = _highlighted(code.rstrip(), language).split("\n")[from_line:]
    text = Text("\n", overflow="fold").join(lines)
    return Padding(text, (0, 0, 0, 2), expand=False)


def _highlighted(code: str, language: str) -> Text:
    return Syntax("", language or "text", theme=CODE_THEME, word_wrap=True).highlight(code)


class _Trimmed:
    """Removes the empty lines that Rich draws above lists and around tables."""

    def __init__(self, content: RenderableType) -> None:
        self._content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._content, options.update(height=None), pad=False)
        filled = [n for n, line in enumerate(lines) if any(part.text.strip() for part in line)]
        for line in lines[filled[0] : filled[-1] + 1] if filled else ():
            yield from line
            yield Segment.line()


class _LeftHeading(Heading):
    LEVEL_ALIGN: ClassVar[dict[str, JustifyMethod]] = {}


class _Code(CodeBlock):
    """A code block inside a list or a block quote."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield code_lines(str(self.text), self.lexer_name)


class _Answer(Markdown):
    """Rich's Markdown with four differences: soft line breaks are kept, headings are left-aligned,
    links and images show their targets, and HTML tags are shown as text."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _Code,
        "code_block": _Code,
    }

    def __init__(self, source: str) -> None:
        super().__init__("", code_theme=CODE_THEME, hyperlinks=False)
        self.parsed = parser().parse(source)
        for token in self.parsed:
            for child in token.children or ():
                if child.type == "softbreak":
                    child.type = "hardbreak"
                elif child.type == "image":
                    child.type, child.tag, child.nesting = "text", "", 0
                    child.content = f"{child.content} ({child.attrs.get('src', '')})"
                    child.children = None


def separated(renderables: Iterable[RenderableType], *, first: bool) -> list[RenderableType]:
    """`renderables` with an empty line before each; with `first`, not before the first one."""
    spaced: list[RenderableType] = []
    for renderable in renderables:
        spaced += [renderable] if first and not spaced else [Text(), renderable]
    return spaced
