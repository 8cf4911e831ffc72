"""What `chat`, `ask` and `complete` share: the person at the terminal, and the model's loading."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext

from rich.console import Console
from rich.text import Text

from bot.config import Settings
from bot.generation import LoadProgress
from bot.messages import Person
from parley.app import Parley, open_parley
from parley.loading import first_status, progress_text
from parley.options import PLATFORM

EDIT_INTERVAL = 1 / 15
"""Seconds between two redraws of a growing answer. A terminal has no rate limit."""


def local_person() -> Person:
    """The operating system's user, with admin rights: whoever can start the program can change
    everything in it."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without an entry for this user id
        name = "you"
    return Person(PLATFORM, name, name, admin=True)


async def load_parley(stack: AsyncExitStack, settings: Settings, console: Console) -> Parley:
    """Open everything that answers questions, on `stack`, with the model's progress on `console`.
    Raises what `open_parley` raises."""
    with load_progress(console, settings) as on_progress:
        return await stack.enter_async_context(
            open_parley(
                settings, on_progress=on_progress, edit_interval=EDIT_INTERVAL, fold_thoughts=False
            )
        )


@contextmanager
def load_progress(console: Console, settings: Settings) -> Iterator[Callable[[LoadProgress], None]]:
    """Show a spinner for the model's loading while the body runs, if `console` is a terminal.
    Yields the function that updates it."""
    status = console.status(Text(first_status(settings), style="dim"), spinner_style="dim")

    def report(progress: LoadProgress) -> None:
        status.update(Text(progress_text(progress), style="dim"))

    drawable = console.is_terminal and not console.is_dumb_terminal
    with status if drawable else nullcontext():
        yield report
