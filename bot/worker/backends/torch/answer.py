"""An answer that is being generated, and its row in a batch."""

from dataclasses import dataclass, field
from typing import Any

from bot.worker.protocol import Request


@dataclass(slots=True, eq=False)
class Answer:
    """One answer; two are the same only if they are one object."""

    request: Request
    cached: int = 0
    """Tokens of the prompt that were in the KV cache."""
    tokens: list[int] = field(default_factory=list)
    """The answer so far. The last token is not in the KV cache yet."""
    sampler: Any = None
    """The state of `bot.worker.backends.torch.sampling`, which the backend keeps here."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a decoding step: the slot of the same index."""

    position: int
    """Where the row's token is computed: the number of tokens in the slot."""
    answer: Answer | None = None
    """The answer that grows; None for a row that only fills the batch. Such a row computes a token
    that nobody sees, and writes it behind what its slot holds."""
