"""The section ``budgets``: what each problem needed, what routing wins, and what a volume of requests takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from thinkcurve.analysis.allocation.demand import Demand, project
from thinkcurve.analysis.allocation.headroom import Headroom, headroom_of
from thinkcurve.analysis.allocation.menu import SIGNALS, menu_of
from thinkcurve.analysis.allocation.needs import AXIS
from thinkcurve.analysis.allocation.router import FEWEST_PROBLEMS, Router, route
from thinkcurve.analysis.allocation.uses import Allocation, allocation_of
from thinkcurve.analysis.basis.grid import Grid
from thinkcurve.cli.sections import Section

if TYPE_CHECKING:
    from rich.console import RenderableType

    from thinkcurve.run import Run
    from thinkcurve.store import TaskRecord

VOLUME = 1_000_000
"""Requests of the projection."""
MOST_VOTES = 5
"""Votes that a step of the router takes at most; fewer where there are fewer samples."""
JOINT_AXES = ("usd", "flops", "generated_tokens")
"""What the steps of several curves are paid in: the first that all know. A token of one model is not another's."""


class Budgets(msgspec.Struct, frozen=True):
    """One curve: where its tokens went, what allocating them could win, and what ``VOLUME`` requests take.

    ``routers`` has one entry a signal that this curve can be routed by, ``no_router`` why there is none for the others.
    """

    model: str
    task: str
    control: str
    allocation: Allocation
    headroom: Headroom
    routers: tuple[Router, ...]
    no_router: dict[str, str]
    demand: tuple[Demand, ...]


class Cascades(msgspec.Struct, frozen=True):
    """Routers over several curves of a task, on the problems that all of them have; steps name a curve by its place."""

    task: str
    curves: tuple[tuple[str, str, str], ...]
    n_problems: int
    routers: tuple[Router, ...]
    no_router: dict[str, str]


def results(runs: Sequence[Run], *, axis: str | None = None) -> list[Budgets | Cascades]:
    """An entry for each curve of each run, then one for each task that has several curves.

    Costs are on ``axis``: by default generated tokens, and for several curves the first of `JOINT_AXES` that all know.
    """
    found: list[Budgets | Cascades] = []
    tasks: list[tuple[TaskRecord, list[tuple[str, Grid, bool]]]] = []
    for run in runs:
        tariffs = {record.spec: record.tariff for record in run.manifest.models}
        records = {record.name: record for record in run.manifest.tasks}
        is_shared = run.manifest.study.traces == "shared"
        for grid in run.grids:
            found.append(_curve(grid, axis or AXIS, None if is_shared else False, tariffs.get(grid.model)))
            _alike(tasks, records[grid.task]).append((run.path.name, grid, is_shared))
    return found + [_cascades(record, curves, axis) for record, curves in tasks if len(curves) > 1]


def _curve(grid: Grid, axis: str, is_in_line: bool | None, tariff: object) -> Budgets:
    from thinkcurve.tariff import Tariff

    allocation = allocation_of(grid, axis=axis, is_in_line=is_in_line)
    routers, why = _routers([grid], axis, goes_on=allocation.is_in_line)
    demand = project(grid, volume=VOLUME)
    if isinstance(tariff, Tariff) and tariff.is_known and all(one.usd.value is None for one in demand):
        demand = project(grid, volume=VOLUME, tariff=tariff)
    return Budgets(*grid.name, allocation, headroom_of(grid, axis=axis), routers, why, demand)


def _alike(
    tasks: list[tuple[TaskRecord, list[tuple[str, Grid, bool]]]], record: TaskRecord
) -> list[tuple[str, Grid, bool]]:
    """The curves of the same task: of its version, and where there are as many problems, of the same."""
    for known, curves in tasks:
        is_other = known.n_problems == record.n_problems and known.fingerprint != record.fingerprint
        if (known.name, known.version) == (record.name, record.version) and not is_other:
            return curves
    tasks.append((record, []))
    return tasks[-1][1]


def _cascades(record: TaskRecord, curves: Sequence[tuple[str, Grid, bool]], asked: str | None) -> Cascades:
    grids = [grid for _, grid, _ in curves]
    axis = asked or next((a for a in JOINT_AXES if all(_knows(grid, a) for grid in grids)), AXIS)
    routers, why = _routers(grids, axis, goes_on=all(is_shared for *_, is_shared in curves))
    shared = set(grids[0].problems).intersection(*(grid.problems for grid in grids[1:]))
    names = tuple((grid.model, grid.control, run) for run, grid, _ in curves)
    return Cascades(record.name, names, len(shared), routers, why)


def _knows(grid: Grid, axis: str) -> bool:
    return axis in grid.attempts and not grid.attempts[axis].isna().any()


def _routers(grids: Sequence[Grid], axis: str, *, goes_on: bool) -> tuple[tuple[Router, ...], dict[str, str]]:
    """A router for each signal, and for each without one, why."""
    k = max(1, min(MOST_VOTES, *(len(grid.samples) for grid in grids)))
    found, why = [], {}
    for signal in SIGNALS:
        if signal == "ended" and len(grids) == 1:
            continue  # a larger budget costs nothing more where the thinking has ended
        menu = menu_of(grids, signal=signal, k=k if signal == "agreement" else 1, axis=axis, goes_on=goes_on)
        router = None if menu is None else route(menu)
        if router:
            found.append(router)
        else:
            is_paid = all(_knows(grid, axis) for grid in grids)
            why[signal] = (
                _reason(signal, k, is_paid=is_paid)
                if menu is None
                else f"fewer than {FEWEST_PROBLEMS} problems or groups"
            )
    return tuple(found), why


def _reason(signal: str, k: int, *, is_paid: bool) -> str:
    if signal == "agreement" and k < 2:
        return "one sample a problem"
    if signal == "agreement" and is_paid:
        return "no problem has as many answers that can be compared"
    missing = {"logprob": "no log-probabilities are recorded", "level": "the problems have no level"}
    return missing.get(signal, "no problem has an attempt and its cost everywhere")


def lines(record: Budgets | Cascades) -> Iterable[RenderableType]:
    """The tables of one entry."""
    from thinkcurve.cli import budget_tables

    return budget_tables.of_curve(record) if isinstance(record, Budgets) else budget_tables.of_task(record)


SECTION = Section(results, lines, options=("axis",))
