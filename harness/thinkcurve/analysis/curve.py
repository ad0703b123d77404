"""The curve: accuracy with its interval against measured compute, one point a budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.basis.grid import NO_ANSWER, UNVERIFIED, Counts, Grid, grids_of, groups_among
from thinkcurve.analysis.parallel.estimators import majority_of, pass_at_k
from thinkcurve.budget import Control, budget_key, effort_of
from thinkcurve.problem import REFUSAL

if TYPE_CHECKING:
    import pandas as pd

    from thinkcurve.columns import Table


class Bounds(msgspec.Struct, frozen=True):
    """What the accuracy may be where the verifier gave up on some attempts.

    ``low`` counts all ``unverified`` as wrong (the point's ``accuracy``), ``high`` all as right, ``excluded`` leaves
    them out (``None`` where none is left). ``ci_low`` and ``ci_high`` are the lower end of the interval of ``low`` and
    the upper end of that of ``high``: they hold the accuracy at their level whatever the verifier missed (Horowitz and
    Manski 2000, JASA 95:77-84). Without unverified attempts all agree.
    """

    low: float
    high: float
    excluded: float | None
    ci_low: float
    ci_high: float


class Point(msgspec.Struct, frozen=True):
    """One budget of a curve. Token and cost figures are means per attempt *alone*; ``None`` is not known.

    ``accuracy`` is the mean over problems of the mean over samples: ``unverified`` counts as not correct, attempts
    that failed are not in it, and it is ``None`` where all failed. ``n_samples`` is the most that a problem has,
    ``n_attempts`` the sum over problems. ``forced`` and the four counts after it are numbers of attempts; ``refused``
    are those of ``no_answer`` in which the model declined. Under control ``effort`` ``budget`` is the place of the
    level in `thinkcurve.budget.EFFORTS`, and ``effort`` its name. ``bounds`` say what the unverified leave open.
    ``interval`` names the method of the interval (`thinkcurve.analysis.basis.accuracy.shares`), ``n_groups`` how many
    outer groups of problems it is clustered by, ``None`` where by problems alone.

    ``pass@k`` is there for every k up to the fewest samples that a problem has. ``maj@k`` is too, up to `MOST_VOTES`
    and above that for powers of two; where some answers are no votes that can be told apart (code), and in tables of
    more than `MOST_VOTED` attempts, only for 1.
    """

    budget: int | None
    accuracy: float | None
    ci_low: float | None
    ci_high: float | None
    se: float | None
    n_problems: int
    n_samples: int
    n_attempts: int
    thinking_tokens: float | None
    answer_tokens: float | None
    generated_tokens: float | None
    total_tokens: float | None
    flops: float | None
    wall_s: float | None
    joules: float | None
    usd: float | None
    forced: int
    truncated_answers: int
    no_answer: int
    unverified: int
    failures: int
    pass_at: dict[str, float] = msgspec.field(name="pass@k", default_factory=dict)
    maj_at: dict[str, float] = msgspec.field(name="maj@k", default_factory=dict)
    effort: str | None = None
    refused: int = 0
    bounds: Bounds | None = None
    interval: str | None = None
    n_groups: int | None = None


class Curve(msgspec.Struct, frozen=True):
    """One (model, task, control) over its ladder.

    ``thinking_source`` says of how many attempts who counted the thinking: ``ids`` (we, exactly), ``provider``,
    ``parser``, ``client`` or ``unknown``. ``visibility`` says of how many traces how much of the thinking was shown
    (`thinkcurve.backend.Visibility`), ``served_by`` of how many which version of the model answered, where that is
    told; both are empty where no table of traces was given.
    """

    model: str
    task: str
    control: str
    metric: str
    points: tuple[Point, ...]
    thinking_source: dict[str, int] = {}
    visibility: dict[str, int] = {}
    served_by: dict[str, int] = {}

    def knows_forced(self, point: Point) -> bool:
        """Whether ``forced`` of a point counts all: where a provider keeps the budget, only the count of the thinking
        tells whether that was reached."""
        return self.control not in (Control.NATIVE, Control.EFFORT) or point.thinking_tokens is not None


COUNTS = ("forced", "truncated_answers", "no_answer", "unverified")
COSTS = (
    "thinking_tokens",
    "answer_tokens",
    "generated_tokens",
    "total_tokens",
    "flops",
    "wall_s",
    "joules",
    "usd",
)


VERDICTS = {"no_answer": NO_ANSWER, "unverified": UNVERIFIED}
"""Counts of a point that are numbers of a verdict."""
FLAGS = {"forced": "is_forced", "truncated_answers": "is_truncated_answer"}
"""Counts of a point that are numbers of a flag, and its column."""
MOST_VOTES = 16
"""Up to here maj@k is in a point for every k, above for powers of two."""
MOST_VOTED = 200_000
"""Attempts up to which a point has maj@k by default: beyond, votes take longer than all else. The section ``parallel``
has them for any number."""


def curves_of(
    attempts: Table,
    failures: pd.DataFrame,
    traces: Table | None = None,
    *,
    has_votes: bool | None = None,
    grids: Sequence[Grid] | None = None,
) -> list[Curve]:
    """One curve for each (model, task, control) of an attempts table, in the table's order.

    ``failures`` has a row for each attempt that did not come about; they are counted, never scored. ``traces`` are
    those of the attempts: they alone know how much of the thinking was shown. Where the table names a group of each
    problem, and there are `thinkcurve.analysis.basis.grid.FEWEST_GROUPS` or more, intervals are clustered by it.
    ``has_votes`` says whether points have maj@k for k above 1; by default up to `MOST_VOTED` attempts. ``grids`` are
    those of the attempts, where they have been made already.
    """
    is_voted = len(attempts) <= MOST_VOTED if has_votes is None else has_votes
    of_name = {grid.name: grid for grid in (grids_of(attempts) if grids is None else grids)}
    names = dict.fromkeys([*of_name, *_names(failures)])
    return [_curve(name, of_name.get(name), _of(failures, *name), traces, is_voted=is_voted) for name in names]


def _curve(
    name: tuple[str, str, str],
    grid: Grid | None,
    failures: pd.DataFrame,
    traces: Table | None,
    *,
    is_voted: bool,
) -> Curve:
    model, task, control = name
    failed = [_budget(b) for b in failures["budget"]]
    points = {b: _failed_point(b, effort_of(b, control), failed.count(b)) for b in set(failed)}
    if grid is not None:
        points |= dict(zip(grid.budgets, _points(grid, failed, is_voted=is_voted), strict=True))
    ladder = tuple(points[b] for b in sorted(points, key=budget_key))
    shown = None if traces is None else traces[(traces["model"] == model) & (traces["task"] == task)]
    return Curve(
        model,
        task,
        control,
        "accuracy",
        ladder,
        {} if grid is None else _counts(grid.attempts, "thinking_source"),
        _counts(shown, "visibility"),
        _counts(shown, "served_by"),
    )


def _counts(table: Table | None, column: str) -> dict[str, int]:
    """How often each word of a column stands in a table, most often first; none is no word."""
    import pandas as pd

    if table is None or column not in table:
        return {}
    codes, words = pd.factorize(table[column])
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    return {str(words[i]): int(counts[i]) for i in np.argsort(-counts, kind="stable")}


def _names(table: pd.DataFrame) -> Iterable[tuple[str, str, str]]:
    rows = table[["model", "task", "control"]].drop_duplicates()
    return ((str(model), str(task), str(control)) for model, task, control in rows.itertuples(index=False, name=None))


def _of(table: pd.DataFrame, model: str, task: str, control: str) -> pd.DataFrame:
    return table[(table["model"] == model) & (table["task"] == task) & (table["control"] == control)]


def _budget(value: float | None) -> int | None:
    return None if value is None or value != value else int(value)


def _points(grid: Grid, failed: list[int | None], *, is_voted: bool) -> list[Point]:
    """A point for each budget of a grid; ``failed`` are the budgets of the failures."""
    rows = [np.sort(at[at >= 0]) for at in np.moveaxis(grid.rows, 1, 0)]
    costs = {name: _means(grid, name, rows) for name in COSTS}
    flags = {name: _numbers(grid.attempts[column].to_numpy(dtype=bool), rows) for name, column in FLAGS.items()}
    flags["refused"] = _numbers(_is_refused(grid.attempts), rows)
    majority = _majority(grid, is_voted=is_voted)
    points = []
    for place, budget in enumerate(grid.budgets):
        found: dict[str, Any] = _accuracies(grid, place)
        found |= {name: means[place] for name, means in costs.items()}
        found |= {name: int((grid.verdicts[:, place] == code).sum()) for name, code in VERDICTS.items()}
        found |= {name: numbers[place] for name, numbers in flags.items()}
        effort, n_failed = effort_of(budget, grid.control), failed.count(budget)
        points.append(Point(budget=budget, effort=effort, failures=n_failed, maj_at=majority[place], **found))
    return points


def _means(grid: Grid, cost: str, rows: Sequence[Counts]) -> list[float | None]:
    """The mean of a cost over the rows of each budget; ``None`` where any of it is unknown: a mean over the known part
    would flatter."""
    if cost not in grid.attempts:
        return [None] * len(rows)
    costs = grid.attempts[cost].to_numpy(dtype=float, na_value=np.nan)
    means = [float(costs[at].mean()) for at in rows]
    return [None if np.isnan(mean) else mean for mean in means]


def _numbers(flags: NDArray[np.bool_], rows: Sequence[Counts]) -> list[int]:
    """How many of the rows of each budget have a flag."""
    return [int(flags[at].sum()) for at in rows]


def _accuracies(grid: Grid, place: int) -> dict[str, Any]:
    """What a point says of right and wrong: its accuracy with interval, bounds and pass@k."""
    is_asked = grid.drawn[:, place] > 0
    verdicts = grid.verdicts[is_asked, place]
    right, drawn = grid.right[is_asked, place], grid.drawn[is_asked, place]
    groups = groups_among(grid.groups, is_asked)
    found = accuracy(right, drawn, groups=groups)
    return {
        "accuracy": found.mean,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "se": found.se,
        "n_problems": len(drawn),
        "n_samples": int(drawn.max()),
        "n_attempts": int(drawn.sum()),
        "pass_at": pass_at(right, drawn),
        "bounds": _bounds(verdicts, right, drawn, groups),
        "interval": found.method,
        "n_groups": None if groups is None else found.n_clusters,
    }


def _bounds(
    verdicts: NDArray[np.int8], right: NDArray[np.int64], drawn: NDArray[np.int64], groups: NDArray[Any] | None
) -> Bounds:
    unknown = (verdicts == UNVERIFIED).sum(axis=1)
    low, high = accuracy(right, drawn, groups=groups), accuracy(right + unknown, drawn, groups=groups)
    told = drawn - unknown
    excluded = float((right[told > 0] / told[told > 0]).mean()) if told.any() else None
    return Bounds(low.mean, high.mean, excluded, low.ci_low, high.ci_high)


def _majority(grid: Grid, *, is_voted: bool) -> list[dict[str, float]]:
    """maj@k of each budget, by k as text; of one sample it is the accuracy, and needs no votes."""
    first = [{"1": float(np.nanmean(grid.means[:, place]))} for place in range(len(grid.budgets))]
    fewest = [int(drawn[drawn > 0].min()) for drawn in grid.drawn.T]
    ks = votes_at(max(fewest))[1:]
    if not (ks and is_voted):
        return first
    shares = majority_of(grid, np.array(ks))
    for place, found in enumerate(first):
        of_asked = shares[grid.drawn[:, place] > 0, place]
        known = {str(k): of_asked[:, i] for i, k in enumerate(ks) if k <= fewest[place]}
        found |= {k: float(values.mean()) for k, values in known.items() if not np.isnan(values).any()}
    return first


def votes_at(most: int) -> list[int]:
    """The k of a point's maj@k: all up to `MOST_VOTES`, then powers of two, no more than ``most``, and ``most``."""
    powers = (1 << i for i in range(most.bit_length()))
    return sorted({*range(1, min(most, MOST_VOTES) + 1), *powers, most})


def _failed_point(budget: int | None, effort: str | None, n_failures: int) -> Point:
    """A budget at which no attempt came about: everything but the failures is unknown."""
    unknown: dict[str, Any] = dict.fromkeys(("accuracy", "ci_low", "ci_high", "se", *COSTS))
    counts: dict[str, Any] = dict.fromkeys(("n_problems", "n_samples", "n_attempts", *COUNTS), 0)
    return Point(budget=budget, effort=effort, failures=n_failures, **unknown, **counts)


def _is_refused(attempts: Table) -> NDArray[np.bool_]:
    if "reason" not in attempts:
        return np.zeros(len(attempts), dtype=bool)
    return (attempts["reason"] == REFUSAL).to_numpy(dtype=bool, na_value=False)


def pass_at(right: ArrayLike, drawn: ArrayLike) -> dict[str, float]:
    """pass@k for every k up to the fewest samples any problem has: the mean over problems of 1 - C(n-c,k)/C(n,k).

    ``right`` and ``drawn`` are counts of correct and of all samples, one entry a problem. The unbiased estimator
    of Chen et al. 2021 (arXiv 2107.03374, equation 1).
    """
    ks = np.arange(1, np.asarray(drawn).min() + 1)
    shares = pass_at_k(right, drawn, ks).mean(axis=0)
    return {str(k): float(share) for k, share in zip(ks, shares, strict=True)}
