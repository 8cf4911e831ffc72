"""Which back end the settings come to on this machine, and why that one."""

import asyncio
from dataclasses import dataclass

from bot.config import Settings
from bot.errors import ModelError
from bot.models.choose import DEMO_REASON, backend_and_device, interpreter
from bot.models.find import find_model
from parley.doctor.probe import choose


@dataclass(frozen=True, slots=True)
class Chosen:
    """The back end that would run the model."""

    settings: Settings
    """With ``[model] backend`` and ``device`` as the worker gets them; "auto" is no back end any
    more, unless `error` says why it could not be told."""
    reason: str = ""
    """Why "auto" means this one; "" where the settings name one themselves."""
    error: str = ""

    @property
    def backend(self) -> str:
        """Its name."""
        return self.settings.model.backend


async def chosen(settings: Settings) -> Chosen:
    """What a start would take: the worker itself chooses, in its interpreter, and loads nothing.
    Never raises; a model that is missing is no reason not to choose."""
    section = settings.model
    backend, device = backend_and_device(section)
    if backend != "auto":
        reason = DEMO_REASON if backend != section.backend else ""
        return Chosen(_with(settings, backend, device), reason)
    try:
        folder = await asyncio.to_thread(find_model, settings)
    except ModelError:
        folder = settings.path(section.name)
    options = {"model": str(folder), "device": device, "low_bit": section.low_bit}
    found = await choose(options, interpreter(settings), section.environment)
    if found.error:
        return Chosen(settings, error=found.error)
    return Chosen(_with(settings, found.backend, device), found.reason)


def _with(settings: Settings, backend: str, device: str) -> Settings:
    section = settings.model.model_copy(update={"backend": backend, "device": device})
    return settings.model_copy(update={"model": section})
