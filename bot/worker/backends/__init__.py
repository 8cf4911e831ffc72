"""The ways to run a model, chosen by name. Each backend is a package or module of its own:

    openvino   OpenVINO GenAI: Intel GPUs and CPUs
    torch      transformers: Intel GPUs (xpu), NVIDIA GPUs (cuda), CPUs
    ipex       ipex-llm: Intel GPUs (xpu), and CPUs for tests
    llamacpp   llama.cpp's server: GGUF files on CPUs and GPUs
    scripted   says a given text; no model
    kv_cache   bookkeeping of cached prompt prefixes, shared by the backends
    choose     which backend ``backend = "auto"`` means

A backend imports its libraries in `Backend.load`, not when its module is imported.
"""

from importlib import import_module
from typing import Protocol

from bot.worker.protocol import ERROR, Facts, LoadError, LoadOptions, Progress, Request, Step

_MODULES = {
    "openvino": "bot.worker.backends.openvino.backend",
    "torch": "bot.worker.backends.torch.backend",
    "ipex": "bot.worker.backends.ipex.backend",
    "llamacpp": "bot.worker.backends.llamacpp.backend",
    "scripted": "bot.worker.backends.scripted",
}
NAMES = tuple(_MODULES)


class Backend(Protocol):
    """A model that generates several answers at once.

    All methods are called from the worker's main thread: `load` once and first, by
    `bot.worker.process`; the others by `bot.worker.loop.Loop`. None is called while another runs.
    """

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        """Load the model and warm it up; may take minutes. `report` is called on the way.

        Raises LoadError, with one line for the operator; DoesNotFit where a smaller context window
        may help. Other exceptions reach the operator with their type and text."""
        ...

    def add(self, request: Request) -> None:
        """Accept a request; the following steps generate its answer. Returns without computing.

        Raises ValueError, with the reason for the operator, where this request can never be served;
        it then has no effect."""
        ...

    def cancel(self, request_id: int) -> None:
        """Drop a request that was added and has not ended. No later step mentions it, and its KV
        cache is free."""
        ...

    def step(self) -> Step:
        """One decoding step for the requests in flight, or one chunk of prefill. There is at least
        one request in flight.

        Each request that is not cancelled is reported as ended exactly once, in the step of its
        last tokens or later. Stop tokens are never among the tokens. An exception ends the worker
        process."""
        ...


def create(name: str) -> Backend:
    """The backend of this name, with nothing loaded. Raises LoadError for an unknown name."""
    if name not in NAMES:
        known = ", ".join(f'"{known}"' for known in NAMES)
        raise LoadError(f'[model] backend = "{name}" is unknown; choose one of {known}')
    module = import_module(_MODULES[name])
    backend: Backend = module.create()
    return backend


def warm_up(backend: Backend) -> None:
    """Generate one short answer: the first one compiles kernels, for minutes on a GPU. Raises
    LoadError where it fails. Called in `Backend.load`, with nothing in flight."""
    backend.add(Request(id=0, prompt=[1, 1], stop=[], max_new_tokens=2))
    while not (ended := backend.step().ended):
        pass
    if ended[0].reason == ERROR:
        raise LoadError(f"the model cannot generate: {ended[0].message}")
