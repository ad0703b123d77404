"""The curve: accuracy with its interval against measured compute, one point a budget."""

from __future__ import annotations

from collections import Counter
from math import comb
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.analysis.accuracy import Accuracy, accuracy
from thinkcurve.budget import Control, budget_key, effort_of
from thinkcurve.problem import REFUSAL

if TYPE_CHECKING:
    import pandas as pd


class Point(msgspec.Struct, frozen=True):
    """One budget of a curve. Token and cost figures are means per attempt *alone*; ``None`` is not known.

    ``accuracy`` is the mean over problems of the mean over samples: ``unverified`` counts as not correct, attempts
    that failed are not in it, and it is ``None`` where all failed. ``n_samples`` is the most that a problem has,
    ``n_attempts`` the sum over problems. ``forced`` and the four counts after it are numbers of attempts; ``refused``
    are those of ``no_answer`` in which the model declined. Under control ``effort`` ``budget`` is the place of the
    level in `thinkcurve.budget.EFFORTS`, and ``effort`` its name.
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


def curves_of(attempts: pd.DataFrame, failures: pd.DataFrame, traces: pd.DataFrame | None = None) -> list[Curve]:
    """One curve for each (model, task, control) of an attempts table, in the table's order.

    ``failures`` has a row for each attempt that did not come about; they are counted, never scored. ``traces`` are
    those of the attempts: they alone know how much of the thinking was shown.
    """
    curves = []
    for model, task, control in dict.fromkeys([*_names(attempts), *_names(failures)]):
        rows, missing = _of(attempts, model, task, control), _of(failures, model, task, control)
        budgets = {_budget(b) for table in (rows, missing) for b in table["budget"].unique()}
        points = (_point(b, control, _at(rows, b), len(_at(missing, b))) for b in sorted(budgets, key=budget_key))
        shown = {} if traces is None else _counts(traces, "visibility", model, task)
        sources = _counts(rows, "thinking_source", model, task)
        served = {} if traces is None else _counts(traces, "served_by", model, task)
        curves.append(Curve(model, task, control, "accuracy", tuple(points), sources, shown, served))
    return curves


def _counts(table: pd.DataFrame, column: str, model: str, task: str) -> dict[str, int]:
    """How often each word of a column stands in the rows of a model and a task, most often first; none is no word."""
    if column not in table:
        return {}
    rows = table[(table["model"] == model) & (table["task"] == task)]
    return dict(Counter(str(word) for word in rows[column].dropna()).most_common())


def _names(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(table[["model", "task", "control"]].drop_duplicates().itertuples(index=False, name=None))


def _of(table: pd.DataFrame, model: str, task: str, control: str) -> pd.DataFrame:
    return table[(table["model"] == model) & (table["task"] == task) & (table["control"] == control)]


def _budget(value: float | None) -> int | None:
    return None if value is None or value != value else int(value)


def _at(rows: pd.DataFrame, budget: int | None) -> pd.DataFrame:
    return rows[rows["budget"].isna()] if budget is None else rows[rows["budget"] == budget]


def _point(budget: int | None, control: str, rows: pd.DataFrame, n_failures: int) -> Point:
    effort = effort_of(budget, control)
    if rows.empty:
        return _failed_point(budget, effort, n_failures)
    is_correct = rows["verdict"] == "correct"
    by_problem = is_correct.groupby(rows["problem"]).agg(["sum", "count"])
    right, drawn = by_problem["sum"].to_numpy(), by_problem["count"].to_numpy()
    found: Accuracy = accuracy(right, drawn)
    means = {name: _mean(rows[name]) for name in COSTS}
    return Point(
        budget=budget,
        accuracy=found.mean,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        se=found.se,
        n_problems=len(drawn),
        n_samples=int(drawn.max()),
        n_attempts=int(drawn.sum()),
        **means,
        forced=int(rows["is_forced"].sum()),
        truncated_answers=int(rows["is_truncated_answer"].sum()),
        no_answer=int((rows["verdict"] == "no_answer").sum()),
        unverified=int((rows["verdict"] == "unverified").sum()),
        failures=n_failures,
        pass_at=pass_at([int(c) for c in right], [int(n) for n in drawn]),
        maj_at={"1": found.mean},
        effort=effort,
        refused=int((rows["reason"] == REFUSAL).sum()) if "reason" in rows else 0,
    )


def _failed_point(budget: int | None, effort: str | None, n_failures: int) -> Point:
    """A budget at which no attempt came about: everything but the failures is unknown."""
    unknown: dict[str, Any] = dict.fromkeys(("accuracy", "ci_low", "ci_high", "se", *COSTS))
    counts: dict[str, Any] = dict.fromkeys(("n_problems", "n_samples", "n_attempts", *COUNTS), 0)
    return Point(budget=budget, effort=effort, failures=n_failures, **unknown, **counts)


def _mean(column: pd.Series[float]) -> float | None:
    """The mean of a cost, or ``None`` where any of it is unknown: a mean over the known part would flatter."""
    return None if column.isna().any() else float(column.mean())


def pass_at(right: list[int], drawn: list[int]) -> dict[str, float]:
    """pass@k for every k up to the fewest samples any problem has: the mean over problems of 1 - C(n-c,k)/C(n,k).

    ``right`` and ``drawn`` are counts of correct and of all samples, one entry a problem. The unbiased estimator
    of Chen et al. 2021 (arXiv 2107.03374, equation 1).
    """
    counts = list(zip(right, drawn, strict=True))
    return {
        str(k): sum(1 - comb(n - c, k) / comb(n, k) for c, n in counts) / len(counts) for k in range(1, min(drawn) + 1)
    }
