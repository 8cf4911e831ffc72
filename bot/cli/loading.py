"""Shows how far the model's loading is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.text import Text

from bot.config import Settings
from bot.generation import LoadProgress


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
