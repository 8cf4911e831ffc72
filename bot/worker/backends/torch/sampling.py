"""Chooses tokens from logits, each answer by its own rules and its own random numbers.

Only imported once a model is to be loaded: it imports torch.
"""

import importlib
from typing import Any

from bot.worker.protocol import Request

torch: Any = importlib.import_module("torch")


class Chooser:
    """How one answer chooses its tokens."""

    def __init__(self, request: Request) -> None:
        self.greedy = request.temperature <= 0
        self._request = request
        self._random = torch.Generator().manual_seed(request.seed)
        self._seen = set(request.prompt)

    def candidates(self, vocabulary: int) -> int:
        """Of how many of the likeliest tokens it chooses."""
        if self.greedy:
            return 0
        return min(self._request.top_k or vocabulary, vocabulary)

    def penalise(self, logits: Any) -> None:
        """Make every token of prompt and answer less likely, in place, as CTRL's authors proposed
        (arXiv:1909.05858, section 4.1)."""
        penalty = self._request.repetition_penalty
        if penalty != 1.0:
            seen = torch.tensor(sorted(self._seen), device=logits.device)
            values = logits[seen]
            logits[seen] = torch.where(values > 0, values / penalty, values * penalty)

    def pick(self, logits: Any) -> int:
        """The place of the chosen token among candidates with these logits, largest first, on the
        CPU."""
        chances = torch.softmax(logits / self._request.temperature, dim=-1)
        if self._request.top_p < 1.0:
            # The last one is that with which the others reach top_p.
            before = chances.cumsum(dim=-1) - chances
            chances = chances[: int((before < self._request.top_p).sum())]
        return int(torch.multinomial(chances, 1, generator=self._random))

    def note(self, token: int) -> None:
        """This is the next token."""
        self._seen.add(token)


def choose_tokens(choosers: list[Chooser], logits: Any) -> list[int]:
    """The next token for each row of the logits (rows, vocabulary), by that row's chooser.

    What a row gets depends on its own chooser and logits alone. Few transfers from the device,
    however many rows there are.
    """
    logits = logits.float()
    for chooser, row in zip(choosers, logits, strict=True):
        chooser.penalise(row)
    counts = [chooser.candidates(logits.shape[1]) for chooser in choosers]
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    if widest := max(counts):
        values, numbers = (found.cpu() for found in torch.topk(logits, widest, dim=-1))
        for row, (chooser, count) in enumerate(zip(choosers, counts, strict=True)):
            if count:
                tokens[row] = int(numbers[row, chooser.pick(values[row, :count])])
    for chooser, token in zip(choosers, tokens, strict=True):
        chooser.note(token)
    return tokens
