"""Answers as plain text, for pipes and files: what was written is never taken back."""

import asyncio
from typing import TextIO

from adapters.console.markdown import harmless
from adapters.console.screen import LIMITS, MESSAGE, ONGOING, ScreenSurface
from bot.delivery import PLACEHOLDER
from bot.errors import MessageGone
from bot.messages import ModelInfo
from bot.ports import Part


class PlainText:
    """Text that is written bit by bit to `out`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._clean = harmless if out.isatty() else str
        self.unread = False
        """Nobody reads any more."""

    async def write(self, text: str) -> None:
        """Write it at once, in a thread: whoever reads the other end may be slow. Raises
        MessageGone where nobody reads any more."""
        try:
            await asyncio.to_thread(self._write_now, text)
        except BrokenPipeError as exc:
            self.unread = True
            raise MessageGone("nobody reads the answer any more") from exc

    def _write_now(self, text: str) -> None:
        if text:
            self._out.write(self._clean(text))
            self._out.flush()


class PlainSurface:
    """One answer, written as it grows, and a line break at its end."""

    limits = LIMITS

    def __init__(self, out: PlainText, shown: str = "") -> None:
        self._out = out
        self._written = shown.strip()
        self._ended = False

    async def send(self, part: Part) -> str:
        await self._show(part)
        return MESSAGE

    async def edit(self, message: str, part: Part) -> None:
        del message  # there is but one
        await self._show(part)

    async def remove(self, message: str) -> None:
        """What was written stays."""

    async def attach(self, name: str, text: str) -> None:
        """A stream takes no files, and its one message holds any answer."""

    def close(self) -> None:
        """Nothing was held back."""

    async def _show(self, part: Part) -> None:
        text = "" if part.text == PLACEHOLDER else part.text
        more = text.removeprefix(self._written) if text else ""
        if self._written and text and not text.startswith(self._written):
            more = f"\n{text}"  # another answer: what was written stays
        self._written = text or self._written
        ended = part.state not in ONGOING and bool(self._written)
        await self._out.write(more + "\n" * (ended and not self._ended))
        self._ended = ended


class PlainScreen:
    """Answers and what answers to commands go to `out`, what went wrong to `aside`; remarks in
    passing are left out."""

    def __init__(self, out: TextIO, aside: TextIO) -> None:
        self._out = out
        self._text = PlainText(out)
        self._aside = aside

    def surface(self, *, heading: str = "", shown: str = "") -> ScreenSurface:
        del heading
        return PlainSurface(self._text, shown)

    def greet(self, model: ModelInfo) -> None:
        """Left out."""

    def say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Left out."""

    def warn(self, text: str) -> None:
        print(text, file=self._aside, flush=True)

    def space(self) -> None:
        """Left out."""
