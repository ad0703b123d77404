"""Each problem by itself: how it fared over the ladder, whether it tells models apart, and what is odd about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.allocation.needs import THRESHOLD, sufficient
from thinkcurve.analysis.basis.grid import CORRECT, INCORRECT, MISSING, NO_ANSWER, UNVERIFIED, Floats, Grid
from thinkcurve.analysis.basis.interval import known
from thinkcurve.analysis.items.discrimination import Discrimination, answers_of, discrimination_of

SIGNS = {CORRECT: "✓", INCORRECT: "x", NO_ANSWER: ".", UNVERIFIED: "!", MISSING: "–"}
"""What stands for a budget in ``pattern`` where all samples agree."""


class Item(msgspec.Struct, frozen=True):
    """One problem. ``accuracies`` are means over samples at each budget, ``None`` where there is no attempt.

    ``pattern`` has one sign a budget: ``✓`` all right, ``x`` all wrong, ``.`` no answer, ``!`` unverified, ``–`` no
    attempt; a digit is the tenths of samples that are right. ``is_solved`` says that there is a b*, and
    ``sufficient_budget`` is it: from there on to the last the mean stays at 1/2 or above (a budget may be ``None``, the
    natural end; ``sufficient_effort`` names it where it is a level of effort). ``fall`` is the largest drop of accuracy
    from a budget to a later one, ``rise`` the largest gain, both as drawn: with few samples much of it is luck.
    ``discrimination`` is the correlation with the rest score within budgets; ``flags`` are of ``never_right``,
    ``always_right``, ``right_then_wrong`` and ``against_the_rest`` (only where that is more than chance).
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
    sufficient_effort: str | None
    fall: float
    rise: float
    discrimination: float | None
    flags: tuple[str, ...]


class ItemTable(msgspec.Struct, frozen=True):
    """The problems of one (model, task, control), the most telling first.

    That order is by ``fall``, then ``rise``, then the distance of ``discrimination`` from 0. ``n_respondents`` is on
    how many respondents (samples of a model, whatever their budgets) the discrimination rests, ``notes`` which runs are
    not among them, as they asked other problems under the same ids.
    """

    model: str
    task: str
    control: str
    budgets: tuple[int | None, ...]
    efforts: tuple[str | None, ...] | None
    n_respondents: int
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


def items_of(grid: Grid, others: Sequence[Grid] = ()) -> ItemTable:
    """The problems of a grid; the columns of ``others`` on the same task help to tell their discrimination."""
    answers = answers_of(grid, [grid, *(other for other in others if other.task == grid.task and other is not grid)])
    items = _items(grid, discrimination_of(answers))
    items.sort(key=lambda item: (-item.fall, -item.rise, -abs(item.discrimination or 0.0)))
    efforts = grid.efforts if any(grid.efforts) else None
    return ItemTable(*grid.name, grid.budgets, efforts, answers.n_respondents, tuple(items))


def _items(grid: Grid, found: Discrimination) -> list[Item]:
    levels, groups = _texts(grid.levels, grid), _texts(grid.named_groups, grid)
    n_attempts, n_samples, places = grid.drawn.sum(axis=1), grid.drawn.max(axis=1), sufficient(grid.means)
    items = []
    for i, (problem, means) in enumerate(zip(grid.problems, grid.means, strict=True)):
        is_solved = bool(places[i] < len(grid.budgets))
        items.append(
            Item(
                problem=problem,
                level=levels[i],
                group=groups[i],
                n_attempts=int(n_attempts[i]),
                n_samples=int(n_samples[i]),
                accuracies=tuple(known(mean) for mean in means),
                pattern="".join(_sign(grid, i, at) for at in range(len(grid.budgets))),
                is_solved=is_solved,
                sufficient_budget=grid.budgets[places[i]] if is_solved else None,
                sufficient_effort=grid.efforts[places[i]] if is_solved else None,
                fall=_largest_change(means, -1),
                rise=_largest_change(means, 1),
                discrimination=known(found.correlation[i]),
                flags=_flags(means, is_against=bool(found.is_against[i])),
            )
        )
    return items


def _largest_change(means: Floats, sign: int) -> float:
    """The largest gain (``sign`` 1) or drop (-1) from a budget to a later one; 0 where there is none."""
    drawn = sign * means[~np.isnan(means)]
    return float(max(0.0, (drawn - np.minimum.accumulate(drawn)).max())) if len(drawn) else 0.0


def _sign(grid: Grid, problem: int, at: int) -> str:
    codes = grid.verdicts[problem, at]
    codes = codes[codes != MISSING]
    if not len(codes):
        return SIGNS[MISSING]
    if (codes == codes[0]).all():
        return SIGNS[int(codes[0])]
    share = float((codes == CORRECT).mean())
    return SIGNS[INCORRECT] if share == 0 else str(min(9, max(1, round(10 * share))))


def _flags(means: Floats, *, is_against: bool) -> tuple[str, ...]:
    drawn = means[~np.isnan(means)]
    if not len(drawn):
        return ()
    claims = {
        "never_right": drawn.max() == 0,
        "always_right": drawn.min() == 1,
        "right_then_wrong": drawn.max() >= THRESHOLD > drawn[-1],
        "against_the_rest": is_against,
    }
    return tuple(flag for flag, holds in claims.items() if holds)


def _texts(values: NDArray[Any] | None, grid: Grid) -> list[str | None]:
    return [None] * len(grid.problems) if values is None else [_text(value) for value in values]


def _text(value: object) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
