"""Accuracy by level of difficulty: a table for each (model, task, control), levels down and budgets across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thinkcurve.budget import budget_key, effort_of

if TYPE_CHECKING:
    import pandas as pd


class Level(msgspec.Struct, frozen=True):
    """One level: its problems, and its accuracy at each budget of the table (``None``: no attempt there)."""

    level: int
    n_problems: int
    accuracies: tuple[float | None, ...]


class Levels(msgspec.Struct, frozen=True):
    """The levels of one (model, task, control). ``efforts`` names the budgets of control ``effort``."""

    model: str
    task: str
    control: str
    budgets: tuple[int | None, ...]
    levels: tuple[Level, ...]
    efforts: tuple[str | None, ...] | None = None


def levels_of(attempts: pd.DataFrame) -> list[Levels]:
    """A table for each (model, task, control) whose problems have levels; accuracy as in `curves_of`."""
    tables = []
    levelled = attempts[attempts["level"].notna()]
    for (model, task, control), rows in levelled.groupby(["model", "task", "control"], sort=False):
        values = {None if b != b or b is None else int(b) for b in rows["budget"].unique()}
        budgets = tuple(sorted(values, key=budget_key))
        levels = tuple(
            Level(
                int(str(level).partition(".")[0]),
                int(part["problem"].nunique()),
                tuple(_accuracy(part, b) for b in budgets),
            )
            for level, part in rows.groupby("level")
        )
        names = tuple(effort_of(b, str(control)) for b in budgets)
        tables.append(Levels(str(model), str(task), str(control), budgets, levels, names if any(names) else None))
    return tables


def _accuracy(rows: pd.DataFrame, budget: int | None) -> float | None:
    at = rows[rows["budget"].isna()] if budget is None else rows[rows["budget"] == budget]
    if at.empty:
        return None
    return float((at["verdict"] == "correct").groupby(at["problem"]).mean().mean())
