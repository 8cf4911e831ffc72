"""Chooses tokens from logits, each answer by its own rules and its own random numbers.

Only imported once a model is to be loaded: it imports torch.
"""

import importlib
from typing import Any

from bot.worker.protocol import Request

torch: Any = importlib.import_module("torch")


class Chooser:
    """Chooses the tokens of one answer. What it chooses depends on the request and the logits
    alone, whatever else is in flight."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._random = torch.Generator().manual_seed(request.seed)
        self._seen = set(request.prompt)

    def choose(self, logits: Any) -> int:
        """The next token for logits (vocabulary,), which may be changed."""
        logits = self._penalised(logits.float())
        request = self._request
        if request.temperature <= 0:
            token = int(logits.argmax())
        else:
            candidates, chances = self._candidates(logits / request.temperature)
            pick = torch.multinomial(chances.cpu(), 1, generator=self._random)
            token = int(candidates[pick.item()])
        self._seen.add(token)
        return token

    def _penalised(self, logits: Any) -> Any:
        """Make every token of prompt and answer less likely, as CTRL's authors proposed
        (arXiv:1909.05858, section 4.1)."""
        penalty = self._request.repetition_penalty
        if penalty == 1.0:
            return logits
        seen = torch.tensor(sorted(self._seen), device=logits.device)
        values = logits[seen]
        logits[seen] = torch.where(values > 0, values / penalty, values * penalty)
        return logits

    def _candidates(self, logits: Any) -> tuple[Any, Any]:
        """The tokens that may be chosen, the likeliest first, and how likely each is."""
        request = self._request
        count = min(request.top_k or len(logits), len(logits))
        values, tokens = torch.topk(logits, count)
        chances = torch.softmax(values, dim=-1)
        if request.top_p < 1.0:
            # The last one is that with which the others reach top_p.
            before = chances.cumsum(dim=-1) - chances
            keep = int((before < request.top_p).sum())
            tokens, chances = tokens[:keep], chances[:keep]
        return tokens, chances
