"""Any model that transformers can run, one sequence a forward pass, each with the cache that transformers gives it.

For models whose layers keep another state than keys and values (Mamba, linear attention, convolutions), or whose
attention is not behind transformers' `AttentionInterface`. Such a state cannot be cut back to a prefix, so nothing is
shared: every prompt is read from its beginning.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thinkcurve_backends.transformers.rows import Row

if TYPE_CHECKING:
    import torch


class PlainEngine:
    """Rows side by side, each with a cache of its own."""

    shares = False

    def __init__(self, model: Any, device: torch.device) -> None:
        self.model = model
        self.device = device
        self.n_forward_tokens = 0
        self.caches: dict[int, Any] = {}
        self._next = 0
        self._parameters = inspect.signature(model.forward).parameters
        self._name = "past_key_values" if "past_key_values" in self._parameters else "cache_params"

    def known(self, ids: list[int]) -> int:
        """Nothing."""
        return 0

    def place(self, row: Row) -> None:
        """An empty cache."""
        row.slot, row.n_done = self._next, 0
        self._next += 1

    def step(self, work: Sequence[tuple[Row, int]]) -> tuple[list[Row], torch.Tensor | None]:
        """One forward pass for each row."""
        import torch

        finished, found = [], []
        for row, _ in work:  # all of a prompt at once: not every layer can go on from a state by several tokens
            n = row.n_pending
            out = self.model(
                input_ids=torch.tensor([row.ids[row.n_done :]], device=self.device),
                use_cache=True,
                **self._state(row, n),
            )
            self.caches[row.slot] = getattr(out, self._name)
            self.n_forward_tokens += n
            row.n_done += n
            finished.append(row)
            found.append(out.logits[0, -1])
        return finished, torch.stack(found) if found else None

    def release(self, row: Row, *, is_kept: bool) -> None:
        """Forget it."""
        self.caches.pop(row.slot, None)
        row.slot, row.n_done = -1, 0

    def shrink(self) -> None:
        """Forget all of them."""
        self.caches.clear()

    def close(self) -> None:
        """Forget all of them."""
        self.caches.clear()

    def _state(self, row: Row, n: int) -> dict[str, Any]:
        """The cache of a row by the name that the model has for it, and the positions where it takes any."""
        import torch
        from transformers import DynamicCache

        cache = self.caches.get(row.slot) or DynamicCache(config=self.model.config)
        positions = torch.arange(row.n_done, row.n_done + n, device=self.device).unsqueeze(0)
        return {self._name: cache} | ({"position_ids": positions} if "position_ids" in self._parameters else {})
