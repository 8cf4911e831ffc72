"""Resolves ``[model] backend`` and ``device`` to what a start would use on this machine."""

import asyncio
import json
from dataclasses import dataclass

from bot.config import Settings
from bot.errors import ModelError
from bot.models.choose import DEMO_REASON, backend_and_device, interpreter
from bot.models.find import find_model
from parley.doctor.interpreter import TIMEOUT, run_command
from parley.environments.llamacpp import server_path
from parley.python_process import ProcessFailed


@dataclass(frozen=True, slots=True)
class Resolved:
    """The backend that would run the model."""

    settings: Settings
    """With ``[model] backend`` and ``device`` as the worker gets them. The backend is still
    "auto" only where `error` says why it could not be resolved."""
    reason: str = ""
    """Why "auto" means this backend; "" where the settings name one."""
    error: str = ""
    advice: str = ""
    """How the model would be faster on this machine's CPU, where "auto" was resolved; see
    `bot.worker.backends.engine_choice.Choice`."""

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self.settings.model.backend


async def resolve_backend(settings: Settings) -> Resolved:
    """Resolve the backend as a start would: "auto" is decided by the worker's own code
    (`bot.worker.backends.choose`) in the model's interpreter, without loading the model. Never
    raises. The model may be missing: the choice then depends on the interpreter alone."""
    section = settings.model
    backend, device = backend_and_device(section)
    if backend != "auto":
        reason = DEMO_REASON if backend != section.backend else ""
        return Resolved(_with_backend(settings, backend, device), reason)
    try:
        folder = await asyncio.to_thread(find_model, settings)
    except ModelError:
        folder = settings.path(section.name)
    options = json.dumps(
        {
            "model": str(folder),
            "device": device,
            "low_bit": section.low_bit,
            "server": server_path(settings),
            "arguments": section.llamacpp.arguments,
            "max_parallel": section.max_parallel,
        }
    )
    try:
        choice = await run_command(
            "choose",
            options,
            python=interpreter(settings),
            passed_on=section.environment,
            timeout=TIMEOUT,
        )
        if choice["error"]:
            return Resolved(settings, error=choice["error"])
        chosen = _with_backend(settings, choice["backend"], device)
        return Resolved(chosen, choice["reason"], advice=choice["advice"])
    except (ProcessFailed, LookupError) as exc:
        return Resolved(settings, error=str(exc))


def _with_backend(settings: Settings, backend: str, device: str) -> Settings:
    section = settings.model.model_copy(update={"backend": backend, "device": device})
    return settings.model_copy(update={"model": section})
