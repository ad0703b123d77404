"""What a condition is about, as evidence: shares of attempts, and what an attempt costs, problem by problem.

A share's worsening is the difference of two means over problems, with points as its unit. A cost's is the ratio of two
means, tested as its logarithm: what one problem moves that by is its cost over the mean of its side, new less base (the
delta method), so that what makes a problem dear for both is gone from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.accuracy import clusters_of
from thinkcurve.analysis.basis.axes import AXES, costs_of
from thinkcurve.analysis.basis.grid import NO_ANSWER, UNVERIFIED, Floats, Grid, units_of
from thinkcurve.analysis.comparison.sides import Side
from thinkcurve.analysis.gate.evidence import CERTAIN, Evidence, FromNothing, Normal, paired_evidence
from thinkcurve.analysis.gate.language import MEAN, Condition
from thinkcurve.analysis.gate.pair import Pair, failed_shares, lost_shares
from thinkcurve.analysis.parallel.estimators import majority_of, pass_at_k
from thinkcurve.budget import Budget

FLAGS = {"forced": "is_forced", "truncated_answers": "is_truncated_answer"}
CODES = {"no_answer": NO_ANSWER, "unverified": UNVERIFIED}


@dataclass(frozen=True)
class Noise:
    """Of one problem's worsening: its variance, and what of that more samples leave or take away (`power.Variance`).

    Over n problems the squared standard error is (``total`` + ``extra`` / n) / n: what is counted on top because hardly
    any problem differs (`paired_difference`) is soon outgrown. ``df`` are its degrees of freedom.
    """

    total: float
    extra: float = 0.0
    df: float = CERTAIN
    between: float | None = None
    within: float | None = None


@dataclass(frozen=True, eq=False)
class Finding:
    """What was measured for one condition in one place.

    ``evidence`` is ``None`` where there is none to judge by, and ``why`` says so; ``is_certain`` that new is as base
    without any doubt (both spent nothing). ``n_samples`` is the most that a problem has. ``hidden`` is how much worse
    the ``n_lost`` attempts that only new lost could make a share at most, were they all wrong.
    """

    scope: str
    budget: Budget
    base: float | None
    new: float | None
    evidence: Evidence | None
    noise: Noise | None
    n_problems: int
    n_samples: int
    why: str = ""
    is_certain: bool = False
    hidden: float = 0.0
    n_lost: int = 0


def findings(condition: Condition, pair: Pair) -> list[Finding]:
    """A finding for each budget that the condition is about. Raises `UsageError` where there is no such budget."""
    budgets = pair.sides.budgets
    if not budgets:
        return [Finding("curve", None, None, None, None, None, 0, 0, "the runs have no budget in common")]
    if condition.budget is None:
        return [_at(condition, pair, (budget,), "budget") for budget in budgets]
    if condition.budget == MEAN:
        return [_at(condition, pair, budgets, "mean")]
    return [_at(condition, pair, (pair.budget(condition.budget),), "budget")]


def _at(condition: Condition, pair: Pair, budgets: tuple[Budget, ...], scope: str) -> Finding:
    budget = budgets[0] if scope == "budget" else None
    if condition.measure == "failures":
        values = [share[:, None] for share in failed_shares(pair, budgets)]
        pair_groups = None
    else:
        values = [_values(condition, side, budgets) for side in pair.sides.both]
        pair_groups = pair.groups
    n_samples = max(int((~np.isnan(v)).sum(axis=1).max(initial=0)) for v in values)
    means = [_means(v) for v in values]
    is_both = ~(np.isnan(means[0]) | np.isnan(means[1]))
    n = int(is_both.sum())
    if not n:
        why = _nothing(condition, values)
        return Finding(scope, budget, None, None, None, None, 0, n_samples, why)
    base, new = (float(mean[is_both].mean()) for mean in means)
    if condition.is_relative and base == 0:
        spent = FromNothing(len(np.unique(units_of(len(means[1]), pair_groups)[is_both & (means[1] > 0)])))
        why = f"base spends none, new at {_counted(spent, pair_groups)}: more than any per cent of nothing"
        if new == 0:
            return Finding(scope, budget, base, new, None, None, n, n_samples, "neither spends any", is_certain=True)
        return Finding(scope, budget, base, new, spent, None, n, n_samples, why)
    if condition.is_relative:
        values = [v / mean for v, mean in zip(values, (base, new), strict=True)] if new else values
        if not new:
            return Finding(scope, budget, base, new, None, None, n, n_samples, "new spends none", is_certain=True)
        worse = math.log(new / base) + means[1] / new - means[0] / base
    else:
        worse = means[0] - means[1] if _is_better_higher(condition) else means[1] - means[0]
    worse = np.where(is_both, worse, np.nan)
    is_single = not condition.is_relative and scope == "budget" and _is_single(values, is_both)
    evidence = paired_evidence(worse, pair_groups, is_single=is_single)
    if evidence is None:
        return Finding(scope, budget, base, new, None, None, n, n_samples, "a single problem cannot tell")
    spread = _noise(values, worse, pair_groups, evidence, is_paired=pair.sides.is_paired)
    if condition.is_relative or condition.measure == "failures":
        return Finding(scope, budget, base, new, evidence, spread, n, n_samples)
    hidden, n_lost = lost_shares(pair, budgets, is_whole=condition.k is not None)
    return Finding(scope, budget, base, new, evidence, spread, n, n_samples, hidden=hidden, n_lost=n_lost)


def _counted(spent: FromNothing, groups: NDArray[Any] | None) -> str:
    unit = "problem" if groups is None else "group"
    return f"{spent.n_units:,} {unit}{'s' * (spent.n_units != 1)}"


def _values(condition: Condition, side: Side, budgets: tuple[Budget, ...]) -> Floats:
    """What each sample shows, the mean over budgets, of shape (P, S); NaN where one of them has no attempt, or its cost
    is not known. Of k samples together there is one value a problem."""
    grid = side.grid
    at = [grid.at(budget) for budget in budgets]
    if condition.k is not None:
        return np.asarray(_of_k(condition, side, at).mean(axis=1))[:, None]
    cells = _cells(condition.measure, grid)[:, at]
    values = np.where(side.is_drawn[:, at], cells, np.nan)
    if condition.measure in AXES and bool((side.is_drawn[:, at] & np.isnan(cells)).any()):
        values = np.full(values.shape, np.nan)
    return np.asarray(values.mean(axis=1))


def _cells(measure: str, grid: Grid) -> Floats:
    """Every attempt's value, of shape (P, B, S)."""
    if measure in AXES:
        return costs_of(grid, measure)
    if measure in FLAGS:
        return grid.flags(FLAGS[measure]).astype(float)
    if measure in CODES:
        return (grid.verdicts == CODES[measure]).astype(float)
    return grid.is_correct.astype(float)


