"""What the bot and its worker tell each other.

Bot to worker: ``load`` (once, first), ``add``, ``cancel``, ``quit``.
Worker to bot: ``hello``, any number of ``progress``, then ``ready`` or ``failed``; then ``step``
frames, one for all answers in flight, and ``beat`` every few seconds; ``fatal`` before it ends
because the back end broke, with ``memory`` true where the memory was too small. Each is a JSON
object whose ``type`` is the name.

Text never passes here, only token ids: the bot formats and tokenises, the worker knows neither.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

SMALLEST_CONTEXT = 256
"""Tokens. With fewer there is no conversation, and halving helps nobody."""

END, LENGTH, CANCELLED, ERROR = "end", "length", "cancelled", "error"
"""Why an answer ended, on the wire."""


class LoadError(Exception):
    """The model cannot be loaded: one line that names the thing, the place and the remedy."""


class DoesNotFit(LoadError):
    """The memory is too small for the model with this context."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What to load, and how. ``model`` is a folder ("" for the scripted back end); ``context``
    tokens for prompt and answer together, at most ``max_parallel`` answers in flight."""

    backend: str
    model: str = ""
    device: str = "auto"
    low_bit: str = "auto"
    context: int = 4096
    max_parallel: int = 8
    cache_dir: str = ""
    cpu_embedding: bool | None = None
    """Of ipex: keep the table of words in the machine's memory; None where that is better."""
    optimize_model: bool = True
    """Of ipex: its faster attention and layers."""
    script: str = ""
    tokens_per_second: float = 20.0
    """Of the scripted back end; 0 is as fast as it can."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was loaded."""

    device: str
    """The device's name for people: "GPU (Intel Arc B580)"."""
    low_bit: str
    context: int
    backend: str = ""
    """The back end that was taken; filled in by `bot.worker.process`."""
    note: str = ""
    """What the operator should know: why "auto" took this back end, that the context shrank."""


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to write. ``temperature`` 0 is greedy; ``top_k`` 0 is off; ``seed`` is always
    given, so that the same request gives the same answer."""

    id: int
    prompt: list[int]
    stop: list[int]
    """Token ids that end the answer; they are not part of it."""
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int = 0

    def must_fit(self, context: int) -> None:
        """Raises ValueError where prompt and answer together are longer than `context` tokens, or
        where there is no prompt."""
        if not self.prompt or len(self.prompt) + self.max_new_tokens > context:
            raise ValueError(
                f"{len(self.prompt)} tokens of prompt and {self.max_new_tokens} of answer do "
                f"not fit a window of {context}"
            )


@dataclass(frozen=True, slots=True)
class Ended:
    """An answer is over: ``reason`` is END, LENGTH, CANCELLED or ERROR, the last with a
    ``message`` for the operator."""

    id: int
    reason: str
    message: str = ""
    cached_tokens: int = 0
    """Of the prompt's tokens, those that a cache spared."""


@dataclass(slots=True)
class Step:
    """What one step of a back end brought."""

    tokens: list[tuple[int, list[int]]] = field(default_factory=list)
    """(id, new token ids) for each answer that grew."""
    ended: list[Ended] = field(default_factory=list)
    pause: float = 0.0
    """Seconds until the next step has something to do; a command ends the wait."""


def to_message(kind: str, value: LoadOptions | Request | Facts) -> dict[str, Any]:
    """The message of this kind that carries `value`."""
    return {"type": kind, **asdict(value)}


def without_type(message: dict[str, Any]) -> dict[str, Any]:
    """The fields of a message: what `to_message` was given."""
    return {key: value for key, value in message.items() if key != "type"}


def cut_at_stop(ids: list[int], stop: list[int]) -> tuple[list[int], bool]:
    """The ids before the first one of `stop`, and whether there was one."""
    for index, token in enumerate(ids):
        if token in stop:
            return ids[:index], True
    return ids, False
