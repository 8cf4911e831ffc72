"""One request to the model for an answer, and what it cost. A thought that is closed for the model
makes two requests of an answer: the second has the thought in its prompt."""

import random
import time
from dataclasses import dataclass, replace
from typing import Any

from bot.errors import NoRoom
from bot.generation.answer_reader import AnswerReader
from bot.generation.codec import Codec
from bot.messages import Completion, Finished, FinishReason, Prompt, Sampling, Usage

_MAX_SEED = 2**32
"""Seeds are taken modulo this: backends accept 32 bits."""


@dataclass(slots=True)
class Run:
    """A request, from before it is sent until its answer has ended."""

    prompt: list[int]
    """Token ids."""
    reader: AnswerReader
    most: int
    """Tokens that may be generated: of thought and answer together."""
    stops: frozenset[int]
    sampling: Sampling
    before: "Run | None" = None
    """The request with the thought, of which this is the answer."""
    asked: float = 0.0
    first: float = 0.0
    """Seconds until the first piece."""
    seconds: float = 0.0
    ended: bool = False
    """Its answer has ended; else only its thought has, which is to be closed."""

    @classmethod
    def of(
        cls, codec: Codec, prompt: Prompt | Completion, ids: list[int], sampling: Sampling
    ) -> "Run":
        """The first request for the answer to `prompt`, which was encoded as `ids`."""
        thinks = (
            isinstance(prompt, Prompt) and not prompt.answer and prompt.reasoning in codec.thinks_at
        )
        most = sampling.max_new_tokens + (sampling.max_thinking_tokens if thinks else 0)
        return cls(ids, codec.reader(prompt, ids, sampling), most, codec.stops, sampling)

    def to_be_closed(self, codec: Codec) -> bool:
        """Whether the thought has become too long, and the model can be made to answer."""
        return self.reader.exhausted and bool(self._closing(codec))

    def answering(self, codec: Codec) -> "Run":
        """The request that follows one that is `to_be_closed`."""
        ids = [*self.prompt, *self.reader.thought_ids, *self._closing(codec)]
        most = self.sampling.max_new_tokens
        reader = codec.answer_reader(self.sampling)
        return Run(ids, reader, most, codec.ends, self.sampling, before=self)

    def _closing(self, codec: Codec) -> list[int]:
        family = self.reader.family
        return [] if family is None else codec.closing(family, self.reader.thought_ids)

    def request(self, context: int) -> dict[str, Any]:
        """The fields of a `bot.worker.protocol.Request` without ``id``. Raises NoRoom where the
        prompt leaves no room for an answer in the context window."""
        room = context - len(self.prompt)
        if room < 1:
            raise NoRoom(
                f"The prompt has {len(self.prompt)} tokens and the model's context window only "
                f"{context}."
            )
        sampling = self.sampling
        seed = sampling.seed if sampling.seed is not None else random.randrange(_MAX_SEED)
        return {
            "prompt": self.prompt,
            "stop": sorted(self.stops),
            "max_new_tokens": min(self.most, room),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "repetition_penalty": sampling.repetition_penalty,
            "seed": seed % _MAX_SEED,
        }

    # ------------------------------------------------------------ times and tokens

    def begin(self) -> None:
        """The request is about to wait for its turn."""
        self.asked = time.monotonic()

    def count(self) -> None:
        """There are new tokens."""
        self.seconds = time.monotonic() - self.asked
        self.first = self.first or self.seconds

    def finished(self, reported: Finished | None, waited: float) -> Finished:
        """The end of the whole answer. `reported`: by the worker, after this request `waited` so
        many seconds for its turn; None where it was ended here."""
        self.ended = True
        if reported is None:
            usage = Usage(len(self.prompt), 0, self.reader.tokens, self.first, self.seconds)
            reason = self.reader.ended or FinishReason.LENGTH
        else:
            reason = self.reader.ended or reported.reason
            usage = replace(
                reported.usage,
                first_token_seconds=reported.usage.first_token_seconds + waited,
                total_seconds=reported.usage.total_seconds + waited,
            )
        usage = replace(usage, thinking_tokens=self.reader.thinking_tokens)
        return Finished(reason, usage if self.before is None else self._with_thought(usage))

    def _with_thought(self, usage: Usage) -> Usage:
        assert self.before is not None
        thought = self.before.reader
        return replace(
            usage,
            prompt_tokens=len(self.before.prompt),
            completion_tokens=usage.completion_tokens + thought.tokens,
            thinking_tokens=thought.tokens,
            first_token_seconds=self.before.first or usage.first_token_seconds,
            total_seconds=self.before.seconds + usage.total_seconds,
        )
