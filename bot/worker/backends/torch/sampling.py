"""Samples tokens on the CPU, with each request's own parameters and random number generator.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from bot.worker.backends.torch.answer import Answer
from bot.worker.protocol import Request

torch: Any = importlib.import_module("torch")


class Sampler:
    """Samples the tokens of one answer, reproducibly for the same request and logits."""

    def __init__(self, request: Request) -> None:
        self.greedy = request.temperature <= 0
        self._request = request
        self._random = torch.Generator().manual_seed(request.seed)
        self._seen = set(request.prompt)

    def candidates(self, vocabulary: int) -> int:
        """How many of the most likely tokens it samples from (top-k); 0 for greedy decoding."""
        if self.greedy:
            return 0
        return min(self._request.top_k or vocabulary, vocabulary)

    def apply_penalty(self, logits: Any) -> None:
        """Apply the repetition penalty to logits [vocabulary], in place: every token of prompt and
        answer gets less likely (CTRL, arXiv:1909.05858, section 4.1)."""
        penalty = self._request.repetition_penalty
        if penalty != 1.0:
            seen = torch.tensor(sorted(self._seen), device=logits.device)
            values = logits[seen]
            logits[seen] = torch.where(values > 0, values / penalty, values * penalty)

    def sample(self, logits: Any) -> int:
        """Sample one of the candidates with these logits, [candidates] on the CPU in descending
        order, with temperature and top-p. Returns its index."""
        probabilities = torch.softmax(logits / self._request.temperature, dim=-1)
        if self._request.top_p < 1.0:
            # The fewest tokens whose probabilities add up to top_p or more.
            before = probabilities.cumsum(dim=-1) - probabilities
            probabilities = probabilities[: int((before < self._request.top_p).sum())]
        return int(torch.multinomial(probabilities, 1, generator=self._random))

    def add(self, token: int) -> None:
        """Record the next token of the answer, for the repetition penalty."""
        self._seen.add(token)


def sample_answers(answers: Sequence[Answer], logits: Any) -> list[int]:
    """The next token of each answer, from its row of logits [batch, vocabulary]."""
    return sample_tokens([answer.sampler for answer in answers], logits)


def sample_tokens(samplers: list[Sampler], logits: Any) -> list[int]:
    """The next token of each row of logits [batch, vocabulary], with that row's sampler.

    A row's token depends on its own sampler and logits alone. The number of transfers from the
    device does not depend on the batch size. May change `logits`.
    """
    logits = logits.float()
    for sampler, row in zip(samplers, logits, strict=True):
        sampler.apply_penalty(row)
    counts = [sampler.candidates(logits.shape[1]) for sampler in samplers]
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    if widest := max(counts):
        values, numbers = (found.cpu() for found in torch.topk(logits, widest, dim=-1))
        for row, (sampler, count) in enumerate(zip(samplers, counts, strict=True)):
            if count:
                tokens[row] = int(numbers[row, sampler.sample(values[row, :count])])
    for sampler, token in zip(samplers, tokens, strict=True):
        sampler.add(token)
    return tokens
