"""Which back end and device the settings mean, before anybody looks at the machine."""

from bot.config import ModelSettings, Settings
from bot.models.find import DEMO

_UNSAID = ("auto", "auto", "")
DEMO_REASON = "the demo model is at its best on a CPU"


def place_of(section: ModelSettings) -> tuple[str, str]:
    """The back end and the device. The demo model is at its best on a CPU, where nobody has to wait
    for a GPU's compiler, unless the settings say otherwise. "auto" is left to the worker."""
    if section.name == DEMO and (section.backend, section.device, section.python) == _UNSAID:
        return "openvino", "cpu"
    return section.backend, section.device


def interpreter(settings: Settings) -> str:
    """``[model] python`` as a path; "" for this one."""
    return str(settings.path(settings.model.python)) if settings.model.python else ""
