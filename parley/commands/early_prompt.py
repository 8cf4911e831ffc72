"""The prompt of `parley chat` while the model loads: what is typed early is answered first."""

import asyncio
import signal
from types import TracebackType
from typing import Self

from adapters.console.lines import REFRESH, TypedLines
from adapters.console.slash import ends_chat


class EarlyPrompt:
    """Prompts while the body of ``async with`` loads what answers; at the end of the body the
    prompt is removed, for the chat to show it again with what was typed.

    Where the person ends the chat meanwhile, the body is cancelled and `left` is set; that
    cancellation ends here."""

    def __init__(self, lines: TypedLines, below: str) -> None:
        """`below`: what the line under the prompt says at first."""
        self.left = False
        """The person ended the chat."""
        self._lines = lines
        self._below = below
        self._loaded = asyncio.Event()
        self._body: asyncio.Task[object] | None = None
        self._reading: asyncio.Task[None] | None = None

    def report(self, below: str) -> None:
        """Change the line under the prompt."""
        self._below = below

    async def __aenter__(self) -> Self:
        self._body = asyncio.current_task()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        assert self._body is not None
        assert self._reading is not None
        self._loaded.set()
        self._lines.end_early()
        await asyncio.wait([self._reading])
        if exc_type is not None and issubclass(exc_type, asyncio.CancelledError) and self.left:
            self._body.uncancel()
            return True
        if exc_type is None:
            self._reading.result()
        return False

    async def _read(self) -> None:
        line = await self._lines.read_early(lambda: self._below)
        if line is None or ends_chat(line):
            self.left = True
            if not self._loaded.is_set() and self._body is not None:
                self._body.cancel()
        elif line:
            with self._lines.interruptible(_raise_interrupt):
                await self._wait_with(line)

    async def _wait_with(self, line: str) -> None:
        """Show the submitted line, and how far loading is, until it is done."""
        # Imported only here: the prompt itself needs none of it.
        from rich.console import Console
        from rich.text import Text

        def text() -> Text:
            return Text(f"{line.splitlines()[0]}  {self._below}", style="dim", no_wrap=True)

        with Console(highlight=False).status(text(), spinner_style="dim") as status:
            while not self._loaded.is_set():
                status.update(text())
                await asyncio.sleep(REFRESH)


def _raise_interrupt() -> None:
    """Handles Ctrl-C while the terminal is in raw mode and nobody reads its keys."""
    signal.raise_signal(signal.SIGINT)
