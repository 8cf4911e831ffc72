"""Prints on standard error what the model thinks, while it thinks: ``parley ask --thinking``."""

import asyncio

from adapters.console.plain import PlainSurface, PlainText
from bot.delivery import PLACEHOLDER
from bot.engine.job import Job
from bot.errors import MessageGone
from bot.ports import Part


class PrintedThought:
    """The thought of one answer, written as it comes. A reader who closes the pipe ends it."""

    def __init__(self, out: PlainText) -> None:
        self._out = out
        self._job: Job | None = None
        self._written = ""
        self._open = False  # the last line has no end yet
        self._lock = asyncio.Lock()

    async def follow(self, job: Job) -> None:
        """Write until the answer has ended."""
        self._job = job
        while job.outcome is None:
            job.changed.clear()
            await self._write()
            await job.changed.wait()
        await self.end_line()

    async def end_line(self) -> None:
        """Write what there is, and end its line: the answer begins below it."""
        await self._write(end=True)

    async def _write(self, *, end: bool = False) -> None:
        async with self._lock:
            thought = self._job.thought if self._job is not None else ""
            more = thought.removeprefix(self._written)
            if not thought.startswith(self._written):  # begun anew
                more = f"\n{thought}" if self._open else thought
            self._written = thought
            self._open = self._open or bool(more)
            if end and self._open:
                more, self._open = f"{more}\n", False
            if not self._out.unread:
                await self._try(more)

    async def _try(self, text: str) -> None:
        try:
            await self._out.write(text)
        except MessageGone:  # nobody reads it: `PlainText.unread`
            return


class AnswerBelow(PlainSurface):
    """The answer on standard output, which begins where the thought has ended."""

    def __init__(self, out: PlainText, thought: PrintedThought) -> None:
        super().__init__(out)
        self._thought = thought

    async def _show(self, part: Part) -> None:
        if part.text != PLACEHOLDER:
            await self._thought.end_line()
        await super()._show(part)
