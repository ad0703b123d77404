"""Each problem by itself: how it fared over the ladder, whether it tells models apart, and what is odd about it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import CORRECT, INCORRECT, MISSING, NO_ANSWER, UNVERIFIED, Floats, Grid

SOLVED = 0.5
"""The mean over samples from which a problem counts as solved at a budget."""
FEWEST_RESPONDENTS = 5
"""Columns of answers below which no correlation is given."""
SIGNS = {CORRECT: "✓", INCORRECT: "x", NO_ANSWER: ".", UNVERIFIED: "!", MISSING: "–"}
"""What stands for a budget in ``pattern`` where all samples agree."""


class Item(msgspec.Struct, frozen=True):
    """One problem. ``accuracies`` are means over samples at each budget, ``None`` where there is no attempt.

    ``pattern`` has one sign a budget: ``✓`` all right, ``x`` all wrong, ``.`` no answer, ``!`` unverified, ``–`` no
    attempt; a digit is the tenths of samples that are right. ``is_solved`` says that from ``sufficient_budget`` on to
    the last the mean stays at 1/2 or above (a budget may be ``None``, the natural end). ``fall`` is the largest drop
    of accuracy from a budget to a later one, ``rise`` the largest gain. ``discrimination`` is the correlation with the
    rest score, point-biserial where answers are 0 or 1; ``flags`` are of ``never_right``, ``always_right``,
    ``right_then_wrong`` and ``against_the_rest``.
    """

    problem: str
    level: str | None
    group: str | None
    n_attempts: int
    n_samples: int
    accuracies: tuple[float | None, ...]
    pattern: str
    is_solved: bool
    sufficient_budget: int | None
    fall: float
    rise: float
    discrimination: float | None
    flags: tuple[str, ...]


class ItemTable(msgspec.Struct, frozen=True):
    """The problems of one (model, task, control), the most telling first.

    That order is by ``fall``, then ``rise``, then the distance of ``discrimination`` from 0. ``n_respondents`` is on
    how many columns of answers (model, control, budget, sample) the discrimination rests.
    """

    model: str
    task: str
    control: str
    budgets: tuple[int | None, ...]
    efforts: tuple[str | None, ...] | None
    n_respondents: int
    items: tuple[Item, ...]


def items_of(grid: Grid, others: Sequence[Grid] = ()) -> ItemTable:
    """The problems of a grid; the columns of ``others`` on the same task help to tell their discrimination."""
    columns = _columns(grid, [grid, *(other for other in others if other.task == grid.task and other is not grid)])
    discrimination = discriminations(columns)
    means = grid.means
    drops = np.array([_largest_change(row, -1) for row in means])
    gains = np.array([_largest_change(row, 1) for row in means])
    levels, groups = grid.levels, _texts(grid, "group")
    n_attempts, n_samples = grid.drawn.sum(axis=1), grid.drawn.max(axis=1)
    items = []
    for i, problem in enumerate(grid.problems):
        place = _sufficient(means[i])
        items.append(
            Item(
                problem,
                None if levels is None else _text(levels[i]),
                groups[i],
                int(n_attempts[i]),
                int(n_samples[i]),
                tuple(None if mean != mean else float(mean) for mean in means[i]),
                "".join(_sign(grid, i, at) for at in range(len(grid.budgets))),
                place is not None,
                None if place is None else grid.budgets[place],
                float(drops[i]),
                float(gains[i]),
                None if np.isnan(discrimination[i]) else float(discrimination[i]),
                _flags(means[i], discrimination[i]),
            )
        )
    items.sort(key=lambda item: (-item.fall, -item.rise, -abs(item.discrimination or 0.0)))
    efforts = grid.efforts if any(grid.efforts) else None
    return ItemTable(*grid.name, grid.budgets, efforts, len(columns), tuple(items))


def discriminations(columns: Floats) -> Floats:
    """The correlation of each problem with the rest score, for columns of answers (R, P); NaN where not known.

    The rest score of a respondent is the mean of the other problems' answers, each less that problem's mean: so who
    was asked easy problems has no higher score. NaN for fewer than 5 respondents, and without any spread.
    """
    asked = ~np.isnan(columns)
    n_asked = asked.sum(axis=0)
    sums = np.where(asked, columns, 0.0).sum(axis=0)
    means = np.divide(sums, n_asked, out=np.zeros(len(n_asked)), where=n_asked > 0)
    excess = np.where(asked, columns - means, 0.0)
    others = asked.sum(axis=1, keepdims=True) - asked
    rest = np.divide(excess.sum(axis=1, keepdims=True) - excess, others, out=np.zeros(columns.shape), where=others > 0)
    use = asked & (others > 0)
    n = use.sum(axis=0)
    x, y = (np.where(use, v - np.where(use, v, 0).sum(axis=0) / np.maximum(n, 1), 0.0) for v in (excess, rest))
    below = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    has_spread = (n >= FEWEST_RESPONDENTS) & (below > 1e-9)
    return np.divide((x * y).sum(axis=0), below, out=np.full(columns.shape[1], np.nan), where=has_spread)


def _columns(grid: Grid, grids: Sequence[Grid]) -> Floats:
    """The answers of each (model, control, budget, sample) to the problems of ``grid``, (R, P); NaN where none."""
    place = {name: i for i, name in enumerate(grid.problems)}
    found = []
    for each in grids:
        common = np.array([(place[name], i) for i, name in enumerate(each.problems) if name in place], dtype=int)
        if not len(common):
            continue
        ours, theirs = common.T
        answers = np.where(each.is_drawn, each.is_correct, np.nan)[theirs].reshape(len(theirs), -1).T
        columns = np.full((len(answers), len(grid.problems)), np.nan)
        columns[:, ours] = answers
        found.append(columns[~np.isnan(columns).all(axis=1)])
    return np.concatenate(found)


def _sufficient(means: Floats) -> int | None:
    """The first place from which the mean stays at 1/2 or above, gaps left out; ``None`` where the last is below."""
    known = np.flatnonzero(~np.isnan(means))
    if not len(known) or means[known[-1]] < SOLVED:
        return None
    below = known[means[known] < SOLVED]
    return int(known[0] if not len(below) else known[known > below[-1]][0])


def _largest_change(means: Floats, sign: int) -> float:
    """The largest gain (``sign`` 1) or drop (-1) from a budget to a later one; 0 where there is none."""
    known = sign * means[~np.isnan(means)]
    return float(max(0.0, (known - np.minimum.accumulate(known)).max())) if len(known) else 0.0


def _sign(grid: Grid, problem: int, at: int) -> str:
    codes = grid.verdicts[problem, at]
    codes = codes[codes != MISSING]
    if not len(codes):
        return SIGNS[MISSING]
    if (codes == codes[0]).all():
        return SIGNS[int(codes[0])]
    share = float((codes == CORRECT).mean())
    return SIGNS[INCORRECT] if share == 0 else str(min(9, max(1, round(10 * share))))


def _flags(means: Floats, discrimination: float) -> tuple[str, ...]:
    known = means[~np.isnan(means)]
    if not len(known):
        return ()
    flags = []
    if known.max() == 0:
        flags.append("never_right")
    if known.min() == 1:
        flags.append("always_right")
    if known.max() >= SOLVED > known[-1]:
        flags.append("right_then_wrong")
    if discrimination < 0:
        flags.append("against_the_rest")
    return tuple(flags)


def _texts(grid: Grid, column: str) -> list[str | None]:
    if column not in grid.attempts:
        return [None] * len(grid.problems)
    first = grid.rows.reshape(len(grid.problems), -1).max(axis=1)
    return [_text(value) for value in grid.attempts[column].to_numpy(dtype=object)[first]]


def _text(value: object) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
