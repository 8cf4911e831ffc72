"""The `Screen` protocol, by which a chat shows things, and its implementation for terminals."""

import asyncio
from collections.abc import Collection
from typing import Protocol

from rich.console import Console
from rich.status import Status
from rich.text import Text

from adapters.console.growing import GrowingAnswer
from adapters.console.markdown import harmless
from bot.delivery import PLACEHOLDER
from bot.messages import ModelInfo
from bot.models.find import DEMO_NAME
from bot.ports import Part, Surface, SurfaceLimits

LIMITS = SurfaceLimits(max_units=1 << 30, budget="console", edits_per_second=15.0, burst=15)
"""One part holds an answer of any length; a terminal is redrawn 15 times a second at most."""

MESSAGE = "console"
"""The reference of every message: what was printed on a terminal cannot be addressed again."""


DEMO_WELCOME = (
    "This is the small demo model of Parley: it shows that everything works, and knows little.\n"
    "Try “Hello, my name is Ana.”, “What can you do?” or “How do I put you on Discord?”\n"
    "For a real model: “parley model recommend” names those that fit this machine, and "
    "“parley setup” sets one up, together with Discord and Slack."
)
"""Shown at the start of a chat with the demo model."""


class ScreenSurface(Surface, Protocol):
    """Shows one answer."""

    def close(self) -> None:
        """Release the screen; nothing more may be shown on this surface. Idempotent."""
        ...


class Screen(Protocol):
    """The output of a chat."""

    def surface(self, *, heading: str = "", shown: str = "") -> ScreenSurface:
        """A surface for one answer. `heading` is printed above its first text; `shown` is the
        beginning of the answer that is on the screen already and not printed again."""
        ...

    def greet(self, model: ModelInfo) -> None:
        """Show which model answers, at the start of the chat."""
        ...

    def say(self, text: str) -> None:
        """Show the result of a command."""
        ...

    def note(self, text: str) -> None:
        """Show a remark to somebody at a terminal; it is not part of the output of a pipe."""
        ...

    def warn(self, text: str) -> None:
        """Show an error."""
        ...

    def space(self) -> None:
        """Print an empty line between two exchanges."""
        ...


class RichScreen:
    """A terminal with cursor control: answers are redrawn in place. Surfaces may be used at the
    same time; they draw one after the other, each from its first text to its end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawing = asyncio.Lock()
        self._status: Status | None = None

    def surface(self, *, heading: str = "", shown: str = "") -> ScreenSurface:
        return _RichSurface(self, GrowingAnswer(self._console, shown), heading, begun=bool(shown))

    def greet(self, model: ModelInfo) -> None:
        runs = "".join(f" · {fact}" for fact in (model.device, model.backend, model.low_bit))
        self._console.print(Text.assemble((f"You talk with {model.name}", "bold"), (runs, "dim")))
        if model.name == DEMO_NAME:
            self.note(DEMO_WELCOME)
        self.note("/help lists the commands. Ctrl-C stops an answer; the word stop ends the chat.")

    def say(self, text: str) -> None:
        self._console.print(Text(harmless(text)))

    def note(self, text: str) -> None:
        self._console.print(Text(harmless(text), style="dim"))

    def thought(self, lines: str) -> None:
        """Show the beginning of what the model thought, dimmed, above its answer."""
        for line in lines.split("\n"):
            self._console.print(Text(f"│ {harmless(line)}", style="dim italic"))
        self._console.print()

    def warn(self, text: str) -> None:
        self._console.print(Text(harmless(text), style="red"))

    def space(self) -> None:
        self._console.print()

    # ---------------------------------------------------------------- one answer at a time

    async def acquire(self) -> None:
        """Wait until no other answer is being drawn, and reserve the screen. Not reentrant."""
        await self._drawing.acquire()
        self.show_activity("")

    def release(self) -> None:
        """Let the next surface draw."""
        self.show_activity("")
        self._drawing.release()

    def show_activity(self, text: str) -> None:
        """Show a spinner with `text`, where no answer is being drawn; "" removes it."""
        if self._drawing.locked() and text:
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
    """One answer on a terminal; a `bot.ports.Surface`."""

    limits = LIMITS

    def __init__(
        self, screen: RichScreen, growing: GrowingAnswer, heading: str, *, begun: bool
    ) -> None:
        self._screen = screen
        self._growing = growing
        self._heading = heading
        self._acquired = False
        self._thought_shown = begun

    async def send(self, part: Part) -> str:
        await self._show(part)
        return MESSAGE

    async def edit(self, message: str, part: Part) -> None:
        del message  # there is only one
        await self._show(part)

    async def remove(self, message: str) -> None:
        """Does nothing: what was printed stays."""

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

    async def _show(self, part: Part) -> None:
        waiting = part.text == PLACEHOLDER
        if part.state.open and waiting:
            self._screen.show_activity(part.note or "…")
            return
        await self._begin()
        if part.thought and not self._thought_shown:
            self._thought_shown = True
            self._screen.thought(part.thought)
        if part.state.open:
            self._growing.update(part.text)
        else:
            self._growing.finish("" if waiting else part.text)
            self.close()

    def close(self) -> None:
        self._growing.close()
        if self._acquired:
            self._acquired = False
            self._screen.release()

    async def _begin(self) -> None:
        if not self._acquired:
            await self._screen.acquire()
            self._acquired = True
        if self._heading:
            self._screen.note(self._heading)
            self._heading = ""
