"""Asks and shows on a terminal, with prompt_toolkit and rich."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.checks import State
from parley.setup.asking import Choice, Left

SIGNS = {
    State.OK: ("✓", "green"),
    State.WARNING: ("!", "yellow"),
    State.FAILED: ("✗", "red"),
    State.SKIPPED: ("–", "dim"),
}


class TerminalAsker:
    """Asks on the terminal. A question stands on one line; choices are numbered above it. Of a
    secret only stars are shown. Ctrl-C and Ctrl-D leave."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def confirm(self, question: str, *, default: bool) -> bool:
        words = {"y": True, "yes": True, "n": False, "no": False, "": default}
        while True:
            typed = await self._read(f"{question} [{'Y/n' if default else 'y/N'}] ")
            if (answer := words.get(typed.strip().lower())) is not None:
                return answer
            self._hint("Type y or n.")

    async def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        keys = [choice.key for choice in choices]
        table = Table.grid(padding=(0, 2))
        for number, choice in enumerate(choices, 1):
            table.add_row(Text(f"{number:>4}", style="bold"), Text(choice.label))
        self._console.print(table)
        preset = keys.index(default) + 1
        while True:
            typed = (await self._read(f"{question} [{preset}] ")).strip()
            if not typed:
                return default
            if typed.isdecimal() and 1 <= int(typed) <= len(keys):
                return keys[int(typed) - 1]
            self._hint(f"Type a number from 1 to {len(keys)}, or press Enter for {preset}.")

    async def text(self, question: str, default: str = "") -> str:
        shown = f"{question} [{default}] " if default else f"{question} "
        return (await self._read(shown)).strip() or default

    async def secret(self, question: str) -> str:
        return await self._read(f"{question} ", secret=True)

    async def _read(self, prompt: str, *, secret: bool = False) -> str:
        session: PromptSession[str] = PromptSession(FormattedText([("bold", prompt)]))
        try:
            # Its own handler of SIGINT would stay away from the event loop's afterwards.
            return await session.prompt_async(is_password=secret, handle_sigint=False)
        except (KeyboardInterrupt, EOFError) as exc:
            raise Left from exc

    def _hint(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"))


class TerminalScreen:
    """Shows on standard output: in colours on a terminal, plain in a pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, title: str) -> None:
        self._console.print()
        self._console.print(Text(title, style="bold"))

    def say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=not self._console.is_terminal)

    def mark(self, state: State, text: str) -> None:
        sign, style = SIGNS[state]
        if not self._console.is_terminal:
            self._console.print(Text(f"{sign} {text}"), soft_wrap=True)
            return
        row = Table.grid(padding=(0, 1))
        row.add_row(Text(sign, style=style), Text(text, overflow="fold"))
        self._console.print(row)

    def block(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="cyan"), soft_wrap=True)
        self._console.print()

    def busy(self, what: str) -> AbstractContextManager[object]:
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return nullcontext()
        return self._console.status(Text(f"{what} …", style="dim"), spinner_style="dim")
