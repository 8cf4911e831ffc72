"""The options of a `bot.generation.WorkerGenerator`, and what it reports while a model loads."""

from dataclasses import dataclass
from pathlib import Path

MAX_CONTEXT = 8192
"""Tokens. The default limit of the context window: the KV cache grows with it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """After how many seconds a worker is considered hung and is killed."""

    loading: float = 1800.0
    """Without a frame while the model loads: a GPU may compile for many minutes."""
    silence: float = 120.0
    """Without any frame afterwards. Some libraries hold the GIL during a step, which delays
    heartbeats, and prefill of a long prompt on a CPU may take a minute."""
    stall: float = 600.0
    """With requests in flight and no step completed, although heartbeats arrive."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Which model to run, and how. Names and values are those of ``[model]`` in the settings."""

    backend: str = "auto"
    model: Path | None = None
    """The model's folder; None for the scripted backend only."""
    name: str = ""
    """The model's name for people; "" is the folder's name."""
    device: str = "auto"
    low_bit: str = "auto"
    """The quantization of the weights."""
    context: int = 0
    """Tokens of the context window; 0 is what the model was trained for, `MAX_CONTEXT` at most, or
    less by memory and speed (`bot.worker.context`)."""
    max_parallel: int = 8
    """Requests in flight at most; further ones wait."""
    python: str = ""
    """The worker's interpreter; "" is this process's own."""
    environment: tuple[str, ...] = ()
    """Variables that the worker gets besides those of `bot.environment.model_environment`."""
    cache_dir: Path | None = None
    """The folder of converted models. Needed by backends that convert."""
    exporter: str = ""
    """The interpreter that exports models which the converter does not know; see
    `bot.worker.protocol.LoadOptions`."""
    kv_cache: str = "auto"
    """Of openvino; see `bot.worker.protocol.LoadOptions`."""
    compile: bool = False
    """Of torch; see `bot.worker.protocol.LoadOptions`."""
    cpu_embedding: bool | None = None
    optimize_model: bool = True
    """Of ipex; see `bot.worker.protocol.LoadOptions`."""
    server: str = ""
    gpu_layers: int = -1
    arguments: tuple[str, ...] = ()
    """Of llamacpp; see `bot.worker.protocol.LoadOptions`."""
    script: str = "This is a rehearsal: no model is loaded."
    """The text that the scripted backend says."""
    tokens_per_second: float = 20.0
    """The speed of the scripted backend; 0 is without limit."""
    chat: bool = True
    """False also accepts models without a chat format, which can only complete texts."""
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far loading is: ``done`` of ``total``; ``total`` is 0 where it is not known."""

    what: str
    done: int
    total: int
