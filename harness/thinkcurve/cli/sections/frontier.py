"""The section ``frontier``: over all runs of a task, which model and budget is best at a cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.comparison.sameness import Alike, alike
from thinkcurve.analysis.frontiers.density import Density, densities
from thinkcurve.analysis.frontiers.families import named, names_of
from thinkcurve.analysis.frontiers.frontier import OnAxis, on_axis
from thinkcurve.analysis.frontiers.points import Entry, Points, points_of
from thinkcurve.budget import format_budget
from thinkcurve.cli.frontier_tables import lines
from thinkcurve.cli.sections import Section
from thinkcurve.cli.sections.axes import WORDS
from thinkcurve.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from thinkcurve.run import Run


class Entrant(msgspec.Struct, frozen=True):
    """One curve that takes part. ``label`` tells it from the others of its task."""

    label: str
    model: str
    control: str
    run: str
    active_parameters: int | None
    n_problems: int


class Frontier(msgspec.Struct, frozen=True):
    """All curves of one task. Figures name a curve by its place (``entry``) in ``curves``.

    ``n_common`` problems are those that every point has an attempt on, of ``n_problems`` that any has; all figures are
    of these. ``axis`` is the measure that ``on`` is of, ``axes`` are all those that are known for any curve.
    """

    task: str
    version: str
    n_common: int
    n_problems: int
    curves: tuple[Entrant, ...]
    axis: str | None
    axes: tuple[str, ...]
    on: OnAxis | None
    densities: tuple[Density, ...]
    notes: tuple[str, ...]


def results(runs: Sequence[Run], *, axis: str | None = None, reference: tuple[str, ...] = ()) -> list[Frontier]:
    """A frontier for each task of the runs; a task of another version or with other problems is another task.

    It is on ``axis``, of `AXES`, or on FLOPs where all are known, then on thinking tokens. ``reference`` are the models
    that capability density is measured by, or one family; else the largest family there is.
    """
    entries = [_entries(run) for run in runs]
    _check(reference, [entry for of_run in entries for entry in of_run])
    found = []
    for group in alike(runs):
        own = [entry for place in group.members for entry in entries[place] if entry.grid.task == group.task]
        if own:
            records = runs[group.members[0]].manifest.tasks
            version = next(record.version for record in records if record.name == group.task)
            found.append(_frontier(group, version, own, axis, reference))
    return found


def _entries(run: Run) -> list[Entry]:
    """The curves of a run."""
    infos = {record.spec: record.info for record in run.manifest.models}
    found = []
    for grid in run.grids:
        info = infos.get(grid.model, {})
        found.append(Entry(grid, run.path.name, str(info.get("name") or grid.model), info.get("active_parameters")))
    return found


def _frontier(
    group: Alike, version: str, entries: Sequence[Entry], asked: str | None, reference: tuple[str, ...]
) -> Frontier:
    points = points_of(entries)
    labels = _labels(entries)
    curves = tuple(
        Entrant(label, e.grid.model, e.grid.control, e.run, e.active_parameters, len(e.grid.problems))
        for label, e in zip(labels, entries, strict=True)
    )
    notes = _notes(points, labels, group.remark)
    n = len(points.problems)
    of = (group.task, version, n, points.n_problems, curves)
    family = named(entries, reference) if reference else None
    if not n:
        return Frontier(*of, None, (), None, (), notes)
    known = _known_axes(points)
    best = next((a for a in ("flops", "thinking_tokens", *known) if known.get(a)), next(iter(known), None))
    if asked and asked not in known:
        notes = (*notes, f"{WORDS[asked]} are not known for any curve")
    axis = best if asked is None else asked if asked in known else None
    on = on_axis(points, axis) if axis else None
    return Frontier(*of, axis, tuple(known), on, densities(points, family), notes)


def _known_axes(points: Points) -> dict[str, bool]:
    """The measures that any point has a cost on, and whether all have."""
    is_known = {axis: ~np.isnan(points.cost(points.everything, axis)) for axis in AXES}
    return {axis: bool(known.all()) for axis, known in is_known.items() if known.any()}


def _check(reference: tuple[str, ...], entries: Sequence[Entry]) -> None:
    """Refuse a reference that is no model of these runs, or whose size is not known."""
    for name in reference:
        sizes = [entry.active_parameters for entry in entries if name in names_of(entry)]
        if not sizes:
            near = did_you_mean(name, sorted(set().union(*map(names_of, entries))))
            raise UsageError(f"--reference {name!r} is no model of these runs, and no family.{near}")
        if None in sizes:
            raise UsageError(f"--reference {name!r}: its active parameters are not known")


def _labels(entries: Sequence[Entry]) -> list[str]:
    """A name for each curve: its model, and whatever more it takes to tell it from the others; printable."""
    from thinkcurve.cli.show import short_model
    from thinkcurve.report.labels import plain

    parts = [(short_model(e.grid.model), e.grid.control, plain(e.run)) for e in entries]
    pairs = [part[:2] for part in parts]
    labels = []
    for model, control, run in parts:
        more = [control] if len({c for m, c, _ in parts if m == model}) > 1 else []
        more += [run] if pairs.count((model, control)) > 1 else []
        labels.append(" ".join([model, *more]))
    return labels


def _notes(points: Points, labels: Sequence[str], remark: str) -> tuple[str, ...]:
    """What a reader must know before the figures."""
    notes = [remark] if remark else []
    if points.empty:
        where = ", ".join(
            f"{labels[i]} at {format_budget(e.grid.budgets[b], e.grid.control)}"
            for i, b in points.empty
            for e in [points.entries[i]]
        )
        notes.append(f"no attempt came about, left out: {where}")
    n = len(points.problems)
    if not n:
        notes.append(f"no problem of {points.n_problems:,} has an attempt at every point: nothing can be compared")
    elif n < points.n_problems:
        notes.append(f"only {n:,} of {points.n_problems:,} problems have an attempt at every point: all rests on these")
    if n == 1:
        notes.append("one problem says nothing of others")
    if len({e.grid.model for e in points.entries}) < 2:
        notes.append("one model: capability density, and small against large, need more")
    return tuple(notes)


SECTION = Section(results, lines, ("axis", "reference"))
