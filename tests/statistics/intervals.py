"""Coverage of the intervals of means, differences and ratios: all studies of a world are drawn at once, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from rows import Held, Interval, Study, held
from scipy.special import expit
from worlds import (
    MANY,
    MEAN_TOKENS,
    PAIRS,
    SPREAD,
    WORLDS,
    Contests,
    Floats,
    Ints,
    majority,
    majority_truth,
    pair_of,
    pass_truth,
    right_of,
    tokens_of,
    truth,
    votes_of,
)

from thinkcurve.analysis.basis.accuracy import Method, shares
from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.basis.resample import Statistic, bootstrap, mean_over, ratio_over
from thinkcurve.analysis.parallel.estimators import pass_at_k, pass_hat_k


def by_bootstrap(statistic: Statistic, n: int, true: float, *, is_share: bool = False) -> Held:
    """The package's BCa interval of all studies at once: they share the resamples, which know nothing of them.

    Where a share is 0 or 1 in every resample the package prints Wilson's interval, and so it counts here.
    """
    found = bootstrap(statistic, n)
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


def in_named_contests(world: str) -> Study:
    """Accuracy by contests of ten problems that make no difference: naming them must not narrow what is known."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        right = right_of(world, n, n_samples, n_studies, seed=n + n_samples)
        groups = np.arange(n) % max(10, n // 10)
        found = shares(right / n_samples, groups=groups, most=float(n * n_samples))
        return held(found.low, found.high, truth(world, lambda p: p))

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
        p, q = pair_of(world, rng, (n_studies, n))
        d = (rng.binomial(n_samples, q) - rng.binomial(n_samples, p)) / n_samples
        if is_bootstrap:
            return by_bootstrap(lambda weights: mean_over(weights, d.T), n, _true_gain(world))
        return _paired(d, None, n_samples, _true_gain(world))

    return study


def differences_in_contests(contests: Contests, *, is_clustered: bool) -> Study:
    """The gain of a second model on problems that come in contests, some of which suit it better than others."""

    def study(n: int, n_samples: int, n_studies: int) -> Held:
        rng = np.random.default_rng(n + n_samples)
        groups = contests.groups(n)
        p, q = contests.pair(rng, groups, n_studies)
        d = (rng.binomial(n_samples, q) - rng.binomial(n_samples, p)) / n_samples
        return _paired(d, groups if is_clustered else None, n_samples, contests.true_gain())

    return study


def _paired(d: Floats, groups: Ints | None, n_samples: int, true: float) -> Held:
    found = (paired_difference(row, groups=groups, is_single=n_samples == 1) for row in d)
    ends = np.array([[np.nan if end is None else end for end in (e.ci_low, e.ci_high)] for e in found])
    return np.where(np.isnan(ends[:, 0]), np.nan, held(ends[:, 0], ends[:, 1], true))


@cache
def _true_gain(world: str) -> float:
    p, q = pair_of(world, np.random.default_rng(5), (MANY,))
    return float((q - p).mean())


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


SATURATED = "1 % never, else 99.5 %"
CONTESTS = {"contests of one size": Contests(0.7, 0.3, True), "contests of all sizes": Contests(0.7, 0.3, False)}


def means() -> Iterator[Interval]:
    """What the package prints of means, differences and ratios."""
    for world in WORLDS:
        yield Interval("accuracy", "auto", world, accuracies(world, "auto"))
    for name, contests in CONTESTS.items():
        yield Interval("accuracy, by contest", "auto", name, in_contests(contests, is_clustered=True))
    yield Interval("accuracy, by contest", "auto", SATURATED, in_named_contests(SATURATED))
    for world in SPREAD:
        for name, values, true in _shares_of(world):
            yield Interval(name, "shares", world, of_share(values, true, is_closed=True), least=8)
    for world in PAIRS:
        yield Interval("paired difference", "paired", world, differences(world, is_bootstrap=False))
    for name, contests in CONTESTS.items():
        study = differences_in_contests(contests, is_clustered=True)
        yield Interval("paired difference, by contest", "paired", name, study)
    for name in ("tokens of an attempt", "tokens over tokens", "tokens for a right answer"):
        yield Interval(name, "bootstrap", "log-normal", costs(name))


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
    for name, contests in CONTESTS.items():
        yield Interval("accuracy, contests ignored", "auto", name, in_contests(contests, is_clustered=False))
    for world in SPREAD:
        for name, values, true in _shares_of(world):
            yield Interval(name, "bootstrap", world, of_share(values, true, is_closed=False), least=8)
    for world in (*SPREAD, PAIRS[-1]):
        yield Interval("paired difference", "bootstrap", world, differences(world, is_bootstrap=True))
    for name, contests in CONTESTS.items():
        study = differences_in_contests(contests, is_clustered=False)
        yield Interval("paired difference, contests ignored", "paired", name, study)
