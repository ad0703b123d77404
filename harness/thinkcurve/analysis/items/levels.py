"""Accuracy by level of difficulty, as ``show --by level`` prints it: the accuracies of `strata`, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.items.strata import Stratum, strata_by

if TYPE_CHECKING:
    from thinkcurve.columns import Table


class Level(msgspec.Struct, frozen=True):
    """One level: its problems, and its accuracy at each budget of the table (``None``: no attempt there)."""

    level: int | str
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


def levels_of(attempts: Table) -> list[Levels]:
    """A table for each (model, task, control) whose problems have levels; accuracy as in `curves_of`."""
    found = (strata_by(grid, "level") for grid in grids_of(attempts))
    return [
        Levels(each.model, each.task, each.control, each.budgets, tuple(map(_level, each.strata)), each.efforts)
        for each in found
        if each is not None
    ]


def _level(stratum: Stratum) -> Level:
    name: int | str = int(stratum.name) if stratum.name.lstrip("-").isdecimal() else stratum.name
    accuracies = (None if cell is None else cell.accuracy.value for cell in stratum.cells)
    return Level(name, int(stratum.n_problems), tuple(accuracies))
