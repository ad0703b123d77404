"""What is said beside a comparison of two curves, in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from thinkcurve.budget import Budget, format_budget

if TYPE_CHECKING:
    from thinkcurve.analysis.comparison.contrast import Contrast

MOST_BUDGETS = 8
"""Budgets that a remark names."""


def remarks(contrast: Contrast) -> Iterator[str]:
    """What is not compared, and what is odd about what is; each without a full stop."""
    for side, n in (("base", contrast.n_only_base), ("new", contrast.n_only_new)):
        if n:
            which = "problem is" if n == 1 else "problems are"
            yield f"{n:,} {which} only in {side} and left out: the {contrast.n_problems:,} in both are compared"
    for side, budgets, control in (
        ("base", contrast.only_base_budgets, contrast.base_control),
        ("new", contrast.only_new_budgets, contrast.new_control),
    ):
        if budgets:
            yield f"budgets only in {side}: {_budgets(budgets, control)}"
    if contrast.n_lost:
        which = "problem has" if contrast.n_lost == 1 else "problems have"
        yield f"{contrast.n_lost:,} {which} no attempt of one run at some budget: left out there"
    if contrast.n_unpaired:
        yield (
            f"{contrast.n_unpaired:,} attempts are left out: samples are paired by seed, and the other run has none of "
            "their number"
        )
    if contrast.n_dropped:
        yield f"{contrast.n_dropped:,} attempts are left out: the attempt of the same seed in the other run failed"
    if contrast.n_pairs and contrast.n_same == contrast.n_pairs:
        yield (
            f"all {contrast.n_pairs:,} answers are the same, word for word: these are the same draws, "
            "and tell nothing of chance"
        )


def _budgets(budgets: tuple[Budget, ...], control: str) -> str:
    shown = ", ".join(format_budget(b, control) for b in budgets[:MOST_BUDGETS])
    return shown + (f" and {len(budgets) - MOST_BUDGETS} more" if len(budgets) > MOST_BUDGETS else "")


def probability(p: float) -> str:
    """A p-value with three decimals."""
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 1 else "1"
