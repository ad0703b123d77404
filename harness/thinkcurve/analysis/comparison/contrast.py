"""One curve against another: differences budget by budget, over the whole ladder, and over compute.

Only problems that both have are compared, at each budget only those that both have an attempt at. What was left out is
counted in the record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats, Grid, outer_groups
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, mean_over
from thinkcurve.analysis.comparison.exchange import Area, Ratio, over_compute
from thinkcurve.analysis.comparison.paired import (
    FLIPS,
    PairedDifference,
    holm,
    mcnemar,
    paired_difference,
    sign_flips,
)
from thinkcurve.analysis.comparison.power import (
    ALPHA,
    Variance,
    detectable_with,
    problems_needed,
    samples_needed,
    variance_of,
)
from thinkcurve.budget import Budget, Control, budget_key, effort_of

WANTED = (0.05, 0.02, 0.01)
"""Differences that a reader may want to see next, as shares."""


class Difference(msgspec.Struct, frozen=True):
    """One budget. Accuracies are shares over the ``n_problems`` that both have attempts at; ``None`` is not known.

    ``difference`` is new minus base with its t-interval, ``boot_low`` and ``boot_high`` the BCa interval beside it.
    ``p`` is that of the sign-flip test, ``p_holm`` adjusted over all budgets of the ladder, ``p_mcnemar`` the exact
    test where each problem has one attempt of each. ``n_better`` and ``n_worse`` are problems at which new has the
    higher or lower mean. ``detectable`` is the smallest difference that this design sees with power .8;
    ``problems_needed`` says how many problems show one of `WANTED` at these samples, ``samples_needed`` how many
    samples of each at these problems: ``None`` as a value where no number is enough, as a whole where single samples
    cannot tell.
    """

    budget: Budget
    effort: str | None
    base: float
    new: float
    difference: float
    se: float | None
    ci_low: float | None
    ci_high: float | None
    boot_low: float | None
    boot_high: float | None
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
    anew, problems or outer groups. ``n_dropped`` are attempts whose partner of the same seed failed. Of ``n_pairs``
    attempts with the same problem, budget and sample number in both ``n_same`` gave the same answer, word for word.
    ``n_lost`` counts problems that are left out at some budget as one of the runs has no attempt there.
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
    only_new_budgets: tuple[Budget, ...]
    points: tuple[Difference, ...]
    p_curve: float | None
    n_flips: int
    is_exact: bool
    mean: PairedDifference | None
    area: Area
    ratio: Ratio
    is_sample_paired: bool
    n_dropped: int
    n_same: int
    n_pairs: int
    n_lost: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Side:
    """The attempts of one curve at the common problems: a `Grid`, and which cells of it count, of shape (P, B, S)."""

    grid: Grid
    is_drawn: NDArray[np.bool_]

    @property
    def means(self) -> Floats:
        """The mean over samples of each problem, of shape (P, B); NaN where there is none."""
        n = self.is_drawn.sum(axis=2)
        right = (self.grid.is_correct & self.is_drawn).sum(axis=2)
        return np.divide(right, n, out=np.full(n.shape, np.nan), where=n > 0)


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
    common = [problem for problem in base.problems if problem in set(new.problems)]
    if not common:
        raise ValueError("curves without a common problem cannot be compared")
    grids = _only(base, common), _only(new, common)
    is_paired = is_same_seed and base.samples == new.samples
    budgets = _common_budgets(*grids)
    sides, n_dropped = _sides(grids, budgets, is_paired)
    groups = outer_groups(grids[0].groups)
    level = 1 - alpha
    places = [[side.grid.at(b) for b in budgets] for side in sides]
    means = [side.means[:, at] for side, at in zip(sides, places, strict=True)]
    differences = means[1] - means[0]
    flips = sign_flips(differences, groups=groups, n_flips=n_flips, seed=seed)
    is_told = ~np.isnan(flips.p)
    adjusted = holm(flips.p)
    points = []
    boot = _boot(differences[:, is_told], groups, level, n_resamples, seed)
    for i in np.flatnonzero(is_told):
        cells = [side.is_drawn[:, at[i]] for side, at in zip(sides, places, strict=True)]
        right = [side.grid.is_correct[:, at[i]] for side, at in zip(sides, places, strict=True)]
        at = int(is_told[:i].sum())
        points.append(
            _difference(
                budgets[i],
                base.control,
                (means[0][:, i], means[1][:, i]),
                (cells[0], cells[1]),
                (right[0], right[1]),
                (float(flips.p[i]), float(adjusted[i])),
                (boot[0][at], boot[1][at]) if boot else None,
                groups=groups,
                alpha=alpha,
                is_paired=is_paired,
            )
        )
    n_same, n_pairs = _same_answers(sides, places)
    over = _of_ladder(sides, places)
    area, ratio = over_compute(*over, axis, groups=groups, level=level, n_resamples=n_resamples, seed=seed)
    return Contrast(
        task=base.task,
        base_model=base.model,
        new_model=new.model,
        base_control=base.control,
        new_control=new.control,
        alpha=alpha,
        n_problems=len(common),
        n_units=len(common) if groups is None else len(np.unique(groups)),
        n_only_base=len(base.problems) - len(common),
        n_only_new=len(new.problems) - len(common),
        only_base_budgets=tuple(b for b in base.budgets if b not in budgets),
        only_new_budgets=tuple(b for b in new.budgets if b not in budgets),
        points=tuple(points),
        p_curve=flips.p_curve if budgets else None,
        n_flips=flips.n_flips,
        is_exact=flips.is_exact,
        mean=_mean(differences, groups, level),
        area=area,
        ratio=ratio,
        is_sample_paired=is_paired,
        n_dropped=n_dropped,
        n_same=n_same,
        n_pairs=n_pairs,
        n_lost=int(np.isnan(differences).any(axis=1).sum()) if budgets else 0,
        notes=notes,
    )


def _of_ladder(sides: tuple[Side, Side], places: list[list[int]]) -> tuple[Side, Side]:
    """The sides at their common budgets, where there are two: straight lines between the points of two ladders differ
    even where the models do not."""
    if len(places[0]) < 2:
        return sides
    return _at_places(sides[0], places[0]), _at_places(sides[1], places[1])


def _at_places(side: Side, at: list[int]) -> Side:
    grid = side.grid
    budgets = tuple(grid.budgets[i] for i in at)
    few = replace(grid, budgets=budgets, verdicts=grid.verdicts[:, at], rows=grid.rows[:, at])
    return Side(few, side.is_drawn[:, at])


def _only(grid: Grid, problems: list[str]) -> Grid:
    place = {problem: i for i, problem in enumerate(grid.problems)}
    return grid.only(np.array([place[problem] for problem in problems], dtype=np.int64))


def _common_budgets(base: Grid, new: Grid) -> list[Budget]:
    """Budgets that both have; a level of effort is never the same as a number of tokens."""
    if (base.control == Control.EFFORT) != (new.control == Control.EFFORT):
        return []
    return sorted(set(base.budgets) & set(new.budgets), key=budget_key)


def _sides(grids: tuple[Grid, Grid], budgets: list[Budget], is_paired: bool) -> tuple[tuple[Side, Side], int]:
    """Which attempts count. Where samples are paired by seed those whose partner failed are left out, and counted."""
    drawn = [grid.is_drawn.copy() for grid in grids]
    if not is_paired:
        return (Side(grids[0], drawn[0]), Side(grids[1], drawn[1])), 0
    n_before = sum(int(cells.sum()) for cells in drawn)
    for budget in budgets:
        i, j = (grid.at(budget) for grid in grids)
        both = drawn[0][:, i] & drawn[1][:, j]
        drawn[0][:, i], drawn[1][:, j] = both, both
    n_dropped = n_before - sum(int(cells.sum()) for cells in drawn)
    return (Side(grids[0], drawn[0]), Side(grids[1], drawn[1])), n_dropped


def _boot(
    differences: Floats, groups: NDArray[Any] | None, level: float, n_resamples: int, seed: int
) -> tuple[Floats, Floats] | None:
    """Ends of BCa intervals of each budget's mean difference."""
    n_units = len(differences) if groups is None else len(np.unique(groups))
    if not differences.shape[1] or n_units < 2:
        return None
    found = bootstrap(
        lambda weights: mean_over(weights, differences),
        len(differences),
        groups=groups,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )
    return found.low, found.high


