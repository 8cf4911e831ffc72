"""Shows how far the model's loading is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.text import Text

from bot.generation import LoadProgress


@contextmanager
def loading(console: Console, name: str) -> Iterator[Callable[[LoadProgress], None]]:
    """Show on `console`, where it is a terminal, that the model `name` is loaded. What it gives
    takes the progress."""
    status = console.status(Text(f"Loading {name} …", style="dim"), spinner_style="dim")

    def report(progress: LoadProgress) -> None:
        share = f" {100 * progress.done // progress.total} %" if progress.total else " …"
        status.update(Text(f"{progress.what}{share}", style="dim"))

    drawable = console.is_terminal and not console.is_dumb_terminal
    with status if drawable else nullcontext():
        yield report
