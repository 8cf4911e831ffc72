"""Muon for the matrices of the layers: momentum whose every singular value is set to about one.

Jordan, "Muon: an optimizer for hidden layers in neural networks" (2024): the momentum is
orthogonalised by five steps of a quintic Newton–Schulz iteration. Matrices of the same shape are
stacked, so that a step of the whole network is a handful of batched products.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest (semi-)orthogonal matrices, roughly: singular values end between 0.7 and 1.2."""
    # Most CPUs have no units for bfloat16 and take many times as long for it.
    x: Tensor = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * (gram @ gram)) @ x
    flat: Tensor = x.mT if tall else x
    return flat


class Muon:
    """Nesterov momentum, orthogonalised; `rate` is set by the caller at every step."""

    def __init__(
        self, weights: Iterable[nn.Parameter], momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        groups: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
        for weight in weights:
            groups[tuple(weight.shape)].append(weight)
        self.groups = list(groups.values())
        self.buffers = [torch.zeros((len(g), *g[0].shape), device=g[0].device) for g in self.groups]
        self.momentum, self.decay = momentum, decay
        self._orthogonalise = orthogonalise
        if self.buffers[0].is_cuda:
            self._orthogonalise = torch.compile(orthogonalise)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for weights, buffer in zip(self.groups, self.buffers, strict=True):
            gradients = torch.stack([w.grad for w in weights if w.grad is not None]).float()
            buffer.lerp_(gradients, 1 - self.momentum)
            update = self._orthogonalise(gradients.lerp(buffer, self.momentum))
            rows, columns = weights[0].shape
            scale = rate * max(1.0, rows / columns) ** 0.5
            changes = list(update.to(weights[0].dtype).unbind())
            tensors: list[Tensor] = list(weights)
            torch._foreach_mul_(tensors, 1 - rate * self.decay)
            torch._foreach_add_(tensors, changes, alpha=-scale)
