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
from thinkcurve.analysis.comparison.sameness import Alike, alike
from thinkcurve.cli.sections import Section

if TYPE_CHECKING:
    from rich.console import RenderableType

    from thinkcurve.run import Run
    from thinkcurve.tariff import Tariff

VOLUME = 1_000_000
"""Requests of the projection."""
MOST_VOTES = 5
"""Votes that a step of the router takes at most; fewer where there are fewer samples."""
JOINT_AXES = ("usd", "flops", "generated_tokens")
"""What the steps of several curves are paid in: the first that all know. A token of one model is not another's."""


class Budgets(msgspec.Struct, frozen=True):
    """One curve: where its tokens went, what allocating them could win, and what a volume of requests takes.

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
    """Routers over several curves of a task, on the problems that all of them have; steps name a curve by its place.

    ``notes`` say which runs of the task stand apart.
    """

    task: str
    curves: tuple[tuple[str, str, str], ...]
    n_problems: int
    routers: tuple[Router, ...]
    no_router: dict[str, str]
    notes: tuple[str, ...] = ()


def results(
    runs: Sequence[Run],
    *,
    axis: str | None = None,
    volume: int = VOLUME,
    concurrency: int | None = None,
    price: Tariff | None = None,
) -> list[Budgets | Cascades]:
    """An entry for each curve of each run, then one for each task that has several curves.

    Costs are on ``axis``: by default generated tokens, and for several curves the first of `JOINT_AXES` that all know.
    ``volume`` requests are projected, and where ``concurrency`` tells how many ran at once, the time of a device.
    ``price`` stands in place of the prices of every run.
    """
    found: list[Budgets | Cascades] = []
    curves: list[list[tuple[str, Grid, bool]]] = []
    for run in runs:
        tariffs = {record.spec: record.tariff for record in run.manifest.models}
        is_shared = run.manifest.study.traces == "shared"
        for grid in run.grids:
            demand = _demand(grid, volume, concurrency, price, tariffs.get(grid.model))
            found.append(_curve(grid, axis or AXIS, None if is_shared else False, demand))
        curves.append([(run.path.name, grid, is_shared) for grid in run.grids])
    for group in alike(runs):
        own = [curve for place in group.members for curve in curves[place] if curve[1].task == group.task]
        if len(own) > 1:
            found.append(_cascades(group, own, axis))
    return found


def _curve(grid: Grid, axis: str, is_in_line: bool | None, demand: tuple[Demand, ...]) -> Budgets:
    allocation = allocation_of(grid, axis=axis, is_in_line=is_in_line)
    routers, why = _routers([grid], axis, goes_on=allocation.is_in_line)
    return Budgets(*grid.name, allocation, headroom_of(grid, axis=axis), routers, why, demand)


def _demand(
    grid: Grid, volume: int, concurrency: int | None, price: Tariff | None, own: Tariff | None
) -> tuple[Demand, ...]:
    """By the ``price`` given, else by what the run paid, and where it does not tell by the prices that it knew."""
    found = project(grid, volume=volume, concurrency=concurrency, tariff=price)
    if own is None or not own.is_known or any(one.usd.value is not None for one in found):
        return found
    return project(grid, volume=volume, concurrency=concurrency, tariff=own)


def _cascades(group: Alike, curves: Sequence[tuple[str, Grid, bool]], asked: str | None) -> Cascades:
    grids = [grid for _, grid, _ in curves]
    axis = asked or next((a for a in JOINT_AXES if all(_knows(grid, a) for grid in grids)), AXIS)
    routers, why = _routers(grids, axis, goes_on=all(is_shared for *_, is_shared in curves))
    shared = set(grids[0].problems).intersection(*(grid.problems for grid in grids[1:]))
    names = tuple((grid.model, grid.control, run) for run, grid, _ in curves)
    return Cascades(group.task, names, len(shared), routers, why, (group.remark,) if group.remark else ())


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


SECTION = Section(results, lines, ("axis", "volume", "concurrency", "price"))
