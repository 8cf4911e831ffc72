"""Which backend, device and interpreter the settings mean, before the hardware is looked at."""

from bot.config import ModelSettings, Settings
from bot.models.find import DEMO

_DEFAULTS = ("auto", "auto", "")
_SECTIONS = ("scripted", "openvino", "torch", "ipex", "llamacpp", "openai")
"""The backends that have settings of their own, ``[model.NAME]``."""
DEMO_REASON = "the demo model is at its best on a CPU"


def backend_and_device(section: ModelSettings) -> tuple[str, str]:
    """The backend and the device of ``[model]``; "auto" is left to the worker to resolve.

    With default settings the demo model runs with OpenVINO on the CPU: it is small, and compiling
    it for a GPU would take longer than the GPU saves.
    """
    if section.name == DEMO and (section.backend, section.device, section.python) == _DEFAULTS:
        return "openvino", "cpu"
    return section.backend, section.device


def interpreter(settings: Settings) -> str:
    """``[model] python`` as a path; "" for the interpreter that runs Parley."""
    return str(settings.path(settings.model.python)) if settings.model.python else ""


def without_effect(section: ModelSettings, backend: str) -> tuple[str, ...]:
    """Which settings are of another backend than the one that is used: a line for each
    ``[model.NAME]`` in which something is not as by default. Nothing while `backend` is "auto"."""
    if backend == "auto":
        return ()
    lines = []
    for name in _SECTIONS:
        keys = getattr(section, name).model_dump(exclude_defaults=True)
        if keys and name != backend:
            what = f"[model.{name}] {', '.join(keys)}"
            lines.append(f"{what}: without effect, because the backend is {backend}")
    return tuple(lines)
