"""The ways to run a model: one module each, chosen by name.

A back end is used by one thread only. Its module imports its libraries when it loads a model,
never before.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from bot.worker.protocol import Facts, LoadError, LoadOptions, Request, Step

Progress = Callable[[str, int, int], None]
"""``report(what, done, total)``: how far loading is. ``total`` 0: not known."""

_MODULES = {
    "openvino": "bot.worker.backends.openvino.backend",
    "torch": "bot.worker.backends.torch.backend",
    "ipex": "bot.worker.backends.ipex.backend",
    "scripted": "bot.worker.backends.scripted",
}
NAMES = tuple(_MODULES)


class Backend(Protocol):
    """A loaded model that writes several answers at once."""

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        """Load the model; called once, first. Raises LoadError with one line for the operator.
        Other exceptions are reported with their type and text."""
        ...

    def add(self, request: Request) -> None:
        """Take up an answer. Raises ValueError where this request can never be served."""
        ...

    def cancel(self, request_id: int) -> None:
        """Let go of an answer that was added and has not ended; `step` says nothing more of it."""
        ...

    def step(self) -> Step:
        """Advance every answer by one decoding step, or read more of a prompt.

        Every answer that was added and not cancelled ends exactly once, after its last tokens.
        Stop tokens are not among them. What is raised here ends the process."""
        ...


def create(name: str) -> Backend:
    """The back end of this name, nothing loaded. Raises LoadError for a name that is none."""
    if name not in NAMES:
        known = ", ".join(f'"{known}"' for known in NAMES)
        raise LoadError(f'[model] backend "{name}" is unknown; there are {known}')
    module = import_module(_MODULES[name])
    backend: Backend = module.create()
    return backend
