"""What the chat needs of a screen, and the one that is a terminal: colours and Markdown."""

import asyncio
from typing import Protocol

from rich.console import Console
from rich.status import Status
from rich.text import Text

from adapters.console.growing import GrowingAnswer
from adapters.console.markdown import harmless
from bot.delivery import PLACEHOLDER
from bot.messages import ModelInfo
from bot.ports import AnswerState, Part, Surface, SurfaceLimits

LIMITS = SurfaceLimits(max_units=1 << 30, budget="console", edits_per_second=15.0, burst=15)
"""One part holds any answer, and a terminal is drawn on as often as one can see."""

MESSAGE = "console"
"""The reference of every message: nothing on a terminal can be found again."""

ONGOING = (AnswerState.QUEUED, AnswerState.WRITING)


class ScreenSurface(Surface, Protocol):
    """Where one answer is shown."""

    def close(self) -> None:
        """Nothing more is shown here. Idempotent."""
        ...


class Screen(Protocol):
    """Where a chat takes place."""

    def surface(self, *, heading: str = "", shown: str = "") -> ScreenSurface:
        """Where one answer is shown, after `heading`; without `shown`, which can be read above."""
        ...

    def greet(self, model: ModelInfo) -> None:
        """Say who answers, at the beginning."""
        ...

    def say(self, text: str) -> None:
        """What answers to a command."""
        ...

    def note(self, text: str) -> None:
        """A remark in passing: for those who watch, not for those who read the output."""
        ...

    def warn(self, text: str) -> None:
        """What went wrong."""
        ...

    def space(self) -> None:
        """Set what follows apart from what was."""
        ...


class RichScreen:
    """A terminal that can move its cursor."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turn = asyncio.Lock()
        self._status: Status | None = None

    def surface(self, *, heading: str = "", shown: str = "") -> ScreenSurface:
        return _RichSurface(self, GrowingAnswer(self._console, shown), heading)

    def greet(self, model: ModelInfo) -> None:
        runs = "".join(f" · {fact}" for fact in (model.device, model.backend, model.low_bit))
        self._console.print(Text.assemble((f"You talk with {model.name}", "bold"), (runs, "dim")))
        self.note("/help lists the commands. Ctrl-C stops an answer; the word stop ends the chat.")

    def say(self, text: str) -> None:
        self._console.print(Text(harmless(text)))

    def note(self, text: str) -> None:
        self._console.print(Text(harmless(text), style="dim"))

    def warn(self, text: str) -> None:
        self._console.print(Text(harmless(text), style="red"))

    def space(self) -> None:
        self._console.print()

    # ---------------------------------------------------------------- one answer at a time

    async def take(self) -> None:
        """Wait until no other answer is drawn."""
        await self._turn.acquire()
        self.busy("")

    def give(self) -> None:
        self.busy("")
        self._turn.release()

    def busy(self, text: str) -> None:
        """Show that something is under way; "" shows it no longer."""
        if self._turn.locked() and text:
            return
        if not text:
            if self._status is not None:
                self._status.stop()
                self._status = None
        elif self._status is None:
            self._status = self._console.status(Text(text, style="dim"), spinner_style="dim")
            self._status.start()
        else:
            self._status.update(Text(text, style="dim"))


class _RichSurface:
    """One answer on a terminal."""

    limits = LIMITS

    def __init__(self, screen: RichScreen, growing: GrowingAnswer, heading: str) -> None:
        self._screen = screen
        self._growing = growing
        self._heading = heading
        self._taken = False

    async def send(self, part: Part) -> str:
        await self._show(part)
        return MESSAGE

    async def edit(self, message: str, part: Part) -> None:
        del message  # there is but one
        await self._show(part)

    async def remove(self, message: str) -> None:
        """What was shown stays."""

    async def attach(self, name: str, text: str) -> None:
        """A terminal takes no files, and its one message holds any answer."""

    async def _show(self, part: Part) -> None:
        waits = part.text == PLACEHOLDER
        if part.state in ONGOING and waits:
            self._screen.busy(part.note or "…")
            return
        await self._begin()
        if part.state in ONGOING:
            self._growing.update(part.text)
        else:
            self._growing.finish("" if waits else part.text)
            self.close()

    def close(self) -> None:
        self._growing.close()
        if self._taken:
            self._taken = False
            self._screen.give()

    async def _begin(self) -> None:
        if not self._taken:
            await self._screen.take()
            self._taken = True
        if self._heading:
            self._screen.note(self._heading)
            self._heading = ""
