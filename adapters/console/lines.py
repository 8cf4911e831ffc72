"""Where the lines of a chat come from: a keyboard, or a pipe."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import HTML, FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.styles import Style

from adapters.console.slash import COMMANDS

REFRESH = 0.1
"""Seconds after which the line below an early prompt is drawn again."""

_UNSUBMITTED = "\0"
"""The result of a prompt that nobody submitted; a terminal cannot type it."""

READ_AHEAD = 16
"""Lines of a pipe that are buffered before `read` asks for them."""


class Lines(Protocol):
    """Questions and commands, one at a time."""

    async def read(self) -> str | None:
        """The next line; None at the end of the input."""
        ...

    def interruptible(self, interrupt: Callable[[], None]) -> AbstractContextManager[None]:
        """While the body runs, each Ctrl-C calls `interrupt` on the event loop."""
        ...


# ---------------------------------------------------------------- typed


class TypedLines:
    """Lines typed on a terminal, with editing, history and completion of commands.

    Outside of `read` the terminal echoes nothing, so that keys do not garble an answer; what is
    typed meanwhile appears at the next prompt. Enter submits, Alt-Enter inserts a newline, Ctrl-C
    clears the input and on an empty one ends the chat, as Ctrl-D does."""

    def __init__(self, source: Input) -> None:
        self._input = source
        self._history = InMemoryHistory()
        self._early = False
        self._typed = ""
        """What was typed at an early prompt, and not submitted."""
        self._submitted: str | None = None
        """What was submitted there."""
        self._session: PromptSession[str] = PromptSession(
            HTML("<b>&gt; </b>"),
            input=source,
            multiline=True,
            prompt_continuation="  ",
            history=self._history,
            completer=_CommandCompleter(),
            complete_while_typing=Condition(self._begins_with_slash),
            reserve_space_for_menu=4,
            key_bindings=_key_bindings(),
            style=Style([("bottom-toolbar", "noreverse"), ("below", "noreverse ansibrightblack")]),
        )

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["TypedLines"]:
        """Put the terminal into raw mode while the body runs."""
        source = create_input()
        with source.raw_mode():
            yield cls(source)

    def remember(self, earlier: Iterable[str]) -> None:
        """Add earlier questions, oldest first, to the history that the up arrow shows. To be called
        before the first `read`."""
        for text in earlier:
            self._history.append_string(text)

    async def read(self) -> str | None:
        submitted, self._submitted = self._submitted, None
        if submitted is not None:
            self._echo(submitted)
            return submitted
        typed, self._typed = self._typed, ""
        try:
            return await self._session.prompt_async(default=typed)
        except EOFError:
            return None

    async def read_early(self, below: Callable[[], str]) -> str | None:
        """Prompt before anybody can answer, with the line `below` under it, until a line is
        submitted or `end_early` is called. The prompt is removed then; the next `read` shows again
        what was typed. Returns the submitted line, "" for none, None where the person ended the
        chat."""
        session = self._session
        session.bottom_toolbar = lambda: [("class:below", f" {below()}")]
        session.refresh_interval = REFRESH
        session.app.erase_when_done = True
        self._early = True
        try:
            line = await session.prompt_async()
        except EOFError:
            return None
        finally:
            self._early = False
            session.app.erase_when_done = False
            session.bottom_toolbar, session.refresh_interval = None, 0
        if line is not _UNSUBMITTED:
            self._submitted = line
            return line
        return ""

    def end_early(self) -> None:
        """End `read_early`, if it still waits for a line."""
        app = self._session.app
        if self._early and app.is_running and app.future is not None and not app.future.done():
            self._typed = self._session.default_buffer.text
            app.exit(result=_UNSUBMITTED)

    def _echo(self, line: str) -> None:
        """Show a submitted line as the prompt did."""
        first, *others = line.split("\n")
        shown = [("bold", "> "), ("", first), *(("", f"\n  {other}") for other in others)]
        print_formatted_text(FormattedText(shown), output=self._session.output)

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        typed: list[KeyPress] = []

        def ready() -> None:
            for press in self._input.read_keys():
                if press.key == Keys.ControlC:
                    interrupt()
                else:
                    typed.append(press)

        with self._input.attach(ready):
            yield
        store_typeahead(self._input, typed)

    def _begins_with_slash(self) -> bool:
        return self._session.default_buffer.text.startswith("/")


class _CommandCompleter(Completer):
    """Completes the names of commands after a slash."""

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        del complete_event
        typed = document.text_before_cursor
        for command in COMMANDS:
            word = f"/{command.name}"
            if typed.startswith("/") and word.startswith(typed):
                yield Completion(word, -len(typed), display_meta=command.help)


def _key_bindings() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _submit(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def _clear_or_exit(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=EOFError)

    return keys


# ---------------------------------------------------------------- piped


class PipedLines:
    """Lines of a pipe or a file, decoded as UTF-8 with replacement characters. `interruptible` does
    nothing: Ctrl-C is no key here but the signal SIGINT, which ends the program."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(READ_AHEAD)
        # A daemon thread, since a blocking read from a pipe cannot be interrupted at shutdown.
        threading.Thread(target=self._read_all, daemon=True).start()

    async def read(self) -> str | None:
        return await self._lines.get()

    def interruptible(self, interrupt: Callable[[], None]) -> AbstractContextManager[None]:
        del interrupt
        return nullcontext()

    def _read_all(self) -> None:
        rest = b""
        while data := self._source.read(1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if not self._put(line):
                    return
        if not rest or self._put(rest):
            self._put(None)

    def _put(self, line: bytes | None) -> bool:
        """Queue a line, None for the end; blocks while the queue is full. False where the event
        loop has ended."""
        text = None if line is None else line.decode("utf-8", "replace").rstrip("\r")
        try:
            asyncio.run_coroutine_threadsafe(self._lines.put(text), self._loop).result()
        except (RuntimeError, asyncio.CancelledError):
            return False
        return True
