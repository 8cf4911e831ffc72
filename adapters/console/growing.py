"""An answer that grows on a terminal: every line of it ends up in the scrollback, once.

Blocks that are finished are printed for good. The last one, which still changes, is drawn anew
below them each time; of a block that is taller than the screen only its end is drawn, until it is
finished. Lines of a long code block are printed for good as soon as they are whole.
"""

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment

from adapters.console.blocks import blocks, finished
from adapters.console.markdown import apart, drawn, harmless

SPARE_LINES = 2
"""Of the screen's height, for the cursor and for what a resize shifts."""


class _Tail:
    """Draws the last lines of what it holds, as many as the screen has room for."""

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
    """Draws one answer. `update` with all of the text so far, then `finish` once."""

    def __init__(self, console: Console, shown: str = "") -> None:
        """`shown`: what an earlier drawing showed of this answer already. The block in which that
        ended is drawn again from its beginning."""
        self._console = console
        self._tail = _Tail()
        self._live: Live | None = None
        shown = harmless(shown.strip())
        last = blocks(shown)[-1:]
        self._done = shown[: last[0].start] if last else ""
        self._code_lines = 0
        """Lines that are printed for good, of the code block that comes after `_done`."""
        self._first = True

    def update(self, text: str) -> None:
        """Draw `text`, which goes on from the text before."""
        text = self._accepted(text)
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
        rest = text[len(self._done) :]
        end = finished(rest)
        printed = self._print_for_good(rest[:end])
        growing = rest[end:]
        printed += self._print_code(growing)
        self._tail.content = Group(*self._drawn(growing))
        self._live.update(self._tail)
        if printed:
            self._console.print(Group(*printed))
        else:
            self._live.refresh()

    def finish(self, text: str) -> None:
        """Draw what is left of `text`; nothing changes any more."""
        text = self._accepted(text)
        printed = self._print_for_good(text[len(self._done) :])
        self._tail.content = Group()
        if printed:
            self._console.print(Group(*printed))
        self.close()

    def close(self) -> None:
        """Leave the screen as it is. Idempotent."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _accepted(self, text: str) -> str:
        text = harmless(text)
        if not text.startswith(self._done):  # another answer: it is drawn below, whole
            self._done, self._code_lines = "", 0
        return text

    def _print_for_good(self, source: str) -> list[RenderableType]:
        printed = self._drawn(source)
        if source.strip():
            self._first, self._code_lines = False, 0
        self._done += source
        return printed

    def _print_code(self, growing: str) -> list[RenderableType]:
        """The whole lines of a code block that is about to outgrow the screen."""
        found = blocks(growing)
        if len(found) != 1 or found[0].code is None:
            return []
        whole = found[0].code.count("\n")
        if whole - self._code_lines < self._console.height // 2:
            return []
        source = "".join(found[0].source.splitlines(keepends=True)[: whole + 1])
        printed = self._drawn(source)
        self._first, self._code_lines = False, _lines(source)
        return printed

    def _drawn(self, source: str) -> list[RenderableType]:
        """The blocks of `source`, the first of them without the lines that are there already."""
        found = blocks(source)
        if not self._code_lines or not found:
            return apart(map(drawn, found), first=self._first)
        rest = _lines(found[0].source) > self._code_lines
        head = [drawn(found[0], from_line=self._code_lines)] if rest else []
        return head + apart(map(drawn, found[1:]), first=False)


def _lines(source: str) -> int:
    """How many lines of a code block are drawn."""
    code = blocks(source)[0].code or ""
    return code.rstrip().count("\n") + 1
