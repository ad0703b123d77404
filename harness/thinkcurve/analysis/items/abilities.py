"""Models ranked by ability where they were not all asked the same problems (`irt`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from thinkcurve.analysis.basis.grid import Floats, Grid, outer_groups, units_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.items.irt import BLOCKS, Fit, Replicates, fit, jackknife_df, jackknife_se, without_blocks
from thinkcurve.budget import effort_of

MOST_VALUES = 200_000
"""Respondents times problems up to which standard errors are made by fitting again without each block of problems."""
FEWEST_BLOCKS = BLOCKS // 2
"""Blocks below which a standard error by them is too uncertain itself."""
CLOSEST = 1e-6
"""To 0 or 1, where log odds are taken."""


class Ability(msgspec.Struct, frozen=True):
    """One respondent: a model (``place`` numbers models of one name) at a budget.

    ``raw`` is the accuracy over the ``n_problems`` that it was asked, ``expected`` the one over all problems of the
    task that anybody was asked, as the model has it, with a 95 % interval over problems (or outer groups, where there
    are any). ``ability`` is in standard deviations of abilities. ``better_than_next`` is the chance that it is better
    than the one ranked below it; ``None`` where that cannot be told: both right, or both wrong, in all that they were
    asked.
    """

    model: str
    control: str
    budget: int | None
    effort: str | None
    place: int
    n_problems: int
    raw: float
    ability: float
    se: float
    expected: Interval
    better_than_next: float | None


class Abilities(msgspec.Struct, frozen=True):
    """A task's ranking, best first; empty with a ``reason`` where there is none.

    ``fitted`` is ``2pl``, or ``1pl`` (Rasch) where respondents are too few for a slope of each problem.
    ``n_common`` is how many problems all respondents were asked.
    """

    task: str
    fitted: str | None
    n_problems: int
    n_common: int
    has_converged: bool
    ranking: tuple[Ability, ...]
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class _Errors:
    """Standard errors of abilities and of expected accuracies (I,), and t's quantile for them; ``replicates`` made them
    where the fit is not too large for that."""

    ability: Floats
    expected: Floats
    quantile: float
    replicates: Replicates | None


@dataclass(frozen=True, eq=False)
class _Responses:
    """Mean answers of I respondents to J problems (I, J), NaN where none; who they are; outer groups (J,), if any."""

    table: Floats
    names: list[tuple[str, str, int | None, int]]
    groups: NDArray[Any] | None


def abilities_of(grids: Sequence[Grid]) -> Abilities:
    """The ranking of the respondents of grids of one task.

    Repeats of a problem are one answer, their mean: they never make a problem count more than once. A standard error
    is the larger of two: of the posterior, which takes the problems as known but knows how little an ability at the
    edge (all right) rests on; and, unless the fit is too large for it, of fits without each block of problems, or of
    whole outer groups. Intervals of expected accuracies are by t on the scale of log odds: they stay within 0 and 1.
    """
    responses = _responses(grids)
    is_asked = ~np.isnan(responses.table)
    n_common = int(is_asked.all(axis=0).sum())
    task, n_problems = grids[0].task, responses.table.shape[1]
    try:
        found = fit(responses.table)
    except ValueError as error:
        return Abilities(task, None, n_problems, n_common, False, (), str(error))
    expected, errors = found.expected(found.ability), _errors(responses, found)
    order = np.argsort(-found.ability, kind="stable")
    raw = np.nansum(responses.table, axis=1) / is_asked.sum(axis=1)
    ranking = []
    for i, after in zip_longest(order, order[1:]):
        model, control, budget, place = responses.names[i]
        ranking.append(
            Ability(
                model=model,
                control=control,
                budget=budget,
                effort=effort_of(budget, control),
                place=place,
                n_problems=int(is_asked[i].sum()),
                raw=float(raw[i]),
                ability=float(found.ability[i]),
                se=float(errors.ability[i]),
                expected=_interval(float(expected[i]), float(errors.expected[i]), errors.quantile),
                better_than_next=None
                if after is None or _are_alike(raw[i], raw[after])
                else _chance(found, errors, i, after),
            )
        )
    return Abilities(task, found.model, n_problems, n_common, found.has_converged, tuple(ranking))


def _are_alike(one: float, other: float) -> bool:
    """Whether both are right, or both wrong, in all that they were asked."""
    return one == other and one in (0, 1)


def _errors(responses: _Responses, found: Fit) -> _Errors:
    growth = (found.expected(found.ability + 0.01) - found.expected(found.ability - 0.01)) / 0.02
    of_posterior = _Errors(found.se, growth * found.se, float(ndtri(0.975)), None)
    n_units = int(units_of(responses.table.shape[1], responses.groups).max()) + 1
    if responses.table.size > MOST_VALUES or n_units < FEWEST_BLOCKS:
        return of_posterior
    without = without_blocks(responses.table, found, groups=responses.groups)
    if len(without.share) < FEWEST_BLOCKS:
        return of_posterior
    ability = jackknife_se(found.ability, without.ability, without.share)
    expected = jackknife_se(found.expected(found.ability), without.expected, without.share)
    quantile = float(stdtrit(jackknife_df(without.share), 0.975))
    return _Errors(np.maximum(found.se, ability), np.maximum(growth * found.se, expected), quantile, without)


def _interval(value: float, se: float, quantile: float) -> Interval:
    """Mean and ends that lie ``quantile`` standard errors off on the scale of log odds."""
    inside = min(max(value, CLOSEST), 1 - CLOSEST)
    half = quantile * se / (inside * (1 - inside))
    low, high = (float(expit(logit(inside) + side * half)) for side in (-1, 1))
    return Interval(value, min(low, value), max(high, value))


def _chance(found: Fit, errors: _Errors, better: int, worse: int) -> float | None:
    """The chance that the first is better, by a normal approximation to the difference."""
    error, gap = np.hypot(found.se[better], found.se[worse]), found.ability[better] - found.ability[worse]
    if errors.replicates is not None:
        without = errors.replicates.ability
        error = max(error, jackknife_se(gap, without[:, better] - without[:, worse], errors.replicates.share))
    return float(ndtr(gap / error)) if error > 0 else None


def _responses(grids: Sequence[Grid]) -> _Responses:
    """The answers of each grid at each budget."""
    place: dict[str, int] = {}
    group_of: dict[str, object] = {}
    for grid in grids:
        for i, problem in enumerate(grid.problems):
            place.setdefault(problem, len(place))
            if grid.named_groups is not None and (label := grid.named_groups[i]) is not None and label == label:
                group_of[problem] = label
    rows, names = [], []
    seen: dict[tuple[str, str], int] = {}
    for grid in grids:
        seen[grid.model, grid.control] = seen.get((grid.model, grid.control), 0) + 1
        columns = np.array([place[problem] for problem in grid.problems])
        for at, budget in enumerate(grid.budgets):
            if not grid.drawn[:, at].any():
                continue
            row = np.full(len(place), np.nan)
            row[columns] = grid.means[:, at]
            rows.append(row)
            names.append((grid.model, grid.control, budget, seen[grid.model, grid.control]))
    table = np.array(rows).reshape(-1, len(place))
    is_any = (~np.isnan(table)).any(axis=0)
    numbers: dict[object, int] = {}
    problems = list(place)
    keys = [group_of.get(problems[at], (problems[at],)) for at in np.flatnonzero(is_any)]
    groups = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=int)
    return _Responses(table[:, is_any], names, outer_groups(groups) if group_of else None)
