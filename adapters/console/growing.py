"""Draws an answer on a terminal while it is streamed; each of its lines ends up in the scrollback
exactly once.

Blocks that can no longer change are printed: they become part of the scrollback. The last block,
which still changes, is redrawn below them at each update (a Rich live display); where it is taller
than the screen only its end is visible until it is complete. The complete lines of a long code
block are printed before the block ends, so that one can scroll back to them.
"""

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment

from adapters.console.blocks import blocks, stable_length
from adapters.console.markdown import harmless, rendered, separated

SPARE_LINES = 2
"""Lines of the screen that stay free: for the cursor, and for lines that wrap after a resize."""

LONGEST_REDRAWN = 10_000
"""Characters. Of a block that is longer, only the end is parsed and redrawn at each update."""
_GROWTH = 1.25
"""How much such a block has to grow before it is parsed as a whole again, so that the cost of all
updates together is a few times that of one."""


class _Tail:
    """Renders the last lines of its content: as many as fit on the screen."""

    def __init__(self) -> None:
        self.content: RenderableType = Group()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self.content, options.update(height=None), pad=False)
        room = max(1, console.height - SPARE_LINES)
        for number, line in enumerate(lines[-room:]):
            if number:
                yield Segment.line()
            yield from line


class GrowingAnswer:
    """Draws one answer: call `update` with all of the text so far, any number of times, then
    `finish` or `close`. Control characters in the text are made visible (`markdown.harmless`)."""

    def __init__(self, console: Console, shown: str = "") -> None:
        """`shown`: the text of this answer that is on the screen already, from an earlier
        `GrowingAnswer`. The block in which it ended is drawn again from its beginning."""
        self._console = console
        self._tail = _Tail()
        self._live: Live | None = None
        shown = harmless(shown.strip())
        last = blocks(shown)[-1:]
        self._printed = shown[: last[0].start] if last else ""
        self._code_lines = 0
        """Lines already printed of the code block that follows `_printed`."""
        self._code_end = 0
        """The offset after these lines in the text after `_printed`."""
        self._parsed = 0
        """Characters after `_printed` when these were last parsed as a whole."""
        self._opener = ""
        """The first line of the block that follows `_printed`, where that is a code fence."""
        self._first = True

    def update(self, text: str) -> None:
        """Draw `text`, all of the answer so far. Text that does not continue what was printed is
        another answer and drawn below, from its beginning."""
        text = self._checked(text)
        if not text.strip():
            return
        if self._live is None:
            self._live = Live(
                self._tail,
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()
        rest = text[len(self._printed) :]
        printed: list[RenderableType] = []
        if len(rest) <= LONGEST_REDRAWN or len(rest) >= _GROWTH * self._parsed:
            printed, rest = self._print_final(rest)
        self._tail.content = Group(*self._end_of(rest))
        self._live.update(self._tail)
        if printed:
            self._console.print(Group(*printed))
        else:
            self._live.refresh()

    def finish(self, text: str) -> None:
        """Print the rest of `text`, the complete answer, and end the live display."""
        text = self._checked(text)
        printed = self._print_blocks(text[len(self._printed) :])
        self._tail.content = Group()
        if printed:
            self._console.print(Group(*printed))
        self.close()

    def close(self) -> None:
        """End the live display and leave the screen as it is. Idempotent."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _checked(self, text: str) -> str:
        text = harmless(text)
        if not text.startswith(self._printed):  # another answer: drawn below, from its beginning
            self._printed, self._code_lines, self._code_end, self._parsed = "", 0, 0, 0
        return text

    def _print_final(self, rest: str) -> tuple[list[RenderableType], str]:
        """What of `rest`, the text that is not printed yet, is to be printed for good, and the
        text after it."""
        end = stable_length(rest)
        printed = self._print_blocks(rest[:end])
        growing = rest[end:]
        printed += self._print_code_lines(growing)
        self._parsed = len(growing)
        first = blocks(growing[:LONGEST_REDRAWN])[:1]
        fenced = bool(first) and first[0].fenced
        self._opener = first[0].source.partition("\n")[0] + "\n" if fenced else ""
        return printed, growing

    def _end_of(self, growing: str) -> list[RenderableType]:
        """The block that still changes; of a very long one, the characters at its end that fit
        on a screen."""
        if len(growing) <= LONGEST_REDRAWN:
            return self._rendered(growing)
        start = len(growing) - self._console.width * self._console.height
        start = max(start, self._code_end - 1)
        start = growing.find("\n", max(0, start)) + 1 or start
        return separated(map(rendered, blocks(self._opener + growing[start:])), first=True)

    def _print_blocks(self, source: str) -> list[RenderableType]:
        """Count `source` as printed, and return what is to be printed for it."""
        printed = self._rendered(source)
        if source.strip():
            self._first, self._code_lines, self._code_end = False, 0, 0
        self._printed += source
        return printed

    def _print_code_lines(self, growing: str) -> list[RenderableType]:
        """Where the last block is a code fence and at least half a screen of its complete lines is
        not printed yet: count these as printed, and return what is to be printed for them."""
        found = blocks(growing)
        if len(found) != 1 or not found[0].fenced:
            return []
        complete = (found[0].code or "").count("\n")
        if complete - self._code_lines < self._console.height // 2:
            return []
        source = "".join(found[0].source.splitlines(keepends=True)[: complete + 1])
        printed = self._rendered(source)
        self._first, self._code_lines, self._code_end = False, _lines(source), len(source)
        return printed

    def _rendered(self, source: str) -> list[RenderableType]:
        """The blocks of `source`; of a code block at its beginning, the lines that are not printed
        yet."""
        found = blocks(source)
        if not self._code_lines or not found:
            return separated(map(rendered, found), first=self._first)
        rest = _lines(found[0].source) > self._code_lines
        head = [rendered(found[0], from_line=self._code_lines)] if rest else []
        return head + separated(map(rendered, found[1:]), first=False)


def _lines(source: str) -> int:
    """The number of lines that `source`, which is a code block, has on the screen."""
    code = blocks(source)[0].code or ""
    return code.rstrip().count("\n") + 1