def _difference(
    budget: Budget,
    control: str,
    means: tuple[Floats, Floats],
    drawn: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    correct: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    p: tuple[float, float],
    boot: tuple[float, float] | None,
    *,
    groups: NDArray[Any] | None,
    alpha: float,
    is_paired: bool,
) -> Difference:
    gap = means[1] - means[0]
    is_both = ~np.isnan(gap)
    is_single = all((cells[is_both].sum(axis=1) == 1).all() for cells in drawn)
    found = paired_difference(gap, level=1 - alpha, groups=groups, is_single=is_single)
    n_better, n_worse = int((gap > 0).sum()), int((gap < 0).sum())
    variance = None
    if found.se is not None:
        both = is_both[:, None]
        variance = variance_of(found.se, correct, (drawn[0] & both, drawn[1] & both), is_paired=is_paired)
    has_spread = variance is not None and variance.total > 0
    return Difference(
        budget=budget,
        effort=effort_of(budget, control),
        base=float(means[0][is_both].mean()),
        new=float(means[1][is_both].mean()),
        difference=found.difference,
        se=found.se,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        boot_low=known(boot[0]) if boot else None,
        boot_high=known(boot[1]) if boot else None,
        p=p[0],
        p_holm=p[1],
        p_mcnemar=mcnemar(n_better, n_worse) if is_single and groups is None else None,
        n_problems=found.n_problems,
        n_better=n_better,
        n_worse=n_worse,
        detectable=detectable_with(found.se, found.n_units, alpha=alpha) if found.se else None,
        variance=variance,
        problems_needed=_problems(variance, alpha) if variance and has_spread else None,
        samples_needed=_samples(variance, found.n_problems, alpha) if variance and has_spread else None,
    )


