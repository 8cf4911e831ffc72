"""Resolves ``[model] backend`` and ``device`` to what a start would use on this machine."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from bot.config import Settings
from bot.errors import ModelError
from bot.models.choose import DEMO_REASON, backend_and_device, interpreter
from bot.models.find import find_model
from bot.models.folder import ModelFolder
from bot.models.gguf import read_gguf
from bot.models.kind import require_suited
from bot.worker.backends.openvino import gguf_file
from bot.worker.backends.openvino.gguf_file import ROUNDED_NOTE
from bot.worker.gguf.files import is_gguf
from bot.worker.protocol import LoadError
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
    note: str = ""
    """What the operator should know of the model with this backend."""
    damaged: bool = False
    """`error` is about the model's file, which cannot be read, and not about the backends."""

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self.settings.model.backend


async def resolve_backend(settings: Settings) -> Resolved:
    """Resolve the backend as a start would: "auto" is decided by the worker's own code
    (`bot.worker.backends.choose`) in the model's interpreter, without loading the model. Never
    raises. The model may be missing: the choice then depends on the interpreter alone. A GGUF file
    that cannot be read is an error, because its content decides."""
    section = settings.model
    backend, device = backend_and_device(section)
    if backend != section.backend:
        return Resolved(_with_backend(settings, backend, device), DEMO_REASON)
    try:
        folder = await asyncio.to_thread(find_model, settings)
    except ModelError:
        folder = settings.path(section.name)
    if backend != "auto":
        note = await asyncio.to_thread(_note, folder, backend)
        return Resolved(_with_backend(settings, backend, device), note=note)
    if is_gguf(folder):
        try:
            await asyncio.to_thread(read_gguf, folder)
        except ModelError as error:
            return Resolved(settings, error=str(error), damaged=True)
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
        note = await asyncio.to_thread(_note, folder, chosen.model.backend)
        return Resolved(chosen, choice["reason"], advice=choice["advice"], note=note)
    except (ProcessFailed, LookupError) as exc:
        return Resolved(settings, error=str(exc))


def read_model(settings: Settings) -> ModelFolder:
    """The model of the settings, as a start reads it before it loads anything. Blocks. Raises
    ModelError where it is missing or damaged, and where nothing here runs it."""
    path = find_model(settings)
    require_suited(path, settings.model.backend)
    return ModelFolder.read(path)


def _note(model: Path, backend: str) -> str:
    """What is lost where this backend runs `model`; "" also where the file cannot be read."""
    if backend != "openvino" or not is_gguf(model):
        return ""
    try:
        return ROUNDED_NOTE if gguf_file.read_gguf(model).rounded else ""
    except LoadError:
        return ""


def _with_backend(settings: Settings, backend: str, device: str) -> Settings:
    section = settings.model.model_copy(update={"backend": backend, "device": device})
    return settings.model_copy(update={"model": section})
