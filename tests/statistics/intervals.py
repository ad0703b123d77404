"""The intervals whose coverage is measured: each draws studies of a world and says which of them hold the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from worlds import (
    MANY,
    MEAN_TOKENS,
    WORLDS,
    Contests,
    Floats,
    better,
    majority,
    majority_truth,
    pass_truth,
    right_of,
    tokens_of,
    truth,
    votes_of,
)

from thinkcurve.analysis.basis import between
from thinkcurve.analysis.basis.accuracy import Method, shares
from thinkcurve.analysis.basis.between import area_between, log_ratio
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.basis.resample import RESAMPLES, Statistic, bootstrap, draws, mean_over, ratio_over
from thinkcurve.analysis.comparison.paired import paired_difference
from thinkcurve.analysis.frontiers.reach import accuracy_at, cost_to_reach
from thinkcurve.analysis.parallel.estimators import pass_at_k, pass_hat_k

Held = NDArray[np.bool_]
Study = Callable[[int, int, int], Held]
"""Problems, samples of each and studies to which of the studies held the truth."""
BLOCK = 100
"""Studies of curves that are resampled at once."""
FEW = 400
"""Resamples of curves, where the package takes 2,000: their coverage comes out a little low."""
between.LEVELS = 16
"""Accuracies at which compute is compared, where the package takes 64: the mean over them is all but the same."""


@dataclass(frozen=True)
class Interval:
    """One row: what is estimated, by which interval, in which world. ``least`` is the fewest samples it needs."""

    estimate: str
    by: str
    world: str
    study: Study
    least: int = 1


def held(low: Floats, high: Floats, true: float) -> Held:
    """Whether the truth lies within."""
    return (low <= true) & (true <= high)


def by_bootstrap(
    statistic: Statistic, n: int, true: float, *, is_share: bool = False, n_resamples: int = RESAMPLES
) -> Held:
    """The package's BCa interval of all studies at once: they share the resamples, which know nothing of them.

    Where a share is 0 or 1 in every resample the package prints Wilson's interval, and so it counts here.
    """
    found = bootstrap(statistic, n, n_resamples=n_resamples)
    low, high = found.low, found.high
    if is_share:
        is_sure = (low == high) & ((found.value == 0) | (found.value == 1))
        ends = wilson(found.value, n)
        low, high = np.where(is_sure, ends[0], low), np.where(is_sure, ends[1], high)
    return held(low, high, true)


def accuracies(world: str, method: Method) -> Study:
    """Accuracy, by one of the methods."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        right = right_of(world, n, n_samples, n_studies, seed=n + n_samples)
        found = shares(right / n_samples, method=method, most=float(n * n_samples))
        return held(found.low, found.high, truth(world, lambda p: p))

    return study


def in_contests(contests: Contests, *, is_clustered: bool) -> Study:
    """Accuracy of problems that come in contests, with and without regard to that."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        rng = np.random.default_rng(n + n_samples)
        groups = contests.groups(n)
        means = rng.binomial(n_samples, contests.draw(rng, groups, n_studies)) / n_samples
        found = shares(means, groups=groups if is_clustered else None, most=float(n * n_samples))
        return held(found.low, found.high, contests.truth())

    return study


def of_share(values: Callable[[int, int, int], Floats], true: Callable[[], float], *, is_closed: bool) -> Study:
    """A mean over problems of a share, values of shape (studies, n): by `shares`, or by the bootstrap."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        found = values(n, n_samples, n_studies)
        if is_closed:
            ends = shares(found, most=float(n * n_samples))
            return held(ends.low, ends.high, true())
        return by_bootstrap(lambda weights: mean_over(weights, np.round(found.T, 12)), n, true(), is_share=True)

    return study


def passes(world: str, k: int, *, of_all: bool = False) -> Callable[[int, int, int], Floats]:
    """pass@k of each problem, or pass^k."""
    chance = pass_hat_k if of_all else pass_at_k

    def values(n: int, n_samples: int, n_studies: int) -> Floats:
        right = right_of(world, n, n_samples, n_studies, seed=n + n_samples)
        return chance(np.arange(n_samples + 1), np.full(n_samples + 1, n_samples), [k])[right, 0]

    return values