def _of_k(condition: Condition, side: Side, at: list[int]) -> Floats:
    """pass@k or maj@k of each problem at some budgets, of shape (P, len(at))."""
    assert condition.k is not None
    if condition.measure.startswith("maj"):
        return np.asarray(majority_of(side.grid, [condition.k])[:, at, 0])
    right = (side.grid.is_correct & side.is_drawn).sum(axis=2)[:, at]
    return np.asarray(pass_at_k(right, side.is_drawn.sum(axis=2)[:, at], [condition.k])[..., 0])


def _is_better_higher(condition: Condition) -> bool:
    return condition.measure == "accuracy" or condition.k is not None


def _means(values: Floats) -> Floats:
    n = (~np.isnan(values)).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), n, out=np.full(len(values), np.nan), where=n > 0)


def _is_single(values: list[Floats], is_both: NDArray[np.bool_]) -> bool:
    """Whether every difference is of one attempt each."""
    counts = [(~np.isnan(v)).sum(axis=1)[is_both] for v in values]
    seen = np.concatenate([v[~np.isnan(v)] for v in values])
    return all(bool((n == 1).all()) for n in counts) and bool(np.isin(seen, (0.0, 1.0)).all())


def _nothing(condition: Condition, values: list[Floats]) -> str:
    """Why there is no problem to measure on."""
    empty = [name for name, v in zip(("base", "new"), values, strict=True) if np.isnan(v).all()]
    of = " and ".join(empty) or "one of the runs"
    if condition.measure in AXES:
        return f"{condition.measure} of {of} is not known"
    if condition.k is not None:
        return f"{of}: fewer than {condition.k} samples of a problem, or answers that are no votes"
    return "no problem has an attempt of both"


def _noise(
    values: list[Floats], worse: Floats, groups: NDArray[Any] | None, evidence: Normal, *, is_paired: bool
) -> Noise:
    """Where the variance of a problem's worsening lies (Miller 2024, arXiv 2411.00640, section 5)."""
    of = clusters_of(worse, groups)
    problems = float(of.n_problems)
    total = float((of.pulls**2).sum()) / problems
    extra = max(0.0, (problems * evidence.se) ** 2 - problems * total)
    parts = [values[1] - values[0]] if is_paired and values[0].shape == values[1].shape else values
    n = np.array([(~np.isnan(v)).sum(axis=1) for v in parts])
    is_told = (n > 1).all(axis=0)
    if not is_told.any():
        return Noise(total, extra, evidence.df)
    variances = [np.nanvar(v[is_told], axis=1, ddof=1) for v in parts]
    within = float(sum(variance.mean() for variance in variances))
    of_means = float(sum((variance / k[is_told]).mean() for variance, k in zip(variances, n, strict=True)))
    return Noise(total, extra, evidence.df, max(0.0, total - of_means), within)
