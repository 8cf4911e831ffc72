"""The messages between the bot and its worker, and the values that backends exchange with them.

Bot to worker: ``load`` (once, first; the fields of `LoadOptions`), ``add`` (`Request`), ``cancel``
(``id``), ``quit``.

Worker to bot: ``hello`` (``pid``, ``python``); any number of ``progress`` (``what``, ``done``,
``total``); then ``ready`` (`Facts`) or ``failed`` (``message``). While requests are in flight:
``step``, one frame for all of them and for one or more steps (``step``: steps so far; ``tokens``:
pairs of request id and new token ids; ``ended``: a list of `Ended`), and ``note`` (``message``: one
line for the operator). Every few seconds: ``beat`` (``steps`` so far). Before the process exits
because the backend failed: ``fatal`` (``message``, ``memory``: true where memory ran out).

Each message is a JSON object (`bot.worker.frames`) whose ``type`` is its name. Token ids cross the
pipe, never text: the bot's process applies the chat format and tokenizes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

MIN_CONTEXT = 256
"""Tokens. A context window is not halved below this: no conversation would fit."""

END, LENGTH, CANCELLED, ERROR = "end", "length", "cancelled", "error"
"""`Ended.reason`: a stop token came, ``max_new_tokens`` was reached, ``cancel`` came, or this
request failed."""

Progress = Callable[[str, int, int], None]
"""``report(what, done, total)``: how far loading is; the fields of ``progress``. ``total`` is 0
where it is not known."""


class LoadError(Exception):
    """The model cannot be loaded. One line that names the thing, the place and the remedy."""


class DoesNotFit(LoadError):
    """There is not enough memory for the model with this context window."""


class NotConvertible(LoadError):
    """Parley's own converter does not know this kind of model; an export may."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Which model to load, and how. Names and values are those of ``[model]`` in the settings."""

    backend: str
    model: str = ""
    """The model's folder; "" for the scripted backend."""
    device: str = "auto"
    low_bit: str = "auto"
    """The quantization of the weights, by ipex-llm's names: "sym_int4", "fp16" …"""
    context: int = 4096
    """The context window: tokens of prompt and answer together, for one request."""
    max_parallel: int = 8
    """Requests in flight at most: the largest batch."""
    cache_dir: str = ""
    """The folder of converted models; "" for none."""
    exporter: str = ""
    """openvino only: the interpreter that exports models which Parley's own converter does not
    know; "" does not export, and uses only exports that are cached."""
    cpu_embedding: bool | None = None
    """ipex only: keep the embedding table in main memory; None lets the backend decide."""
    optimize_model: bool = True
    """ipex only: use ipex-llm's optimized attention and layers."""
    kv_cache: str = "auto"
    """openvino only: the number format of the KV cache; "int8", or "auto" for the usual one."""
    compile: bool = False
    """torch only, on GPUs: compile the decoding steps while they are in use."""
    script: str = ""
    """Scripted backend only: the text that it says."""
    tokens_per_second: float = 20.0
    """Scripted backend only; 0 is without limit."""
    server: str = ""
    """llamacpp only: the path of llama-server; "" searches the PATH."""
    gpu_layers: int = -1
    """llamacpp only: how many layers are computed on the GPU; -1 is as many as fit."""
    arguments: tuple[str, ...] = ()
    """llamacpp only: further arguments of llama-server."""
    samples: tuple[tuple[str, list[int]], ...] = ()
    """llamacpp only: texts with the ids that the bot's own tokenizer gives them, without special
    tokens; a server whose tokenizer differs is refused."""
    fit: bool = False
    """The context window may be smaller, by memory and speed: see `bot.worker.context`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was loaded."""

    device: str
    """The device's name for people: "GPU (Intel Arc B580)"."""
    low_bit: str
    """The quantization of the weights."""
    context: int
    """Tokens of the context window; less than asked for where memory was too small."""
    backend: str = ""
    """The backend that runs the model; filled in by `bot.worker.process`."""
    note: str = ""
    """What the operator should know: why "auto" chose this backend, that the context was halved."""


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to generate."""

    id: int
    """Unique among the requests in flight."""
    prompt: list[int]
    """Token ids."""
    stop: list[int]
    """Token ids that end the answer; they are not part of it."""
    max_new_tokens: int
    temperature: float = 0.0
    """0 is greedy decoding."""
    top_p: float = 1.0
    top_k: int = 0
    """0 is off."""
    repetition_penalty: float = 1.0
    seed: int = 0
    """The same request with the same seed gives the same answer, whatever else is in the batch."""

    def must_fit(self, context: int) -> None:
        """Raises ValueError where the prompt is empty, or where prompt and answer together may be
        longer than a context window of `context` tokens."""
        if not self.prompt or len(self.prompt) + self.max_new_tokens > context:
            raise ValueError(
                f"{len(self.prompt)} tokens of prompt and {self.max_new_tokens} of answer do "
                f"not fit a context window of {context}"
            )


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost. Fields as in `bot.messages.Usage`, which must not be imported here."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Tokens of the prompt that were in the KV cache and needed no prefill."""
    completion_tokens: int = 0
    first_token_seconds: float = 0.0
    """Time to first token, from the arrival of the request."""
    total_seconds: float = 0.0
    """From the arrival of the request to the end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An answer is over. A backend fills in ``usage.cached_tokens``, `bot.worker.loop` the rest."""

    id: int
    reason: str
    """END, LENGTH, CANCELLED or ERROR."""
    message: str = ""
    """With ERROR: what failed, for the operator."""
    usage: Usage = Usage()

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Ended":
        """One element of ``ended`` in a ``step``, as ``dataclasses.asdict`` made it."""
        return cls(**fields | {"usage": Usage(**fields["usage"])})


@dataclass(slots=True)
class Step:
    """The result of one decoding step of a backend."""

    tokens: list[tuple[int, list[int]]] = field(default_factory=list)
    """(request id, new token ids) for each answer that grew."""
    ended: list[Ended] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the operator should know, a line each."""
    pause: float = 0.0
    """Seconds until the next step has work to do; an incoming command ends the wait."""


def to_message(kind: str, value: LoadOptions | Request | Facts) -> dict[str, Any]:
    """The message of this ``type`` whose payload is `value`. It shares the lists of `value`: to
    copy a prompt of thousands of ids, as `dataclasses.asdict` does, takes milliseconds."""
    return {"type": kind} | {each.name: getattr(value, each.name) for each in fields(value)}


def payload(message: dict[str, Any]) -> dict[str, Any]:
    """The fields of a message without its ``type``."""
    return {key: value for key, value in message.items() if key != "type"}


def cut_at_stop(ids: list[int], stop: list[int]) -> tuple[list[int], bool]:
    """The ids before the first one that is in `stop`, and whether there was one."""
    for index, token in enumerate(ids):
        if token in stop:
            return ids[:index], True
    return ids, False