def majorities(world: str, k: int) -> Callable[[int, int, int], Floats]:
    """maj@k of each problem."""

    def values(n: int, n_samples: int, n_studies: int) -> Floats:
        rng = np.random.default_rng(n + n_samples)
        return majority(votes_of(rng, WORLDS[world](rng, (n_studies, n)), n_samples), k)

    return values


def differences(world: str, *, is_bootstrap: bool) -> Study:
    """The gain of a second model on the same problems."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        rng = np.random.default_rng(n + n_samples)
        p = WORLDS[world](rng, (n_studies, n))
        d = (rng.binomial(n_samples, better(p, rng)) - rng.binomial(n_samples, p)) / n_samples
        true = _true_gain(world)
        if is_bootstrap:
            return by_bootstrap(lambda weights: mean_over(weights, d.T), n, true)
        ends = (paired_difference(row, is_single=n_samples == 1) for row in d)
        return np.array([(e.ci_low or 0.0) <= true <= (e.ci_high or 0.0) for e in ends])

    return study


@cache
def _true_gain(world: str) -> float:
    rng = np.random.default_rng(5)
    p = WORLDS[world](rng, (MANY,))
    return float((better(p, rng) - p).mean())


def costs(name: str) -> Study:
    """Means of tokens, of sums over sums: each model's, the one over the other's, and tokens for a right answer."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        rng = np.random.default_rng(n + n_samples)
        first, second = tokens_of(rng, (n, n_studies), n_samples)
        right = rng.binomial(n_samples, _solves(first)) / n_samples
        above, below, true = {
            "tokens of an attempt": (first, np.ones_like(first), MEAN_TOKENS),
            "tokens over tokens": (second, first, 1.6),
            "tokens for a right answer": (first, right, _true_price(n_samples)),
        }[name]
        return by_bootstrap(lambda weights: ratio_over(weights, above, below), n, true)

    return study


def _solves(tokens: Floats) -> Floats:
    """What needs long thinking is solved less often."""
    return expit(0.5 - 0.5 * np.log(tokens / 400))


