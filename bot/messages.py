"""The values that travel through Parley. Plain data: no I/O, no identity, no platform.

A conversation is a list of *exchanges*: one question and the answer that it got. That is the
shape of Llama 2's chat format, in which user and assistant alternate strictly.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Where a conversation lives. A thread is a conversation of its own.

    ``str(key)`` is ``platform:workspace/channel[/thread]`` and `parse` reads it back. No part may
    hold a slash; a platform's ids never do. ``workspace`` is the guild or team, or "" (a DM).
    """

    platform: str
    channel: str
    thread: str = ""
    workspace: str = ""

    def __post_init__(self) -> None:
        if ":" in self.platform or any("/" in part for part in self._parts()):
            raise ValueError(f"a conversation's key holds a separator: {self!r}")

    def _parts(self) -> tuple[str, ...]:
        return (self.platform, self.workspace, self.channel, self.thread)

    def __str__(self) -> str:
        tail = f"/{self.thread}" if self.thread else ""
        return f"{self.platform}:{self.workspace}/{self.channel}{tail}"

    @classmethod
    def parse(cls, text: str) -> "ConversationKey":
        """The key that ``str`` wrote. Raises ValueError for anything else."""
        platform, colon, rest = text.partition(":")
        parts = rest.split("/")
        if not colon or len(parts) not in (2, 3):
            raise ValueError(f"not a conversation's key: {text!r}")
        return cls(platform, parts[1], parts[2] if len(parts) == 3 else "", parts[0])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks. ``id`` is the platform's and unique within it."""

    platform: str
    id: str
    name: str
    admin: bool = False
    """May stop others' answers, reset, and change a conversation's settings."""

    @property
    def key(self) -> str:
        """``platform:id``: the person in quotas, feedback and logs."""
        return f"{self.platform}:{self.id}"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a person asked, as an adapter hands it to the engine.

    ``text`` is what the person typed, without the mention of the bot and with the platform's
    escapes undone. ``event_id`` is unique within the platform: the same event delivered twice
    carries the same id and is answered once. ``message_id`` is the platform's message that holds
    the question, so that an edit or a deletion of it can be followed; "" where there is none.
    """

    conversation: ConversationKey
    author: Person
    text: str
    event_id: str
    message_id: str = ""
    direct: bool = False
    """Between one person and the bot (a DM, the terminal): names need not be shown."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, with the author's name in front where names are shown, and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked to continue.

    ``answer`` is what the answer holds already: "" for a new one; the text so far for one that is
    continued, which the model goes on from without repeating it.
    """

    system: str
    history: tuple[Exchange, ...]
    question: str
    answer: str = ""
    cache_key: str = field(default="", compare=False)
    """Prompts with the same key begin alike, so that a generator with several places to compute
    does well to send them to the same one. It says nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Plain text that the model is asked to go on with, outside any chat format."""

    text: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. ``temperature`` 0 is greedy, and then the rest but the penalty and
    the length is without effect. ``top_k`` 0 is off. ``seed`` None draws a new one each time."""

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 50
    repetition_penalty: float = 1.0
    max_new_tokens: int = 512
    seed: int | None = None


class FinishReason(StrEnum):
    """Why an answer ended."""

    END = "end"
    """The model was done."""
    LENGTH = "length"
    """The answer reached its longest; it can be continued."""
    STOPPED = "stopped"
    """A person stopped it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost. Times in seconds, as the model's process measured them."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those whose keys and values were there already."""
    completion_tokens: int = 0
    first_token_seconds: float = 0.0
    """From the arrival of the request to the first token, waiting included."""
    total_seconds: float = 0.0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed after the first token; 0.0 where there is too little to say."""
        seconds = self.total_seconds - self.first_token_seconds
        if self.completion_tokens < 2 or seconds <= 0:
            return 0.0
        return (self.completion_tokens - 1) / seconds


@dataclass(frozen=True, slots=True)
class Finished:
    """The last thing that a generator yields."""

    reason: FinishReason
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that answers, as it is loaded."""

    name: str
    backend: str
    device: str
    low_bit: str
    context: int
    """Tokens that prompt and answer may hold together."""
    note: str = ""
    """What the operator should know: why "auto" took this back end, that the context shrank."""
