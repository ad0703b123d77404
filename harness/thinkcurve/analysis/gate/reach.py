"""What an accuracy costs, new against base: ``tokens_to(0.6)``.

The cost at which each curve first reaches the accuracy, by the one rule of `thinkcurve.analysis.basis.between`, and
their ratio in resamples over the problems of both. A curve that does not reach it costs infinitely much.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.between import cost_to_reach
from thinkcurve.analysis.basis.grid import Floats, groups_among
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, known, n_units
from thinkcurve.analysis.basis.resample import RESAMPLES, draws, mean_over, ratio_over
from thinkcurve.analysis.comparison.sides import Side
from thinkcurve.analysis.gate.evidence import Resampled
from thinkcurve.analysis.gate.language import Condition
from thinkcurve.analysis.gate.measures import Finding, Noise
from thinkcurve.analysis.gate.pair import Pair


def reach_finding(condition: Condition, pair: Pair, *, n_resamples: int = RESAMPLES, seed: int = 0) -> Finding:
    """The finding of a condition ``AXIS_to(ACCURACY)``."""
    assert condition.target is not None
    target, axis = condition.target, condition.measure
    sides = pair.sides.of_ladder()
    n_samples = max(side.grid.verdicts.shape[2] for side in sides)
    asked = [np.all(np.any(side.is_drawn, axis=2), axis=1) for side in sides]
    is_complete: NDArray[np.bool_] = asked[0] & asked[1]
    n = int(is_complete.sum())
    unknown = [name for name, side in zip(("base", "new"), sides, strict=True) if _is_unknown(side, axis)]
    groups = groups_among(pair.groups, is_complete)

    def nothing(why: str) -> Finding:
        return Finding("curve", None, None, None, None, None, n, n_samples, why)

    if unknown:
        return nothing(f"{axis} of {' and '.join(unknown)} is not known")
    if n_units(n, groups) < FEWEST_UNITS:
        return nothing("no two problems have attempts of both at all budgets")
    tables = [_tables(side, axis, is_complete) for side in sides]
    base, new = (_costs(table, np.ones((1, n)), target) for table in tables)
    if not (np.isfinite(base[0]) or np.isfinite(new[0])):
        tops = " and ".join(f"{100 * float(table[0].mean(axis=0).max()):.1f} %" for table in tables)
        return nothing(f"neither reaches {100 * target:g} %: at best {tops}")
    resamples = [
        log_ratio(*(_costs(table, weights, target) for table in tables))
        for weights in draws(n, groups=groups, n_resamples=n_resamples, seed=seed)
    ]
    evidence = Resampled(float(log_ratio(base, new)[0]), np.concatenate(resamples), n_units(n, groups))
    noise = Noise(n * evidence.se**2) if math.isfinite(evidence.se) else None
    late = [name for name, cost in (("base", base[0]), ("new", new[0])) if not np.isfinite(cost)]
    why = f"{late[0]} does not reach {100 * target:g} %" if late else ""
    return Finding("curve", None, known(base[0]), known(new[0]), evidence, noise, n, n_samples, why)


def log_ratio(base: Floats, new: Floats) -> Floats:
    """log of new over base, of shape (R,): 0 where both are nothing, NaN where neither reaches the accuracy."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(new) - np.log(base)
    return np.where((base == 0) & (new == 0), 0.0, found)


def _is_unknown(side: Side, axis: str) -> bool:
    return bool((side.is_drawn & np.isnan(costs_of(side.grid, axis))).any())


def _tables(side: Side, axis: str, is_complete: NDArray[np.bool_]) -> tuple[Floats, ...]:
    """Accuracies, sums of costs and numbers of attempts of the complete problems, of shape (P, B)."""
    drawn = side.is_drawn[is_complete]
    costs = np.where(drawn, costs_of(side.grid, axis)[is_complete], 0.0).sum(axis=2)
    return side.means[is_complete], costs, drawn.sum(axis=2).astype(float)


def _costs(table: tuple[Floats, ...], weights: Floats, target: float) -> Floats:
    """The cost of the accuracy in each resample, of shape (R,), infinite where it is not reached."""
    means, sums, counts = table
    costs = ratio_over(weights, sums, counts)
    return cost_to_reach(costs, mean_over(weights, means), np.array([target]))[:, 0]