@cache
def _true_price(n_samples: int) -> float:
    rng = np.random.default_rng(6)
    solved = [_solves(tokens_of(rng, (MANY // 20,), n_samples)[0]).mean() for _ in range(20)]
    return float(MEAN_TOKENS / np.mean(solved))


LADDER = np.array([64.0, 256.0, 1024.0, 4096.0])
BETWEEN, TARGET = np.array([200.0]), np.array([0.4])
"""A cost and an accuracy between points of the ladder."""
Curve = tuple[Floats, Floats]
"""Tokens and accuracies of curves, both of shape (R, B)."""


def _two_curves(rng: np.random.Generator, shape: tuple[int, ...], n_samples: int) -> list[Curve]:
    """Tokens and accuracies of problems at each budget, (..., B), for two models; a model's budgets share a trace.

    The second needs two thirds of the thinking, and both find the same problems hard.
    """
    hard, chance = rng.normal(6, 1.1, shape), rng.beta(4, 1, shape)[..., None]
    found = []
    for pace in (1, 2 / 3):
        own = np.exp(hard + rng.normal(0, 0.5, shape))[..., None]
        needed = pace * own * np.exp(rng.normal(0, 0.5, (*shape, n_samples)))
        is_able = rng.random((*shape, n_samples)) < chance
        right = [((needed <= b) & is_able).mean(axis=-1) for b in LADDER]
        spent = [np.minimum(needed, b).mean(axis=-1) for b in LADDER]
        found.append((np.stack(spent, axis=-1), np.stack(right, axis=-1)))
    return found


@cache
def _true_curves() -> list[Curve]:
    curves = _two_curves(np.random.default_rng(7), (MANY,), 1)
    return [(spent.mean(axis=0)[None], right.mean(axis=0)[None]) for spent, right in curves]


def _logs(curve: Curve) -> Curve:
    return np.log2(curve[0]), curve[1]


OF_CURVES: dict[str, Callable[[Curve, Curve], Floats]] = {
    "accuracy at a cost": lambda base, _: accuracy_at(*base, BETWEEN)[:, 0],
    "cost of an accuracy": lambda base, _: cost_to_reach(*base, TARGET)[:, 0],
    "area between curves": lambda base, new: area_between(_logs(base), _logs(new)),
    "compute ratio at equal accuracy": lambda base, new: log_ratio(_logs(base), _logs(new)),
}
"""What is read off one curve, or off two."""


def on_ladder(name: str) -> Study:
    """What lies between the points of curves: by BCa, the cost of an accuracy by percentiles."""
    of = OF_CURVES[name]

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        true = float(of(*_true_curves())[0])
        rng = np.random.default_rng(n + n_samples)
        blocks = range(0, n_studies, BLOCK)
        return np.concatenate([block(rng, n, n_samples, min(BLOCK, n_studies - start), true) for start in blocks])

    def block(rng: np.random.Generator, n: int, n_samples: int, n_studies: int, true: float) -> Held:
        data = _two_curves(rng, (n, n_studies), n_samples)

        def statistic(weights: Floats) -> Floats:
            curves = (tuple(mean_over(weights, part).reshape(-1, len(LADDER)) for part in curve) for curve in data)
            return of(*curves).reshape(len(weights), n_studies)

        if name != "cost of an accuracy":
            return by_bootstrap(statistic, n, true, n_resamples=FEW)
        found = np.concatenate([statistic(weights) for weights in draws(n, n_resamples=FEW)])
        low, high = np.quantile(found, [0.025, 0.975], axis=0, method="inverted_cdf")
        return held(low, high, true)

    return study


def defaults() -> Iterator[Interval]:
    """What the package prints."""
    for world in WORLDS:
        yield Interval("accuracy", "auto", world, accuracies(world, "auto"))
    for name, is_even in {"contests of one size": True, "contests of all sizes": False}.items():
        study = in_contests(Contests(0.7, 0.3, is_even), is_clustered=True)
        yield Interval("accuracy, by contest", "auto", name, study)
    for world in list(WORLDS)[:2]:
        for name, values, true in _shares_of(world):
            yield Interval(name, "shares", world, of_share(values, true, is_closed=True), least=8)
        yield Interval("paired difference", "paired", world, differences(world, is_bootstrap=False))
    for name in ("tokens of an attempt", "tokens over tokens", "tokens for a right answer"):
        yield Interval(name, "bootstrap", "log-normal", costs(name))
    for name in OF_CURVES:
        by = "percentiles" if name == "cost of an accuracy" else "bootstrap"
        yield Interval(name, by, "ladders", on_ladder(name))


def _shares_of(world: str) -> Iterator[tuple[str, Callable[[int, int, int], Floats], Callable[[], float]]]:
    for k in (2, 8):
        yield f"pass@{k}", passes(world, k), lambda k=k: pass_truth(world, k)
    yield "pass^4", passes(world, 4, of_all=True), lambda: truth(world, lambda p: p**4)
    for k in (3, 8):
        yield f"maj@{k}", majorities(world, k), lambda k=k: majority_truth(world, k)


def choices() -> Iterator[Interval]:
    """What the defaults were chosen from."""
    for world in WORLDS:
        for method in ("wilson", "t", "jeffreys", "clopper_pearson"):
            yield Interval("accuracy", method, world, accuracies(world, method))
    for name, is_even in {"contests of one size": True, "contests of all sizes": False}.items():
        study = in_contests(Contests(0.7, 0.3, is_even), is_clustered=False)
        yield Interval("accuracy, contests ignored", "auto", name, study)
    for world in list(WORLDS)[:2]:
        for name, values, true in _shares_of(world):
            yield Interval(name, "bootstrap", world, of_share(values, true, is_closed=False), least=8)
        yield Interval("paired difference", "bootstrap", world, differences(world, is_bootstrap=True))
