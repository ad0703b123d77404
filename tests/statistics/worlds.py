"""Worlds of which the truth is known, and studies of them: what the coverage of the intervals is measured on.

A world says how hard problems are. A study draws problems from it and answers each K times; 2,000 of them are drawn at
once, as arrays of shape (studies, problems, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from thinkcurve.analysis.parallel.estimators import majority_at_k

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

MANY = 2_000_000
"""Problems that a truth without a closed form is averaged over: its error is below a thirtieth of the standard error
of any study here."""
WRONG = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
"""How wrong answers are shared out among their classes: one wrong answer is liked best."""


def _lumpy(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    kind = rng.random(shape)
    return np.where(kind < 0.3, 0.0, np.where(kind < 0.6, 1.0, rng.beta(2, 2, shape)))


def _saturated(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return np.where(rng.random(shape) < 0.01, 0.0, 0.995)


WORLDS: dict[str, Draw] = {
    "Beta(2, 3)": lambda rng, shape: rng.beta(2, 3, shape),
    "30 % never, 30 % always": _lumpy,
    "Beta(9, 1)": lambda rng, shape: rng.beta(9, 1, shape),
    "1 % never, else 99.5 %": _saturated,
}
"""The chance that an answer to a problem is right: spread out; in lumps at 0 and 1; near 1; and a task that a model is
done with."""
SPREAD = tuple(WORLDS)[:2]
"""The worlds in which pass@k and the like are looked at."""


@cache
def _problems(world: str) -> Floats:
    return WORLDS[world](np.random.default_rng(1), (MANY,))


def truth(world: str, of: Callable[[Floats], Floats]) -> float:
    """The mean over the problems of a world of a function of their difficulty."""
    return float(of(_problems(world)).mean())


def right_of(world: str, n: int, n_samples: int, n_studies: int, seed: int) -> Ints:
    """Right answers out of ``n_samples``, of shape (studies, n)."""
    rng = np.random.default_rng(seed)
    return rng.binomial(n_samples, WORLDS[world](rng, (n_studies, n)))


def pass_truth(world: str, k: int) -> float:
    """The true pass@k."""
    return truth(world, lambda p: 1 - (1 - p) ** k)


def votes_of(rng: np.random.Generator, p: Floats, n_samples: int) -> Ints:
    """How many of the samples fall to each class of answers, of shape (..., classes), the right one first."""
    chances = np.concatenate([p[..., None], (1 - p)[..., None] * WRONG], axis=-1)
    return rng.multinomial(n_samples, chances)


def majority(counts: Ints, k: int) -> Floats:
    """maj@k of counts of shape (..., classes)."""
    flat = counts.reshape(-1, counts.shape[-1])
    sizes = np.concatenate([flat[:, :1], np.sort(flat[:, 1:], axis=1)], axis=1)
    base = (int(flat.sum(axis=1).max()) + 1) ** np.arange(flat.shape[1])
    _, first, place = np.unique(sizes @ base, return_index=True, return_inverse=True)
    found = majority_at_k(sizes[first], [k])[:, 0]
    return found[place.reshape(-1)].reshape(counts.shape[:-1])


@cache
def majority_truth(world: str, k: int) -> float:
    """The true maj@k, by votes of ``k`` samples on very many problems."""
    rng = np.random.default_rng(2)
    parts = (majority(votes_of(rng, WORLDS[world](rng, (MANY // 10,)), k), k).mean() for _ in range(10))
    return float(np.mean(list(parts)))


@dataclass(frozen=True)
class Contests:
    """Problems that come in contests: what a contest adds to the difficulty of its problems, and how large they are."""

    spread: float
    centre: float
    is_even: bool

    def groups(self, n: int) -> Ints:
        """The contest of each of n problems: ten problems each, or of very different sizes; ten contests at least."""
        n_groups = max(10, n // 10)
        if self.is_even:
            return np.arange(n) % n_groups
        rng = np.random.default_rng(3)
        size = rng.gamma(1, 1, n_groups)
        rest = rng.choice(n_groups, n - n_groups, p=size / size.sum())
        return np.concatenate([np.arange(n_groups), rest])

    def draw(self, rng: np.random.Generator, groups: Ints, n_studies: int) -> Floats:
        """The difficulty of each problem, of shape (studies, n)."""
        of_group = rng.normal(0, self.spread, (n_studies, groups.max() + 1))
        return expit(self.centre + of_group[:, groups] + rng.normal(size=(n_studies, len(groups))))

    def pair(self, rng: np.random.Generator, groups: Ints, n_studies: int) -> tuple[Floats, Floats]:
        """The difficulty of each problem for two models, of shape (studies, n); contests suit them differently."""
        of_group = rng.normal(0, 1, (2, n_studies, groups.max() + 1))[:, :, groups]
        first = self.centre + self.spread * of_group[0] + rng.normal(size=(n_studies, len(groups)))
        return expit(first), expit(first + 0.4 + self.spread * of_group[1] + rng.normal(0, 0.7, first.shape))

    @cache  # noqa: B019 - two of them live as long as the study
    def true_gain(self) -> float:
        """The true gain of the second, over all contests that could have been."""
        rng = np.random.default_rng(4)
        first = self.centre + rng.normal(0, np.hypot(self.spread, 1), MANY)
        second = first + 0.4 + rng.normal(0, np.hypot(self.spread, 0.7), MANY)
        return float((expit(second) - expit(first)).mean())

    @cache  # noqa: B019 - two of them live as long as the study
    def truth(self) -> float:
        """The true accuracy, over all contests that could have been."""
        rng = np.random.default_rng(4)
        return float(expit(self.centre + rng.normal(0, np.hypot(self.spread, 1), MANY)).mean())


def better(p: Floats, rng: np.random.Generator) -> Floats:
    """The chances of a second model on the same problems: better on most, worse on some."""
    return expit(logit(np.clip(p, 1e-9, 1 - 1e-9)) + 0.4 + rng.normal(0, 0.7, p.shape))


def _lost(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    return np.ones(shape), np.where(rng.random(shape) < 0.02, 0.0, 0.99)


PAIRS = (*WORLDS, "all right; new loses 2 %, else 99 %")
"""The worlds of two models: the second is `better`, and one in which it is a little worse than perfect."""


def pair_of(world: str, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The chances of two models on the same problems of a world."""
    if world not in WORLDS:
        return _lost(rng, shape)
    p = WORLDS[world](rng, shape)
    return p, better(p, rng)


def tokens_of(rng: np.random.Generator, shape: tuple[int, ...], n_samples: int) -> tuple[Floats, Floats]:
    """Thinking tokens of two models, means over samples of shape ``shape``: log-normal over problems, the second 1.6
    times as many, and its own part beside what both find long."""
    shared, own = rng.normal(0, 0.7, shape), rng.normal(0, 0.4, (2, *shape))
    each = np.exp(rng.normal(0, 0.4, (2, n_samples, *shape))).mean(axis=1)
    first, second = np.exp(6 + shared + own) * each
    return first, 1.6 * second


MEAN_TOKENS = float(np.exp(6 + (0.7**2 + 0.4**2 + 0.4**2) / 2))
"""The true mean of the first model's tokens."""
