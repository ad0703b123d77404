"""Muon in float32: momentum whose matrices are made orthogonal before they are applied.

After Keller Jordan's Muon (https://kellerjordan.github.io/posts/muon/), with matrices of one shape handled
together, which is what makes it cheap on a CPU at this size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon:
    """Updates matrices (rows, columns) in place from their gradients."""

    def __init__(self, matrices: Iterable[Tensor], rate: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.groups: dict[tuple[int, ...], list[Tensor]] = {}
        for matrix in matrices:
            self.groups.setdefault(tuple(matrix.shape), []).append(matrix)
        self.velocity = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One update with learning rate ``rate * scale``."""
        for shape, group in self.groups.items():
            gradients = torch.stack([matrix.grad for matrix in group if matrix.grad is not None])
            velocity = self.velocity[shape]
            velocity.lerp_(gradients, 1 - self.momentum)
            update = orthogonal(gradients.lerp(velocity, self.momentum))
            rate = self.rate * scale * max(1.0, shape[0] / shape[1]) ** 0.5
            for matrix, change in zip(group, update, strict=True):
                matrix.mul_(1 - self.rate * scale * self.decay).sub_(change, alpha=rate)

    def state_dict(self) -> dict[str, Tensor]:
        """The momentum, for a checkpoint."""
        return {"x".join(map(str, shape)): velocity for shape, velocity in self.velocity.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the momentum back from a checkpoint."""
        for shape in self.velocity:
            self.velocity[shape].copy_(state["x".join(map(str, shape))])


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Newton-Schulz: (number, rows, columns) to nearly orthogonal matrices with the same singular vectors."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    first, second, third = COEFFICIENTS
    for _ in range(steps):
        square = x @ x.transpose(1, 2)
        x = first * x + (second * square + third * square @ square) @ x
    updated: Tensor = x.transpose(1, 2) if tall else x
    return updated
