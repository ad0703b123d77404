"""Two curves that a gate looks at: their attempts in line, what failed, and the budgets that conditions name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid, outer_groups
from thinkcurve.analysis.comparison.matches import Match
from thinkcurve.analysis.comparison.sides import Sides, same_answers, sides_of
from thinkcurve.analysis.missing import missing_of
from thinkcurve.budget import EFFORTS, Budget, Control, effort_of, format_budget, parse_budget
from thinkcurve.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from thinkcurve.run import Run

Failed = Mapping[tuple[str, Budget], int]
"""How many attempts did not come about, by problem and budget: they failed, or there is no record of them."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Base and new of one task. ``groups`` of shape (P,) are the outer groups of the common problems, if any.

    ``whole`` are both curves with all their problems, ``failed`` what did not come about of either; ``missing`` is how
    many of these are not even recorded as failed.
    """

    sides: Sides
    groups: NDArray[Any] | None
    whole: tuple[Grid, Grid]
    failed: tuple[Failed, Failed] = field(default=({}, {}))
    missing: tuple[int, int] = (0, 0)

    @property
    def grids(self) -> tuple[Grid, Grid]:
        """Both sides as grids of the common problems."""
        return self.sides.base.grid, self.sides.new.grid

    @property
    def task(self) -> str:
        """The task's name."""
        return self.grids[0].task

    @property
    def control(self) -> str:
        """How the base kept its budgets."""
        return self.grids[0].control

    def effort(self, budget: Budget) -> str | None:
        """The name of a budget that is a level of effort."""
        return effort_of(budget, self.control)

    def budget(self, word: str) -> Budget:
        """The common budget that a word names. Raises `UsageError` where there is none."""
        budgets = self.sides.budgets
        named = {format_budget(b, self.control): b for b in budgets}
        found = "none" if word == "natural" else word
        if found in named:
            return named[found]
        if (
            word not in EFFORTS
            and word != "natural"
            and self.control != Control.EFFORT
            and parse_budget(word) in budgets
        ):
            return parse_budget(word)
        known = ", ".join(named) or "none in common"
        raise UsageError(
            f"both runs have no budget {word!r} of {self.task!r}.{did_you_mean(word, named)} They have {known}"
        )


def pair_of(match: Match, runs: tuple[Run, Run] | None = None) -> Pair:
    """Two matched curves; ``runs`` are those that they are from, for what did not come about in them."""
    sides = sides_of(match.base, match.new, is_same_seed=match.is_same_seed)
    groups = outer_groups(sides.base.grid.groups)
    whole = match.base, match.new
    if runs is None:
        return Pair(sides, groups, whole)
    failed = [_failed(run, grid) for run, grid in zip(runs, whole, strict=True)]
    missing = [
        _missing(run, grid, of, other.problems)
        for run, grid, of, other in zip(runs, whole, failed, whole[::-1], strict=True)
    ]
    lost = [_together(*both) for both in zip(failed, missing, strict=True)]
    n_missing = sum(missing[0].values()), sum(missing[1].values())
    return Pair(sides, groups, whole, (lost[0], lost[1]), n_missing)


def _failed(run: Run, grid: Grid) -> dict[tuple[str, Budget], int]:
    counts: dict[tuple[str, Budget], int] = {}
    for model, task, problem, budget in run.failures[["model", "task", "problem", "budget"]].to_numpy().tolist():
        if (model, task) == (grid.model, grid.task):
            key = problem, None if budget is None or budget != budget else int(budget)
            counts[key] = counts.get(key, 0) + 1
    return counts


def _missing(run: Run, grid: Grid, failed: Failed, others: Sequence[str]) -> Failed:
    """Attempts of which a run has no record: at problems that it took some attempts of, and at those of which it has
    nothing left. Which the latter are is told by its questions, else they are taken to be of ``others``, the problems
    of the other run."""
    if not any((one.model, one.task) == (grid.model, grid.task) for one in missing_of(run)):
        return {}
    record = next(record for record in run.manifest.tasks if record.name == grid.task)
    seen = dict.fromkeys([*grid.problems, *(problem for problem, _ in failed)])
    asked = [question.problem for question in run.questions if question.task == grid.task] or others
    unseen = [problem for problem in asked if problem not in seen][: max(0, record.n_problems - len(seen))]
    rows = {problem: i for i, problem in enumerate(grid.problems)}
    counts: dict[tuple[str, Budget], int] = {}
    for budget in grid.budgets:
        drawn = grid.drawn[:, grid.at(budget)]
        for problem in [*seen, *unseen]:
            made = int(drawn[rows[problem]]) if problem in rows else 0
            n = run.manifest.study.samples - made - failed.get((problem, budget), 0)
            if n > 0:
                counts[problem, budget] = n
    return counts


