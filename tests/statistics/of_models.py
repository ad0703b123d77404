"""Coverage of what the package says of strata and of several models: densities, routers, abilities, memberships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
from ladders import Ladder, line
from of_curves import RESAMPLES, ends
from rows import Ends, Interval, of_panel
from scipy.special import expit
from worlds import Floats

from thinkcurve.analysis.allocation.menu import LEVEL, menu_of
from thinkcurve.analysis.allocation.router import route
from thinkcurve.analysis.frontiers.density import densities
from thinkcurve.analysis.frontiers.frontier import on_axis
from thinkcurve.analysis.frontiers.pareto import is_undominated
from thinkcurve.analysis.frontiers.points import Entry, points_of
from thinkcurve.analysis.items.abilities import abilities_of
from thinkcurve.analysis.items.strata import strata_of

AXIS = "thinking_tokens"

# strata

LEVELS = {1: 0.9, 2: 0.7, 3: 0.5, 4: 0.3, 5: 0.1}
"""The mean chance of the problems of each level."""


def stratified(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`strata_of`: a fifth of the problems at each level, and the hardest fifth by other samples."""
    levels = np.arange(n) % 5 + 1
    mean = np.array([LEVELS[level] for level in levels])
    made = line(rng, n, n_samples, rng.beta(5 * mean, 5 * (1 - mean))[:, None], (64,))
    found = {strata.by: strata.strata for strata in strata_of(made.grid(budgets=(64,), levels=levels))}
    cells = {f"level {stratum.name}": stratum.cells[0] for stratum in found["level"]}
    cells |= {f"fifth {stratum.name}": stratum.cells[0] for stratum in found["difficulty"]}
    own = {name: ends(cell and cell.accuracy) for name, cell in cells.items()}
    return own | {f"{name}, pooled": ends(cell and cell.pooled) for name, cell in cells.items()}


@cache
def _hardest_fifth(n_samples: int) -> float:
    """The accuracy of the problems that the other samples put into the hardest fifth, ties shared, of very many."""
    rng = np.random.default_rng(9)
    mean = np.repeat(np.array(list(LEVELS.values())), 200_000)
    p = rng.beta(5 * mean, 5 * (1 - mean))
    others = rng.binomial(n_samples - 1, p)
    room, total, right = len(p) / 5, 0.0, 0.0
    for count in range(n_samples):
        own = p[others == count]
        share = min(1.0, (room - total) / len(own))
        total, right = total + share * len(own), right + share * own.sum()
        if share < 1:
            break
    return float(right / total)


# densities

SIZES = (10**9, 4 * 10**9, 16 * 10**9)
ACTUAL, EFFECTIVE = 3 * 10**9, 6 * 10**9
"""Active parameters of the reference family, and of a model outside of it that does as well as one twice its size."""


