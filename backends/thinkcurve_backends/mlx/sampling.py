"""How tokens are drawn on MLX: greedy for a whole batch at once, or from a key of the request's own.

MLX's random state is one for the whole process, so a draw from it depends on who else is in the batch. Here each draw
has a key made of the request's seed and the token's place, and no state is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import mlx.core as mx

from thinkcurve.backend import Sampling

Sampler = Callable[[mx.array], mx.array]
_MASK = (1 << 64) - 1


def greedy(logprobs: mx.array) -> mx.array:
    """The likeliest id of each row. One object for all greedy requests: mlx-lm then calls it once a step."""
    return mx.argmax(logprobs, axis=-1)


def sampler_of(sampling: Sampling, seed: int) -> Sampler:
    """A sampler for one request, to be called once a token with log-probabilities of shape (1, vocabulary)."""
    if sampling.temperature <= 0 or sampling.top_k == 1:
        return greedy
    return _Draws(sampling, seed)


class _Draws:
    """Draws of one request; ``place`` counts its tokens."""

    def __init__(self, sampling: Sampling, seed: int) -> None:
        self._sampling = sampling
        self._seed = seed
        self._place = 0

    def __call__(self, logprobs: mx.array) -> mx.array:
        key = mx.random.key(key_of(self._seed, self._place))
        self._place += 1
        return mx.random.categorical(allowed(logprobs, self._sampling), axis=-1, key=key)


def key_of(seed: int, place: int) -> int:
    """64 bits for one draw: splitmix64 (Steele, Lea, Flood 2014) over the seed and the place."""
    mixed = (seed + (place + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def allowed(logprobs: mx.array, sampling: Sampling) -> mx.array:
    """Unnormalised log-probabilities to draw from: temperature, then top-k, top-p and min-p; what is out is -inf."""
    values = logprobs * (1.0 / sampling.temperature)
    if 0 < sampling.top_k < values.shape[-1]:
        smallest = mx.min(mx.topk(values, sampling.top_k, axis=-1), axis=-1, keepdims=True)
        values = mx.where(values < smallest, -math.inf, values)
    if sampling.top_p < 1:
        values = _nucleus(values, sampling.top_p)
    if sampling.min_p > 0:
        floor = mx.max(values, axis=-1, keepdims=True) + math.log(sampling.min_p)
        values = mx.where(values < floor, -math.inf, values)
    return values


def _nucleus(values: mx.array, top_p: float) -> mx.array:
    """The likeliest ids that together reach ``top_p``, the one that reaches it included; always one at least."""
    ordered = mx.sort(values, axis=-1)
    probabilities = mx.softmax(ordered, axis=-1)
    above = mx.cumsum(probabilities, axis=-1, reverse=True, inclusive=False)
    is_out = above >= top_p
    n_out = mx.minimum(mx.sum(is_out, axis=-1, keepdims=True), values.shape[-1] - 1)
    return mx.where(values < mx.take_along_axis(ordered, n_out, axis=-1), -math.inf, values)