def _together(failed: Failed, missing: Failed) -> Failed:
    return {
        key: failed.get(key, 0) + missing.get(key, 0) for key in [*failed, *(k for k in missing if k not in failed)]
    }


def is_unchanged(pair: Pair) -> bool:
    """Whether new is base again: the same attempts with the same answers, verdicts and counts of tokens."""
    one, other = pair.whole
    if (one.problems, one.budgets, one.samples) != (other.problems, other.budgets, other.samples):
        return False
    n_same, n_pairs = same_answers(pair.sides)
    drawn = int(one.is_drawn.sum()), int(other.is_drawn.sum())
    if pair.failed[0] != pair.failed[1] or not n_same == n_pairs == drawn[0] == drawn[1]:
        return False
    counts = [(costs_of(one, axis), costs_of(other, axis)) for axis in ("thinking_tokens", "total_tokens")]
    is_judged_alike = np.array_equal(one.verdicts, other.verdicts)
    return is_judged_alike and all(np.array_equal(a, b, equal_nan=True) for a, b in counts)


def failed_shares(pair: Pair, budgets: tuple[Budget, ...]) -> tuple[Floats, Floats]:
    """The share of attempts that did not come about, the mean over ``budgets``, of each side: two arrays of shape (P,).

    P are the problems that both were asked, so also those of which no attempt came about; NaN is a problem that was
    asked at some of the budgets only.
    """
    both = [*zip(pair.whole, pair.failed, strict=True)]
    asked = [{*grid.problems, *(problem for problem, _ in failed)} for grid, failed in both]
    problems = sorted(asked[0] & asked[1])
    base, new = (_shares_failed(grid, failed, problems, budgets) for grid, failed in both)
    return base, new


def lost_shares(pair: Pair, budgets: tuple[Budget, ...], *, is_whole: bool) -> tuple[float, int]:
    """The most that failures beyond those of base can hide of a share of new, and how many they are.

    The mean over problems that both were asked of the share of new's attempts that is lost, its sum over ``budgets``;
    ``is_whole`` where one lost attempt may turn all that is known of a problem, as of votes.
    """
    base, new = pair.failed
    grid = pair.whole[1]
    asked = {*grid.problems, *(problem for problem, _ in new)}
    asked &= {*pair.whole[0].problems, *(problem for problem, _ in base)}
    rows = {problem: i for i, problem in enumerate(grid.problems)}
    hidden: dict[str, float] = {}
    n_lost = 0
    for (problem, budget), n in new.items():
        more = n - base.get((problem, budget), 0)
        if more <= 0 or problem not in asked or budget not in budgets:
            continue
        drawn = int(grid.drawn[rows[problem], grid.at(budget)]) if problem in rows else 0
        n_lost += more
        hidden[problem] = min(1.0, hidden.get(problem, 0.0) + (1.0 if is_whole else more / (drawn + n)))
    return sum(hidden.values()) / max(1, len(asked)), n_lost


def _shares_failed(grid: Grid, failed: Failed, problems: list[str], budgets: tuple[Budget, ...]) -> Floats:
    rows = {problem: i for i, problem in enumerate(grid.problems)}
    drawn = np.zeros((len(problems), len(budgets)))
    for i, problem in enumerate(problems):
        if problem in rows:
            drawn[i] = [grid.drawn[rows[problem], grid.at(b)] for b in budgets]
    lost = np.array([[failed.get((problem, b), 0) for b in budgets] for problem in problems], dtype=float)
    lost = lost.reshape(drawn.shape)
    n = drawn + lost
    return np.asarray(np.divide(lost, n, out=np.full(n.shape, np.nan), where=n > 0).mean(axis=1))