def _problems(variance: Variance, alpha: float) -> dict[str, int]:
    return {f"{d:g}": int(np.ceil(problems_needed(d, between=variance.total, alpha=alpha))) for d in WANTED}


def _samples(variance: Variance, n: int, alpha: float) -> dict[str, int | None] | None:
    if variance.between is None or variance.within is None:
        return None
    found: dict[str, int | None] = {}
    for wanted in WANTED:
        k = samples_needed(wanted, n, between=variance.between, within=variance.within, alpha=alpha)
        found[f"{wanted:g}"] = None if k is None else int(np.ceil(k))
    return found


def _mean(differences: Floats, groups: NDArray[Any] | None, level: float) -> PairedDifference | None:
    """The difference averaged over budgets, of the problems that have all of them."""
    over = differences.mean(axis=1) if differences.shape[1] else np.full(len(differences), np.nan)
    return None if np.isnan(over).all() else paired_difference(over, level=level, groups=groups)


def _same_answers(sides: tuple[Side, Side], places: list[list[int]]) -> tuple[int, int]:
    """How many attempts with the same problem, budget and sample gave the same answer, and how many such pairs are."""
    samples = [s for s in sides[0].grid.samples if s in sides[1].grid.samples]
    answers, drawn = [], []
    for side, at in zip(sides, places, strict=True):
        columns = [side.grid.samples.index(s) for s in samples]
        rows = side.grid.rows[:, at][:, :, columns]
        text = side.grid.attempts["answer"].to_numpy(dtype=object)
        answers.append(text[rows])
        drawn.append(rows >= 0)
    both = drawn[0] & drawn[1]
    return int(((answers[0] == answers[1]) & both).sum()), int(both.sum())


def known(value: float | np.floating[Any]) -> float | None:
    """The number, or ``None`` where it is NaN."""
    return None if np.isnan(value) else float(value)
