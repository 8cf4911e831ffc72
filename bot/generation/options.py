"""What a `bot.generation.WorkerGenerator` is made from, and what it reports while it loads."""

from dataclasses import dataclass
from pathlib import Path

MAX_CONTEXT = 4096
"""Tokens. The most that a model gets without being asked: memory grows with it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the model's process may be silent before it is taken for hung and ended. Seconds."""

    loading: float = 1800.0
    """Without a frame while it loads: a GPU may compile for many minutes."""
    silence: float = 120.0
    """Without any frame later. Some libraries hold the interpreter during a step, and a CPU may
    read a long prompt for a minute."""
    stall: float = 600.0
    """With answers in flight and no step finished, though the process still sends heartbeats."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Which model to run, and how. The names are those of ``[model]`` in the settings."""

    backend: str = "auto"
    model: Path | None = None
    """The model's folder; None for the scripted back end alone."""
    name: str = ""
    """What to call the model; "" is the folder's name."""
    device: str = "auto"
    low_bit: str = "auto"
    context: int = 0
    """Tokens; 0 is what the model was trained for, `MAX_CONTEXT` at most."""
    max_parallel: int = 8
    python: str = ""
    """The worker's interpreter; "" is this process's own."""
    environment: tuple[str, ...] = ()
    """Variables that the worker gets besides those of `bot.environment.worker_environment`."""
    cache_dir: Path | None = None
    """Where converted models are kept. Needed by back ends that convert."""
    cpu_embedding: bool | None = None
    optimize_model: bool = True
    """Of ipex, as `bot.worker.protocol.LoadOptions` has them."""
    script: str = "This is a rehearsal: no model is loaded."
    """What the scripted back end says."""
    tokens_per_second: float = 20.0
    """How fast the scripted back end is; 0 is as fast as it can."""
    chat: bool = True
    """False takes models without a chat format too: they can only complete texts."""
    patience: Patience = Patience()


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far loading is: ``done`` of ``total``; ``total`` is 0 where it is not known."""

    what: str
    done: int
    total: int
