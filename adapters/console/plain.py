"""Answers as plain text for pipes and files: append-only, nothing that was written is changed."""

import asyncio
from collections.abc import Collection
from typing import TextIO

from adapters.console.markdown import harmless
from adapters.console.screen import LIMITS, MESSAGE, ScreenSurface
from bot.delivery import PLACEHOLDER
from bot.errors import MessageGone
from bot.messages import ModelInfo
from bot.ports import Part


class PlainText:
    """Writes text to `out`, flushed after each write. On a terminal, control characters are made
    visible; a file or a pipe gets the text unchanged."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._clean = harmless if out.isatty() else str
        self.unread = False
        """The reader closed the pipe (EPIPE); set by the first failing write."""

    async def write(self, text: str) -> None:
        """Write and flush, in a thread, since a pipe whose reader is slow blocks. Raises
        MessageGone where the reader closed the pipe."""
        try:
            await asyncio.to_thread(self._write_now, text)
        except BrokenPipeError as exc:
            self.unread = True
            raise MessageGone("the reader of the answer closed the pipe") from exc

    def _write_now(self, text: str) -> None:
        if text:
            self._out.write(self._clean(text))
            self._out.flush()


class PlainSurface:
    """One answer, written while it is streamed, with a newline at its end; a `bot.ports.Surface`.
    `shown` is the beginning that was written earlier. A text that does not continue what was
    written is another answer and written below, from its beginning."""

    limits = LIMITS

    def __init__(self, out: PlainText, shown: str = "") -> None:
        self._out = out
        self._written = shown.strip()
        self._ended = False

    async def send(self, part: Part) -> str:
        await self._show(part)
        return MESSAGE

    async def edit(self, message: str, part: Part) -> None:
        del message  # there is only one
        await self._show(part)

    async def remove(self, message: str) -> None:
        """Does nothing: what was written stays."""

    async def find(self, part: Part, known: Collection[str]) -> None:
        """A terminal has no history."""

    async def retire(self, message: str) -> None:
        """There are no buttons."""

    async def leave(self) -> None:
        """Nothing is shown beside the messages."""

    async def whisper(self, text: str) -> None:
        """Whoever asked sees the answer, or an error, anyway."""

    async def attach(self, name: str, text: str) -> None:
        """Does nothing: the one message holds an answer of any length."""

    def close(self) -> None:
        """Does nothing: every write is flushed."""

    async def _show(self, part: Part) -> None:
        text = "" if part.text == PLACEHOLDER else part.text
        more = text.removeprefix(self._written) if text else ""
        if self._written and text and not text.startswith(self._written):
            more = f"\n{text}"  # another answer: what was written stays
        self._written = text or self._written
        ended = not part.state.open and bool(self._written)
        await self._out.write(more + "\n" * (ended and not self._ended))
        self._ended = ended


class PlainScreen:
    """The output of a chat through pipes; a `Screen`. Answers and results of commands are written
    to `out`, errors to `errors`; greetings and remarks are omitted."""

    def __init__(self, out: TextIO, errors: TextIO) -> None:
        self._out = out
        self._text = PlainText(out)
        self._errors = errors

    def surface(self, *, heading: str = "", shown: str = "") -> ScreenSurface:
        del heading
        return PlainSurface(self._text, shown)

    def greet(self, model: ModelInfo) -> None:
        """Omitted."""

    def say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Omitted."""

    def warn(self, text: str) -> None:
        print(text, file=self._errors, flush=True)

    def space(self) -> None:
        """Omitted."""
