"""Coverage of what is left: s1's Scaling, fits of pass@k over k, demand, comparisons of sizes, self-correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd
from ladders import LADDER, many, true_curves, two_models
from of_curves import RESAMPLES, ends
from rows import Ends, Interval, of_panel
from scipy.optimize import nnls
from worlds import Floats

from thinkcurve.analysis.allocation.demand import project
from thinkcurve.analysis.basis.ratios import ratio_over
from thinkcurve.analysis.basis.resample import draws, mean_over
from thinkcurve.analysis.behaviour.thinking import thinking_of
from thinkcurve.analysis.fitting.fits import fit_forms
from thinkcurve.analysis.fitting.forms import COVERAGE_FORMS
from thinkcurve.analysis.fitting.s1 import s1_of, scaling
from thinkcurve.analysis.fitting.series import coverage_series
from thinkcurve.analysis.frontiers.sizes import compare_sizes
from thinkcurve.backend import Visibility

# s1


def slopes(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`s1_of`: both Scalings."""
    found = s1_of(two_models(rng, n, n_samples)[0].grid(), n_resamples=RESAMPLES)
    return {"per token": ends(found.scaling_per_token), "per doubling": ends(found.scaling_per_doubling)}


def _true_slope(*, is_per_doubling: bool) -> float:
    x, y = true_curves()[0]
    return float(scaling(np.log2(x) if is_per_doubling else x, y))


# pass@k over k

A, B = -1.5, -0.3
MOST_K = 8


@cache
def _chances() -> tuple[Floats, Floats]:
    """Chances of problems, and how many have each, whose mean pass@k is exp(A k^B) up to `MOST_K`."""
    p, ks = np.append(0, np.logspace(-5, 0, 600)), np.arange(1, MOST_K + 1)
    conditions = np.vstack([1 - (1 - p) ** ks[:, None], np.ones_like(p)])
    weights, error = nnls(conditions, np.append(np.exp(A * ks**B), 1.0))
    assert error < 1e-9
    return p, weights / weights.sum()


def covered(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`fit_forms` of pass@k: its parameters, where it says that the points tell them."""
    chances, shares = _chances()
    right = rng.binomial(n_samples, rng.choice(chances, n, p=shares))
    series = coverage_series(right, np.full(n, n_samples), n_resamples=RESAMPLES)
    fit = fit_forms(series, COVERAGE_FORMS[:1]).forms[0]
    return {p.name: ends(p) for p in fit.parameters if p.is_identifiable}


# demand

VOLUME = 1e6
ASKED = (1024, 4096)
"""The budgets that are asked about."""


def demanded(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`project`: tokens in all, and those that half and nineteen of twenty requests stay below."""
    grid = two_models(rng, n, n_samples, ASKED)[0].grid(budgets=ASKED)
    grid.attempts["generated_tokens"] = grid.attempts["thinking_tokens"]
    found = project(grid, volume=VOLUME, n_resamples=RESAMPLES)
    low, high = ends(found[-1].tokens_p95)
    high = np.inf if low is not None and high is None else high  # no attempt is so long
    total, half = found[0].generated_tokens, found[0].tokens_p50
    return {"total": ends(total), "p50": ends(half), "p95": (low, high)}


@cache
def _quantile(budget: int, share: float) -> float:
    return float(np.quantile(many(1)[0].spent[:, LADDER.index(budget)], share))


# sizes


def sized(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`compare_sizes`: the gap at a cost between, less the true one, and the cheapest point against the dearest."""
    models = two_models(rng, n, n_samples)
    one, many_ = np.ones((1, n)), np.concatenate(list(draws(n, n_resamples=RESAMPLES)))
    sums = [(model.costs, np.ones_like(model.costs), model.means) for model in models]

    def curves(weights: Floats) -> list[tuple[Floats, Floats]]:
        return [(ratio_over(weights, spent, n_drawn), mean_over(weights, means)) for spent, n_drawn, means in sums]

    found = compare_sizes(*curves(one), *curves(many_), units=n)
    at = found.at[len(found.at) // 2]
    low, high = ends(at.difference)
    true = _gap(at.cost)
    gap = (None, None) if low is None or high is None else (low - true, high - true)
    return {"gap": gap, "extremes": ends(found.extremes.difference)}


def _gap(cost: float) -> float:
    first, second = (float(np.interp(np.log2(cost), np.log2(x), y)) for x, y in true_curves())
    return second - first


# self-correction

RATE = 4.0
"""Words of self-correction per 1,000 tokens, on average over problems; traces are as long where there are more."""


def corrected(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`thinking_of`: markers per 1,000 tokens, of problems that differ in how often a trace turns round."""
    tokens = np.maximum(rng.lognormal(6, 0.8, (n, n_samples)), 1).astype(int)
    rates = rng.gamma(2.0, RATE / 2, (n, 1))
    turns = rng.poisson(rates * tokens / 1000)
    traces = pd.DataFrame(
        {
            "problem": np.repeat([f"t/test/{i}" for i in range(n)], n_samples),
            "budget": np.nan,
            "visibility": Visibility.FULL,
            "token_ids": [()] * turns.size,
            "text": ["so " + "\nWait, no.\n" * turn for turn in turns.reshape(-1)],
            "thinking_tokens": tokens.reshape(-1),
            "waits": [()] * turns.size,
        }
    )
    return {"rate": ends(thinking_of(traces)[0].markers_per_1k)}


def of_rest() -> Iterator[Interval]:
    """What the package prints of these."""
    for figure, is_doubling in (("per token", False), ("per doubling", True)):
        study = of_panel(slopes, figure, lambda _, of=is_doubling: _true_slope(is_per_doubling=of))
        yield Interval(f"s1's Scaling, {figure}", "bootstrap", "ladders", study, panel="slopes")
    for name, value in {"a": A, "b": B}.items():
        study = of_panel(covered, name, lambda _, value=value: value)
        yield Interval(f"coverage: {name}", "resamples", "exp(a k^b)", study, MOST_K, panel="covered")
    truths = {
        "total": ("tokens of a million requests", lambda _: VOLUME * true_curves()[0][0][LADDER.index(ASKED[0])]),
        "p50": ("tokens that half stay below", lambda _: _quantile(ASKED[0], 0.5)),
        "p95": ("tokens that 95 % stay below", lambda _: _quantile(ASKED[1], 0.95)),
    }
    for name, (estimate, truth) in truths.items():
        by = "bootstrap" if name == "total" else "inverted"
        yield Interval(estimate, by, "ladders", of_panel(demanded, name, truth), panel="demanded")
    study = of_panel(sized, "gap", lambda _: 0.0)
    yield Interval("two models at one cost", "percentiles", "ladders", study, panel="sized")
    study = of_panel(sized, "extremes", lambda _: float(true_curves()[1][1][0] - true_curves()[0][1][-1]))
    yield Interval("cheapest against dearest point", "percentiles", "ladders", study, panel="sized")
    study = of_panel(corrected, "rate", lambda _: RATE)
    yield Interval("self-correction per 1,000 tokens", "bootstrap", "gamma rates", study, most=200, panel="corrected")
