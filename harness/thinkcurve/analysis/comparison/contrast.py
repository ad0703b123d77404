"""One curve against another: differences budget by budget, over the whole ladder, and over compute.

Only problems that both have are compared, at each budget only those that both have an attempt at. What was left out is
counted in the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats, Grid, groups_among, groups_of
from thinkcurve.analysis.basis.interval import n_units
from thinkcurve.analysis.basis.paired import PairedDifference, least_pull, paired_difference
from thinkcurve.analysis.basis.resample import RESAMPLES
from thinkcurve.analysis.comparison.exchange import Area, Ratio, over_compute
from thinkcurve.analysis.comparison.permutation import FLIPS, holm, mcnemar, sign_flips
from thinkcurve.analysis.comparison.power import (
    ALPHA,
    Variance,
    detectable_with,
    problems_enough,
    samples_needed,
    variance_of,
)
from thinkcurve.analysis.comparison.sides import Sides, same_answers, sides_of
from thinkcurve.budget import Budget, effort_of

WANTED = (0.05, 0.02, 0.01)
"""Differences that a reader may want to see next, as shares."""


class Difference(msgspec.Struct, frozen=True):
    """One budget. Accuracies are shares over the ``n_problems`` that both have attempts at; ``None`` is not known.

    ``difference`` is new minus base with its interval (`paired_difference`). ``p`` is that of the sign-flip test,
    ``p_holm`` adjusted over all budgets of the ladder, ``p_mcnemar`` the exact test where each problem has one attempt
    of each and there are no outer groups. ``n_better`` and ``n_worse`` are problems at which new has the higher or
    lower mean. ``detectable`` is the smallest difference that this design sees with power .8; ``problems_needed`` says
    how many problems show one of `WANTED` at these samples, ``samples_needed`` how many samples of each at these
    problems: ``None`` as a value where no number is enough, as a whole where single samples cannot tell.
    """

    budget: Budget
    effort: str | None
    base: float
    new: float
    difference: float
    se: float | None
    ci_low: float | None
    ci_high: float | None
    p: float
    p_holm: float
    p_mcnemar: float | None
    n_problems: int
    n_better: int
    n_worse: int
    detectable: float | None
    variance: Variance | None
    problems_needed: dict[str, int] | None
    samples_needed: dict[str, int | None] | None


class Contrast(msgspec.Struct, frozen=True):
    """Two curves of one task.

    ``p_curve`` is the one test of the whole curve (``None``: no budget in common), by ``n_flips`` sign patterns, all
    there are if ``is_exact``. ``mean`` is the difference averaged over the budgets. ``n_units`` counts what is drawn
    anew, problems or outer groups. Where samples are paired by seed ``n_dropped`` attempts are left out as their
    partner failed, ``n_unpaired`` as the other run has no sample of their number. Of ``n_pairs`` attempts with the same
    problem, budget and sample number in both ``n_same`` gave the same answer, word for word. ``n_lost`` counts problems
    that are left out at some budget as one of the runs has no attempt there. ``only_base_budgets`` and
    ``only_base_efforts`` (their names, where budgets are levels of effort) are those that new has not, and so on.
    """

    task: str
    base_model: str
    new_model: str
    base_control: str
    new_control: str
    alpha: float
    n_problems: int
    n_units: int
    n_only_base: int
    n_only_new: int
    only_base_budgets: tuple[Budget, ...]
    only_base_efforts: tuple[str | None, ...]
    only_new_budgets: tuple[Budget, ...]
    only_new_efforts: tuple[str | None, ...]
    points: tuple[Difference, ...]
    p_curve: float | None
    n_flips: int
    is_exact: bool
    mean: PairedDifference | None
    area: Area
    ratio: Ratio
    is_sample_paired: bool
    n_dropped: int
    n_unpaired: int
    n_same: int
    n_pairs: int
    n_lost: int
    notes: tuple[str, ...] = ()


def contrast(
    base: Grid,
    new: Grid,
    *,
    axis: str = "thinking_tokens",
    alpha: float = ALPHA,
    is_same_seed: bool = False,
    n_resamples: int = RESAMPLES,
    n_flips: int = FLIPS,
    seed: int = 0,
    notes: tuple[str, ...] = (),
) -> Contrast:
    """Two curves against each other. Raises `ValueError` where they have no problem in common."""
    sides = sides_of(base, new, is_same_seed=is_same_seed)
    budgets, groups, level = sides.budgets, groups_of([side.grid for side in sides.both]), 1 - alpha
    means = sides.means
    differences = means[1] - means[0]
    flips = sign_flips(differences, groups=groups, n_flips=n_flips, seed=seed)
    tests = _Tests(flips.p, holm(flips.p))
    n_same, n_pairs = same_answers(sides)
    area, ratio = over_compute(*sides.of_ladder(), axis, groups=groups, level=level, n_resamples=n_resamples, seed=seed)
    only = [tuple(b for b in grid.budgets if b not in budgets) for grid in (base, new)]
    return Contrast(
        task=base.task,
        base_model=base.model,
        new_model=new.model,
        base_control=base.control,
        new_control=new.control,
        alpha=alpha,
        n_problems=len(sides.problems),
        n_units=n_units(len(sides.problems), groups),
        n_only_base=len(base.problems) - len(sides.problems),
        n_only_new=len(new.problems) - len(sides.problems),
        only_base_budgets=only[0],
        only_base_efforts=tuple(effort_of(b, base.control) for b in only[0]),
        only_new_budgets=only[1],
        only_new_efforts=tuple(effort_of(b, new.control) for b in only[1]),
        points=tuple(_difference(sides, i, tests, groups, alpha) for i in np.flatnonzero(~np.isnan(flips.p)).tolist()),
        p_curve=flips.p_curve if budgets else None,
        n_flips=flips.n_flips,
        is_exact=flips.is_exact,
        mean=_mean(differences, groups, level),
        area=area,
        ratio=ratio,
        is_sample_paired=sides.is_paired,
        n_dropped=sides.n_dropped,
        n_unpaired=sides.n_unpaired,
        n_same=n_same,
        n_pairs=n_pairs,
        n_lost=int(np.isnan(differences).any(axis=1).sum()) if budgets else 0,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _Tests:
    """Of each budget, of shape (B,): p-values, and those of Holm; NaN is not known."""

    p: Floats
    p_holm: Floats


def _difference(sides: Sides, i: int, tests: _Tests, groups: NDArray[Any] | None, alpha: float) -> Difference:
    """The differences at the i-th common budget."""
    base, new = (means[:, i] for means in sides.means)
    gap = new - base
    is_both = ~np.isnan(gap)
    at = [places[i] for places in sides.places]
    drawn = [side.is_drawn[:, place] & is_both[:, None] for side, place in zip(sides.both, at, strict=True)]
    correct = [side.grid.is_correct[:, place] for side, place in zip(sides.both, at, strict=True)]
    is_single = all((cells.sum(axis=1)[is_both] == 1).all() for cells in drawn)
    found = paired_difference(gap, level=1 - alpha, groups=groups, is_single=is_single)
    n_better, n_worse = int((gap > 0).sum()), int((gap < 0).sum())
    variance = detectable = None
    if found.se is not None and found.df is not None and found.spread is not None:
        variance = variance_of(found.spread, (correct[0], correct[1]), (drawn[0], drawn[1]), is_paired=sides.is_paired)
        detectable = detectable_with(found.se, found.df, alpha=alpha)
    return Difference(
        budget=sides.budgets[i],
        effort=effort_of(sides.budgets[i], sides.base.grid.control),
        base=float(base[is_both].mean()),
        new=float(new[is_both].mean()),
        difference=found.difference,
        se=found.se,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        p=float(tests.p[i]),
        p_holm=float(tests.p_holm[i]),
        p_mcnemar=mcnemar(n_better, n_worse) if is_single and groups is None else None,
        n_problems=found.n_problems,
        n_better=n_better,
        n_worse=n_worse,
        detectable=detectable,
        variance=variance,
        problems_needed=_problems(variance, alpha) if variance else None,
        samples_needed=_samples(variance, found.n_problems, alpha) if variance else None,
    )


def _problems(variance: Variance, alpha: float) -> dict[str, int]:
    return {f"{wanted:g}": problems_enough(wanted, variance.total, alpha=alpha) for wanted in WANTED}


def _samples(variance: Variance, n: int, alpha: float) -> dict[str, int | None] | None:
    if variance.between is None or variance.within is None:
        return None
    found: dict[str, int | None] = {}
    least = detectable_with(least_pull(n), n - 1, alpha=alpha)  # of n problems, whatever their samples
    for wanted in WANTED:
        k = (
            None
            if least > wanted
            else samples_needed(wanted, n, between=variance.between, within=variance.within, alpha=alpha)
        )
        found[f"{wanted:g}"] = None if k is None else int(np.ceil(k))
    return found


def _mean(differences: Floats, groups: NDArray[Any] | None, level: float) -> PairedDifference | None:
    """The difference averaged over budgets, of the problems that have all of them."""
    over = differences.mean(axis=1) if differences.shape[1] else np.full(len(differences), np.nan)
    is_known = ~np.isnan(over)
    if not is_known.any():
        return None
    return paired_difference(over[is_known], level=level, groups=groups_among(groups, is_known))
