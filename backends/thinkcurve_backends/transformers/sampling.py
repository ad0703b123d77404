"""One token for each row of logits, by that row's own settings and its own random number.

The filters come in the order temperature, top-k, top-p, min-p, each as in transformers' own logits processors. A row's
token is found by inverting its cumulative distribution at one number between 0 and 1: one number a token, so that a
request draws the same tokens whoever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thinkcurve.backend import Sampling

if TYPE_CHECKING:
    import torch


def draw(logits: torch.Tensor, settings: Sequence[Sampling], numbers: Sequence[float]) -> list[int]:
    """A token for each row of ``logits`` (rows, vocabulary), drawn at ``numbers`` in [0, 1).

    Every temperature must be above 0: greedy rows need no draw.
    """
    import torch

    device = logits.device
    probabilities = filtered(logits, settings)
    # float64 keeps the cumulative sum exact enough for any vocabulary; Apple's GPUs have none.
    exact = probabilities.cpu().double() if device.type == "mps" else probabilities.double()
    total = exact.cumsum(-1)
    wanted = torch.tensor(numbers, dtype=torch.float64, device=exact.device).unsqueeze(1)
    highest = total[:, -1:]
    places = torch.minimum(wanted * highest, torch.nextafter(highest, torch.zeros_like(highest)))
    drawn: list[int] = torch.searchsorted(total, places, right=True).squeeze(1).tolist()
    return drawn


def filtered(logits: torch.Tensor, settings: Sequence[Sampling]) -> torch.Tensor:
    """The probabilities that remain of each row after temperature, top-k, top-p and min-p; float32."""
    import torch

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=logits.device).unsqueeze(1)

    n_tokens = logits.shape[-1]
    scores = logits.float() / column([s.temperature for s in settings])
    if any(s.top_k > 0 or s.top_p < 1 for s in settings):
        ranked, order = scores.sort(dim=-1, descending=True)
        limits = [min(s.top_k or n_tokens, n_tokens) for s in settings]
        least = ranked.gather(1, torch.tensor(limits, device=logits.device).unsqueeze(1) - 1)
        ranked = ranked.masked_fill(ranked < least, -torch.inf)
        if any(s.top_p < 1 for s in settings):
            shares = ranked.softmax(-1)
            before = shares.cumsum(-1) - shares
            ranked = ranked.masked_fill(
                before >= column([s.top_p if s.top_p < 1 else 2.0 for s in settings]), -torch.inf
            )
        scores = torch.full_like(scores, -torch.inf).scatter(1, order, ranked)
    probabilities = scores.softmax(-1)
    if any(s.min_p > 0 for s in settings):
        least = column([s.min_p for s in settings]) * probabilities.amax(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < least, 0.0)
    return probabilities


def log_probabilities(logits: torch.Tensor, tokens: Sequence[int], n_top: int) -> list[tuple[float, dict[int, float]]]:
    """For each row the natural log-probability of its token under the unfiltered model, and the ``n_top`` likeliest."""
    import torch

    logs = logits.float().log_softmax(-1)
    chosen = logs.gather(1, torch.tensor(tokens, device=logs.device).unsqueeze(1)).squeeze(1).tolist()
    if not n_top:
        return [(value, {}) for value in chosen]
    values, places = logs.topk(n_top, dim=-1)
    tops = [dict(zip(p, v, strict=True)) for p, v in zip(places.tolist(), values.tolist(), strict=True)]
    return list(zip(chosen, tops, strict=True))
