"""What people read while a model loads. Imports next to nothing: `parley chat` needs it first."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.generation import LoadProgress


def first_status(settings: "Settings") -> str:
    """What is loaded or connected to, before there is any progress."""
    if settings.model.backend == "openai":
        return f"Connecting to the server of {settings.model.openai.model or 'the model'} …"
    return f"Loading {settings.model.name} …"


def progress_text(progress: "LoadProgress") -> str:
    """How far loading is, in one line."""
    share = f" {100 * progress.done // progress.total} %" if progress.total else " …"
    return f"{progress.what}{share}"
