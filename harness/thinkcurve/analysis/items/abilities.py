"""Models ranked by ability where they were not all asked the same problems (`irt`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from thinkcurve.analysis.basis.grid import Floats, Grid, outer_groups, units_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.items.expected import expected_accuracies
from thinkcurve.analysis.items.irt import BLOCKS, Fit, Replicates, fit, jackknife_se, without_blocks
from thinkcurve.budget import effort_of

MOST_VALUES = 200_000
"""Respondents times problems up to which standard errors are made by fitting again without each block of problems."""
FEWEST_BLOCKS = BLOCKS // 2
"""Blocks below which a standard error by them is too uncertain itself."""


class Ability(msgspec.Struct, frozen=True):
    """One respondent: a model (``place`` numbers models of one name) at a budget.

    ``raw`` is the accuracy over the ``n_problems`` that it was asked, ``expected`` the one over all problems of the
    task that anybody was asked: its own answers, and what its ability says of those it was not asked, with a 95 %
    interval over problems (or outer groups, where there are any). Where it was asked all of them the two are the same.
    ``ability`` is in standard deviations of abilities. ``better_than_next`` is the chance that it is better than the
    one ranked below it; ``None`` where that cannot be told: both right, or both wrong, in all that they were asked.
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
    ``n_common`` is how many problems all respondents were asked. ``notes`` say which runs are not ranked, as they asked
    other problems under the same ids.
    """

    task: str
    fitted: str | None
    n_problems: int
    n_common: int
    has_converged: bool
    ranking: tuple[Ability, ...]
    reason: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Errors:
    """Standard errors of abilities (I,); ``replicates`` made them where the fit is not too large for that."""

    ability: Floats
    replicates: Replicates | None


@dataclass(frozen=True, eq=False)
class _Responses:
    """Mean answers of I respondents to J problems (I, J), NaN where none, and of how many attempts (I,); who they are;
    outer groups (J,), if any."""

    table: Floats
    n_attempts: Floats
    names: list[tuple[str, str, int | None, int]]
    groups: NDArray[Any] | None


def abilities_of(grids: Sequence[Grid]) -> Abilities:
    """The ranking of the respondents of grids of one task.

    Repeats of a problem are one answer, their mean: they never make a problem count more than once. A standard error
    is the larger of two: of the posterior, which takes the problems as known but knows how little an ability at the
    edge (all right) rests on; and, unless the fit is too large for it, of fits without each block of problems, or of
    whole outer groups. Expected accuracies are those of `thinkcurve.analysis.items.expected`.
    """
    responses = _responses(grids)
    is_asked = ~np.isnan(responses.table)
    n_common = int(is_asked.all(axis=0).sum())
    task, n_problems = grids[0].task, responses.table.shape[1]
    try:
        found = fit(responses.table)
    except ValueError as error:
        return Abilities(task, None, n_problems, n_common, False, (), str(error))
    errors = _errors(responses, found)
    expected = expected_accuracies(
        responses.table, responses.n_attempts, found, groups=responses.groups, without=errors.replicates
    )
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
                expected=expected[i],
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
    of_posterior = _Errors(found.se, None)
    n_units = int(units_of(responses.table.shape[1], responses.groups).max()) + 1
    if responses.table.size > MOST_VALUES or n_units < FEWEST_BLOCKS:
        return of_posterior
    without = without_blocks(responses.table, found, groups=responses.groups)
    if len(without.share) < FEWEST_BLOCKS:
        return of_posterior
    ability = jackknife_se(found.ability, without.ability, without.share)
    return _Errors(np.maximum(found.se, ability), without)


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
    rows, names, n_attempts = [], [], []
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
            n_attempts.append(float(grid.drawn[:, at].sum()))
            names.append((grid.model, grid.control, budget, seen[grid.model, grid.control]))
    table = np.array(rows).reshape(-1, len(place))
    is_any = (~np.isnan(table)).any(axis=0)
    numbers: dict[object, int] = {}
    problems = list(place)
    keys = [group_of.get(problems[at], (problems[at],)) for at in np.flatnonzero(is_any)]
    groups = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=int)
    return _Responses(table[:, is_any], np.array(n_attempts), names, outer_groups(groups) if group_of else None)