def dense(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`densities` of a model outside of the reference family."""
    hard = rng.uniform(-1, 1, n)
    entries = []
    for size, as_good_as in [*((size, size) for size in SIZES), (ACTUAL, EFFECTIVE)]:
        chances = expit(-0.8 + 0.5 * np.log(as_good_as / SIZES[0])) + 0.24 * hard + 0.06 * rng.uniform(-1, 1, n)
        name = f"Family-{size // 10**9}B" if size in SIZES else "other"
        made = line(rng, n, n_samples, chances[:, None], (64,)).grid(name, budgets=(64,))
        entries.append(Entry(made, name=name, active_parameters=size))
    found = densities(points_of(entries), n_resamples=RESAMPLES)
    other = next((density for density in found if density.entry == len(SIZES)), None)
    low, high = ends(other and other.density)
    if other is None or (low is None and high is None):
        return {}
    return {"density": (0.0 if low is None else low, np.inf if high is None else high)}


# routers

EASY, HARD = (0.9, 0.9), (0.1, 0.7)
"""Chances of an easy and of a hard problem at the small and at the large budget."""
CHEAP, DEAR = 64, 1024


def routed(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`route` by levels, at the point that gives easy problems the small budget and hard ones the large."""
    is_hard = rng.random(n) < 0.5
    chances = np.where(is_hard[:, None], HARD, EASY) + 0.08 * rng.uniform(-1, 1, (n, 1))
    grid = line(rng, n, n_samples, chances, (CHEAP, DEAR)).grid(budgets=(CHEAP, DEAR), levels=1 + is_hard)
    menu = menu_of([grid], signal=LEVEL, axis=AXIS)
    router = menu and route(menu, n_repeats=2, n_resamples=RESAMPLES)
    points = router.points if router else ()
    point = next((point for point in points if point.by_level == {"1": 0, "2": 1}), None)
    if point is None:
        return {}
    return {"accuracy": ends(point.accuracy), "cost": ends(point.cost), "gain": ends(point.gain)}


# abilities

ABILITIES = np.array([-1.2, -0.7, -0.2, 0.3, 0.8, 1.2])
ASKED = 0.7
"""The share of the problems that each of six models is asked."""


def able(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`abilities_of` six models, and the accuracy that they are expected to have over all problems."""
    chances = _chances(rng, n)
    grids = []
    for i, chance in enumerate(chances):
        asked = np.flatnonzero(rng.random(n) < ASKED)
        made: Ladder = line(rng, len(asked), n_samples, chance[asked, None], (64,))
        grids.append(made.grid(str(i), budgets=(64,), of_task=asked))
    found = abilities_of(grids)
    return {respondent.model: ends(respondent.expected) for respondent in found.ranking}


def _chances(rng: np.random.Generator, n: int) -> Floats:
    slope, easiness = np.exp(rng.normal(0, 0.3, n)), rng.normal(0, 1.2, n)
    return expit(ABILITIES[:, None] * slope + easiness)


@cache
def _expected() -> Floats:
    return _chances(np.random.default_rng(10), 1_000_000).mean(axis=1)


# memberships

N_MODELS = 6


def memberships(rng: np.random.Generator, n: int, n_samples: int) -> list[tuple[float, bool]]:
    """The probability that `on_axis` gives each of six points to be on the frontier, and whether it truly is.

    Points cost ever twice as much; what they truly get is drawn anew in each study, better on the whole with cost.
    """
    true = np.clip(0.3 + 0.04 * np.arange(N_MODELS) + rng.normal(0, 0.05, N_MODELS), 0.1, 0.9)
    hard = rng.normal(0, 1, n)
    middle = _logits(true)
    budgets = tuple(64 * 2**i for i in range(N_MODELS))
    right = rng.random((n, N_MODELS, n_samples)) < expit(middle + hard[:, None])[:, :, None]
    spent = np.broadcast_to(np.array(budgets, dtype=float)[:, None], right.shape)
    points = points_of([Entry(Ladder(right, spent).grid(budgets=budgets))])
    found = on_axis(points, AXIS, costs=[], targets=[], n_resamples=RESAMPLES)
    truly = is_undominated(np.array([budgets], dtype=float), true[None])[0]
    return [(float(p.resample_share or 0.0), bool(is_on)) for p, is_on in zip(found.points, truly, strict=True)]


def _logits(means: Floats) -> Floats:
    """The middle of normal log odds of spread 1 whose mean chance is each of ``means``."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    at = np.linspace(-5, 5, 2001)
    mean = expit(at[:, None] + nodes) @ weights / weights.sum()
    return np.asarray(np.interp(means, mean, at))


def of_models() -> Iterator[Interval]:
    """What the package prints of strata and of several models."""
    for level in (1, 3):
        for pooled in ("", ", pooled"):
            true = LEVELS[level]
            study = of_panel(stratified, f"level {level}{pooled}", lambda _, true=true: true)
            by = "posterior" if pooled else "shares"
            yield Interval(f"level of n/5 problems{pooled}", by, f"mean {true}", study, panel="strata")
    study = of_panel(stratified, "fifth 1", _hardest_fifth)
    yield Interval("hardest fifth, cross-fitted", "Wilson", "five levels", study, 8, panel="strata")
    study = of_panel(dense, "density", lambda _: EFFECTIVE / ACTUAL)
    yield Interval("density outside of the family", "percentiles", "three sizes", study, panel="density")
    for figure, value in {"accuracy": 0.8, "cost": (CHEAP + DEAR) / 2, "gain": 0.15}.items():
        study = of_panel(routed, figure, lambda _, value=value: value)
        by = "shares" if figure == "accuracy" else "bootstrap"
        yield Interval(f"router by level: {figure}", by, "easy and hard", study, panel="router")
    for place, name in ((0, "weakest"), (3, "fourth")):
        study = of_panel(able, str(place), lambda _, place=place: float(_expected()[place]))
        estimate = f"expected accuracy of the {name} of six"
        yield Interval(estimate, "jackknife", "item response", study, most=200, panel="abilities")
