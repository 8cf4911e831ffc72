"""What the commands that talk in the terminal share: the person, and the loading of the model."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext

from rich.console import Console
from rich.text import Text

from bot.config import Settings
from bot.generation import LoadProgress
from bot.messages import Person
from parley.app import Parley, parley
from parley.locks import PLATFORM

EDIT_INTERVAL = 1 / 15
"""Seconds between two drawings of a growing answer: a terminal has no rate limit."""


def person() -> Person:
    """Whoever sits at the terminal. Who may start the program may do everything in it."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in this container
        name = "you"
    return Person(PLATFORM, name, name, admin=True)


async def loaded(stack: AsyncExitStack, settings: Settings, console: Console) -> Parley:
    with loading(console, settings) as on_progress:
        return await stack.enter_async_context(
            parley(settings, on_progress=on_progress, edit_interval=EDIT_INTERVAL)
        )


@contextmanager
def loading(console: Console, settings: Settings) -> Iterator[Callable[[LoadProgress], None]]:
    """Show on `console`, where it is a terminal, that the model is loaded. What it gives takes the
    progress."""
    status = console.status(Text(_doing(settings), style="dim"), spinner_style="dim")

    def report(progress: LoadProgress) -> None:
        share = f" {100 * progress.done // progress.total} %" if progress.total else " …"
        status.update(Text(f"{progress.what}{share}", style="dim"))

    drawable = console.is_terminal and not console.is_dumb_terminal
    with status if drawable else nullcontext():
        yield report


def _doing(settings: Settings) -> str:
    if settings.model.backend == "openai":
        return f"Asking for {settings.model.openai.model or 'the model'} …"
    return f"Loading {settings.model.name} …"
