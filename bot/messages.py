"""The values that the parts of Parley pass to each other. Plain data: no I/O, no database ids, no
platform's types.

A conversation is a list of *exchanges*, each a question and its answer: user and assistant
alternate strictly, as chat formats such as Llama 2's require.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Identifies a conversation: a channel, a direct message, or a thread (which is a conversation
    of its own).

    ``str(key)`` is ``platform:workspace/channel[/thread]``, the form that is stored; `parse` reads
    it back. ``workspace`` is Discord's guild or Slack's team, "" for a direct message. Raises
    ValueError where a part contains a slash or the platform a colon, which platforms' ids do not.
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
        """The inverse of ``str``. Raises ValueError for anything that ``str`` does not produce."""
        platform, colon, rest = text.partition(":")
        parts = rest.split("/")
        if not colon or len(parts) not in (2, 3):
            raise ValueError(f"not a conversation's key: {text!r}")
        return cls(platform, parts[1], parts[2] if len(parts) == 3 else "", parts[0])


@dataclass(frozen=True, slots=True)
class Person:
    """A person who uses the bot. ``id`` is the platform's, unique within it; ``name`` is for
    display and may change."""

    platform: str
    id: str
    name: str
    admin: bool = False
    """Whether the person may stop others' answers, reset, and change a conversation's settings."""

    @property
    def key(self) -> str:
        """``platform:id``, which identifies the person in the database and in logs."""
        return f"{self.platform}:{self.id}"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, as an adapter passes it to the engine.

    ``text`` is what the person typed, without the mention of the bot and with the platform's
    escapes undone. ``event_id`` is the platform's id of the event, for deduplication: an event that
    is delivered twice has the same id and is answered once. ``message_id`` is the platform's
    message that contains the question, by which edits and deletions are matched; "" for none.
    """

    conversation: ConversationKey
    author: Person
    text: str
    event_id: str
    message_id: str = ""
    direct: bool = False
    """A conversation with one person alone (a direct message, the terminal): the model needs no
    names."""
    shown_in: str = ""
    """The thread in which the answer is shown, where the conversation is the channel around that
    thread; "" where the answer stands in the conversation's own place."""
    pointed: int | None = None
    """How many characters of `text`, from the first, quote what the question points at: an edit
    keeps them. None where it points at nothing, or where that is not known."""

    @property
    def shown_at(self) -> ConversationKey:
        """The place in which the answer is shown: the conversation's own, or a thread of it."""
        return replace(self.conversation, thread=self.shown_in or self.conversation.thread)

    @property
    def places(self) -> frozenset[ConversationKey]:
        """The conversation, and the place in which the answer is shown."""
        return frozenset({self.conversation, self.shown_at})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn of the history in a prompt: a question, prefixed with its author's name where names
    are shown, and its answer."""

    question: str
    answer: str
    thought: str = ""
    """What the model thought before the answer, without tags; "" for nothing."""


class Reasoning(StrEnum):
    """How much a model that can think should think before it answers."""

    AUTO = "auto"
    """As the model's template or its server does by default."""
    OFF = "off"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat prompt, not yet rendered in the model's chat format.

    ``history`` is oldest first. ``answer`` is the text that the answer already has: "" for a new
    answer; the text so far for one that is continued, which the model extends without repeating it.
    ``thought`` is what the model thought so far, without tags: with an ``answer`` the thought is
    complete and closed, without one the model goes on thinking.
    """

    system: str
    history: tuple[Exchange, ...]
    question: str
    answer: str = ""
    cache_key: str = field(default="", compare=False)
    """A hint for the prefix cache: prompts with the same key share a long prefix, so a generator
    with several caches should route them to the same one. It does not affect the answer."""
    thought: str = ""
    template_variables: tuple[tuple[str, object], ...] = ()
    """Further variables for the chat template, as JSON values by name, such as
    ``(("enable_thinking", False),)``. A template that does not know them ignores them."""
    reasoning: Reasoning = Reasoning.AUTO
    """A generator sets the template's variables, or its server's parameters, by it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Plain text for the model to continue, without a chat format."""

    text: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are sampled. ``temperature`` 0 means greedy decoding, where ``top_p``, ``top_k``
    and ``seed`` have no effect. ``top_k`` 0 disables it, ``repetition_penalty`` 1.0 too. ``seed``
    None draws a new seed for each answer."""

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 50
    repetition_penalty: float = 1.0
    max_new_tokens: int = 512
    """The longest answer; a thought does not count."""
    seed: int | None = None
    max_thinking_tokens: int = 0
    """The longest thought before the answer, for a model that thinks. There is room for both in the
    context window."""


class FinishReason(StrEnum):
    """Why generation ended. A failure is an exception instead."""

    END = "end"
    """The model produced its end-of-sequence token."""
    LENGTH = "length"
    """The length limit was reached; the answer can be continued."""
    STOPPED = "stopped"
    """Generation was cancelled: a person stopped it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost: tokens, and times in seconds as the model's process measured them."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens that were found in the KV cache and not computed again."""
    completion_tokens: int = 0
    """Generated tokens, those of the thought included."""
    first_token_seconds: float = 0.0
    """Time to first token, from the request on, time in the queue included."""
    total_seconds: float = 0.0
    thinking_tokens: int = 0
    """How many of the generated tokens are the thought."""
    model: str = ""
    """The name of the model; "" where it is not known."""

    @property
    def answer_tokens(self) -> int:
        """Generated tokens without those of the thought."""
        return max(0, self.completion_tokens - self.thinking_tokens)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together, as quotas count them."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def tokens_per_second(self) -> float:
        """Decoding throughput after the first token; 0.0 where it cannot be computed (fewer than
        two tokens, or no time measured)."""
        seconds = self.total_seconds - self.first_token_seconds
        if self.completion_tokens < 2 or seconds <= 0:
            return 0.0
        return (self.completion_tokens - 1) / seconds


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what the model thinks before it answers, without tags. Never a part of the answer.

    With `whole`, `text` is all that was thought, in place of every piece that came before, of
    thought and of answer alike: thinking began anew ("" then), or what looked like an answer turned
    out to be a thought.
    """

    text: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The last item of a generator's stream."""

    reason: FinishReason
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The loaded model."""

    name: str
    backend: str
    device: str
    low_bit: str
    """The quantization of the weights, such as "sym_int4"; the name is ipex-llm's."""
    context: int
    """The context window in tokens: prompt and answer together."""
    note: str = ""
    """For the operator, "" for nothing: why "auto" chose this backend, or that the context window
    was reduced."""
    thinks_at: tuple[Reasoning, ...] = ()
    """The settings with which the model thinks before it answers; none for a model that never does,
    or of which that is not known."""
    reasoning_levels: tuple[Reasoning, ...] = ()
    """The settings that make a difference; none where the model has no such switch, or where that
    is not known."""
