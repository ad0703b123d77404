"""How sure a model was of its answer, from the log-probabilities of its tokens: scores to choose among samples by."""

from __future__ import annotations

import math
from typing import NamedTuple

from thinkcurve.backend import Generation


class Certainty(NamedTuple):
    """Means over the tokens of one answer, in nats; ``None`` where the log-probabilities did not come."""

    mean_logprob: float | None
    self_certainty: float | None


def certainty_of(generation: Generation) -> Certainty:
    """The mean log-probability of the tokens that were drawn, and self-certainty.

    Self-certainty is the mean over tokens of -(1/V) sum_j log(V p_j) (Kang et al. 2025, arXiv 2502.18581, section 4).
    Engines tell the ``k`` most likely tokens only, so the sum is over those, without the constant log V: the token
    confidence of Fu et al. 2025 (arXiv 2508.15260, section 3.1). It compares samples of one model at one k.
    """
    return Certainty(_mean(generation.logprobs or ()), _confidence(generation.top_logprobs or ()))


def _confidence(tops: tuple[dict[int, float], ...]) -> float | None:
    tokens = tuple(-value for top in tops if (value := _mean(tuple(top.values()))) is not None)
    return _mean(tokens) if len(tokens) == len(tops) else None


def _mean(values: tuple[float, ...]) -> float | None:
    if not values or not all(map(math.isfinite, values)):
        return None
    return math.fsum(values) / len(values)
