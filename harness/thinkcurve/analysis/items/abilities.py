"""Models ranked by ability where they were not all asked the same problems (`irt`)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.special import ndtr

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.items.irt import BLOCKS, Fit, fit, jackknife_se, without_blocks
from thinkcurve.budget import effort_of

MOST_VALUES = 200_000
"""Respondents times problems up to which standard errors are made by fitting again without each block of problems."""
CERTAINTY = 1.959963984540054


class Ability(msgspec.Struct, frozen=True):
    """One respondent: a model (``place`` numbers models of one name) at a budget.

    ``raw`` is the accuracy over the ``n_problems`` that it was asked, ``expected`` the one over all problems of the
    task that anybody was asked, as the model has it, with a 95 % interval over problems. ``ability`` is in standard
    deviations of abilities. ``better_than_next`` is the chance that it is better than the one ranked below it; ``None``
    where that cannot be told: both right, or both wrong, in all that they were asked.
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
    expected: float
    ci_low: float
    ci_high: float
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


def abilities_of(grids: Sequence[Grid]) -> Abilities:
    """The ranking of the respondents of grids of one task.

    Repeats of a problem are one answer, their mean: they never make a problem count more than once. A standard error
    is the larger of two: of the posterior, which takes the problems as known but knows how little an ability at the
    edge (all right) rests on; and, unless the fit is too large for it, of fits without each block of problems.
    """
    responses, names = _responses(grids)
    is_asked = ~np.isnan(responses)
    n_common = int(is_asked.all(axis=0).sum())
    task, n_problems = grids[0].task, responses.shape[1]
    try:
        found = fit(responses)
    except ValueError as error:
        return Abilities(task, None, n_problems, n_common, False, (), str(error))
    expected = found.expected(found.ability)
    se, expected_se, differences = found.se, _growth(found) * found.se, None
    if responses.size <= MOST_VALUES and n_problems >= BLOCKS:
        abilities, accuracies = without_blocks(responses, found)
        if len(abilities) >= BLOCKS // 2:
            differences = abilities
            se = np.maximum(se, jackknife_se(abilities))
            expected_se = np.maximum(expected_se, jackknife_se(accuracies))
    order = np.argsort(-found.ability, kind="stable")
    raw = np.nansum(responses, axis=1) / is_asked.sum(axis=1)
    ranking = []
    for rank, i in enumerate(order):
        low, high = (float(np.clip(expected[i] + side * CERTAINTY * expected_se[i], 0, 1)) for side in (-1, 1))
        better = None
        if rank + 1 < len(order) and not (raw[i] == raw[order[rank + 1]] and raw[i] in (0, 1)):
            better = _chance(found.ability, found.se, differences, i, order[rank + 1])
        model, control, budget, place = names[i]
        head = (model, control, budget, effort_of(budget, control), place, int(is_asked[i].sum()), float(raw[i]))
        tail = (float(found.ability[i]), float(se[i]), float(expected[i]), low, high, better)
        ranking.append(Ability(*head, *tail))
    return Abilities(task, found.model, n_problems, n_common, found.has_converged, tuple(ranking))


def _growth(found: Fit) -> Floats:
    """How fast the expected accuracy of each respondent grows with ability, by a central difference."""
    return (found.expected(found.ability + 0.01) - found.expected(found.ability - 0.01)) / 0.02


def _chance(ability: Floats, sd: Floats, without: Floats | None, better: int, worse: int) -> float | None:
    """The chance that the first is better, by a normal approximation to the difference."""
    error = float(np.hypot(sd[better], sd[worse]))
    if without is not None:
        error = max(error, float(jackknife_se(without[:, better] - without[:, worse])))
    gap = float(ability[better] - ability[worse])
    return float(ndtr(gap / error)) if error > 0 else None


def _responses(grids: Sequence[Grid]) -> tuple[Floats, list[tuple[str, str, int | None, int]]]:
    """Mean answers of each respondent to each problem, (I, J), NaN where none; and who the respondents are."""
    place: dict[str, int] = {}
    for grid in grids:
        for problem in grid.problems:
            place.setdefault(problem, len(place))
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
    return table[:, ~np.isnan(table).all(axis=0)], names
