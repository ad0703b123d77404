"""``thinkcurve plot``: figures for a screen or a paper, in the format that the file's ending names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.analysis.basis.grid import Grid
    from thinkcurve.analysis.curve import Curve
    from thinkcurve.analysis.fitting.beyond import Beyond
    from thinkcurve.report.fitted import Fitted
    from thinkcurve.report.look import Look
    from thinkcurve.run import Run

KINDS = ("curve", "frontier", "surface", "gain", "allocation")
HELP = """\b
curve       accuracy against measured compute, with 95 % intervals
frontier    the points of all runs that no other beats at its cost
surface     accuracy over budget and number of samples (--samples 2 or more)
gain        accuracy gained per doubling of compute, step by step
allocation  where the tokens went; what a budget for each problem could win
"""
EPILOG = """\b
AXIS is thinking_tokens, generated_tokens, total_tokens, flops, wall_s, joules
or usd; without it, the first that fits the kind and is known for every curve.
Example: thinkcurve plot results/a results/b -o fig.pdf --size one-column
"""


@click.command(name="plot", help=f"Draw runs as a figure of a KIND:\n\n{HELP}", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FIG.(html|svg|png|pdf|json)")
@click.option("--kind", type=click.Choice(KINDS), default="curve", show_default=True, metavar="KIND")
@click.option("--x", "--axis", "axis", metavar="AXIS", help="What was spent.")
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Only this task.")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Only this model.")
@click.option("--way", metavar="WAY", help="Of a surface: maj@k, pass@k or another it has.")
@click.option(
    "--fit",
    is_flag=False,
    flag_value="best",
    metavar="[FORM]",
    help="On a curve: the fitted form, with its band: best, log-linear, power-law, power-law-with-floor, saturating.",
)
@click.option("--extrapolate", metavar="COST|Nx", help="Fits go on beyond what was measured, dashed: to 4096, or 4x.")
@click.option("--size", metavar="SIZE", help="screen; 3.25 in: one-column; 6.75 in: two-column, wide.")
@click.option("--style", metavar="STYLE", help="screen, paper, serif, grey or dark.")
@click.option("--title", metavar="TEXT", help="A title of your own.")
def command(
    runs: tuple[str, ...],
    output: Path,
    kind: str,
    axis: str | None,
    tasks: tuple[str, ...],
    models: tuple[str, ...],
    way: str | None,
    fit: str | None,
    extrapolate: str | None,
    size: str | None,
    style: str | None,
    title: str | None,
) -> None:
    """Draw runs as a figure."""
    from thinkcurve.report.figure import AXES
    from thinkcurve.report.look import look_of
    from thinkcurve.report.write import write_figure
    from thinkcurve.run import load_run

    look = look_of(size, style)
    if axis is not None and axis not in AXES:
        from thinkcurve.errors import did_you_mean

        raise UsageError(f"--x {axis!r} is not one of {', '.join(AXES)}.{did_you_mean(axis, AXES)}")
    if way is not None and kind != "surface":
        raise UsageError(f"--way is of --kind surface, not of {kind}")
    asked = _asked_fit(kind, fit, extrapolate)
    loaded = [load_run(run, warn=_warn) for run in runs]
    chosen = _Chosen(loaded, tasks, models)
    chosen.check()
    options = {"way": way} if kind == "surface" else {"asked": asked} if asked else {}
    spec = _MAKERS[kind](chosen, axis, title, look, **options)
    write_figure(spec, output)
    if look.is_for_paper:
        _warn("caption: " + " ".join(spec["usermeta"]["thinkcurve"]["caption"]))
    click.echo(str(output))


def _warn(text: str) -> None:
    click.echo(text, err=True)


class _Chosen:
    """Runs, and which models and tasks of them are drawn: all where none is named."""

    def __init__(self, runs: Sequence[Run], tasks: Sequence[str], models: Sequence[str]) -> None:
        self.runs, self.tasks, self.models = runs, tasks, models

    def has(self, of: Any) -> bool:
        """Whether a record with a model and a task is drawn."""
        return (not self.tasks or of.task in self.tasks) and (not self.models or of.model in self.models)

    def check(self) -> None:
        """Refuse a name that no run has."""
        from thinkcurve.errors import did_you_mean

        named = (
            ("task", self.tasks, {record.name for run in self.runs for record in run.manifest.tasks}),
            ("model", self.models, {record.spec for run in self.runs for record in run.manifest.models}),
        )
        for what, asked, known in named:
            for name in asked:
                if name not in known:
                    there = ", ".join(sorted(known))
                    raise UsageError(
                        f"no run has {what} {name!r}; there are {there}.{did_you_mean(name, sorted(known))}"
                    )

    def curves(self) -> list[Curve]:
        """The curves, in the order of the runs."""
        return [curve for run in self.runs for curve in run.curves() if self.has(curve)]

    def fitted(self, asked: _AskedFit, axis: str) -> list[Fitted]:
        """The fits of `curves`, by the numbers of ``show --tables fits``; says where none is identifiable."""
        from thinkcurve.analysis.fitting.fits import fit_forms
        from thinkcurve.analysis.fitting.series import accuracy_series
        from thinkcurve.cli.beyond import check_beyond
        from thinkcurve.report.figure import in_words
        from thinkcurve.report.fitted import Fitted
        from thinkcurve.report.fitted import chosen as chosen_of

        found, ends = [], []
        for run in self.runs:
            grids = {grid.name: grid for grid in run.grids}
            for curve in filter(self.has, run.curves()):
                grid = grids.get((curve.model, curve.task, curve.control))
                if grid is None:
                    found.append(Fitted(None, "there are no attempts"))
                    continue
                series = accuracy_series(grid, axis)
                ends.append(float(series.x.max(initial=0)))
                to = None if asked.beyond is None else asked.beyond.of(ends[-1])
                found.append(chosen_of(fit_forms(series, extrapolate_to=to), asked.form))
                if found[-1].reason:
                    _warn(f"{in_words(curve)}: {found[-1].reason}")
        if asked.beyond is not None:
            check_beyond(asked.beyond, ends, axis)
        return found

    def grids(self) -> list[tuple[Run, Grid]]:
        """The grids with the run of each."""
        return [(run, grid) for run in self.runs for grid in run.grids if self.has(grid)]


def _axis(curves: Sequence[Curve], asked: str | None, first: Sequence[str]) -> str:
    """The axis asked for, or the first of ``first``, then of all, that every curve knows; says so where it is not."""
    from thinkcurve.report.figure import known_axes

    if asked is not None:
        return asked
    known = known_axes(curves)
    axis = next((axis for axis in (*first, *known) if axis in known), first[0])
    if axis != first[0]:
        _warn(f"{first[0]} are not known for every curve: drawn against {axis}; --x takes another")
    return axis


class _AskedFit(NamedTuple):
    """A form, or ``best``, and how far it goes beyond what was measured, if at all."""

    form: str
    beyond: Beyond | None


def _asked_fit(kind: str, form: str | None, extrapolate: str | None) -> _AskedFit | None:
    """What ``--fit`` and ``--extrapolate`` ask for; ``None`` where nothing is asked."""
    from thinkcurve.analysis.fitting.forms import ACCURACY_FORMS
    from thinkcurve.cli.beyond import beyond_of
    from thinkcurve.errors import did_you_mean

    if form is None and extrapolate is None:
        return None
    if kind != "curve":
        raise UsageError(f"--{'extrapolate' if form is None else 'fit'} is of --kind curve, not of {kind}")
    if form is None:
        raise UsageError("--extrapolate goes with --fit: only a fitted form goes beyond what was measured")
    names = {known.name.replace(" ", "-"): known.name for known in ACCURACY_FORMS}
    name = "best" if form == "best" else names.get(form.strip().replace(" ", "-"))
    if name is None:
        known = ("best", *names)
        raise UsageError(f"--fit {form!r} is not one of {', '.join(known)}.{did_you_mean(form, known)}")
    return _AskedFit(name, None if extrapolate is None else beyond_of(extrapolate))


def _curve(
    chosen: _Chosen, axis: str | None, title: str | None, look: Look, *, asked: _AskedFit | None = None
) -> dict[str, Any]:
    from thinkcurve.report.figure import curve_spec

    curves = chosen.curves()
    axis = _axis(curves, axis, ["thinking_tokens"])
    fitted = chosen.fitted(asked, axis) if asked else ()
    return curve_spec(curves, axis=axis, title=title, look=look, fitted=fitted)


def _frontier(chosen: _Chosen, axis: str | None, title: str | None, look: Look) -> dict[str, Any]:
    from thinkcurve.cli.sections.frontier import results
    from thinkcurve.report.figures.frontier import TaskFrontier, frontier_spec

    if chosen.models:
        raise UsageError("--model is not for --kind frontier, which compares all models of a task; give fewer runs")
    axis = _axis(
        chosen.curves(), axis, ["flops", "thinking_tokens"] if _sizes_are_known(chosen) else ["thinking_tokens"]
    )
    found = [one for one in results(chosen.runs, axis=axis) if not chosen.tasks or one.task in chosen.tasks]
    for one in found:
        for note in one.notes:
            _warn(f"{one.task}: {note}")
    panels = [
        TaskFrontier(
            one.task, tuple(c.label for c in one.curves), tuple(c.control for c in one.curves), one.n_common, one.on
        )
        for one in found
        if one.on is not None
    ]
    return frontier_spec(panels, axis=axis, title=title, look=look)


def _sizes_are_known(chosen: _Chosen) -> bool:
    from thinkcurve.report.figure import known_axes

    return "flops" in known_axes(chosen.curves())


def _surface(
    chosen: _Chosen, axis: str | None, title: str | None, look: Look, *, way: str | None = None
) -> dict[str, Any]:
    from thinkcurve.analysis.parallel.surface import surface_of
    from thinkcurve.report.figures.surface import Named, surface_spec

    axis = _axis(chosen.curves(), axis, ["thinking_tokens"])
    found = [Named(surface_of(grid, axes=(axis,)), run.path.name) for run, grid in chosen.grids()]
    return surface_spec(found, axis=axis, way=way, title=title, look=look)


def _gain(chosen: _Chosen, axis: str | None, title: str | None, look: Look) -> dict[str, Any]:
    from thinkcurve.analysis.fitting.gains import gains_of
    from thinkcurve.analysis.fitting.series import FIT_RESAMPLES
    from thinkcurve.report.figures.gain import Gains, gain_spec

    axis = _axis(chosen.curves(), axis, ["thinking_tokens"])
    found = []
    for run in chosen.runs:
        grids = {grid.name: grid for grid in run.grids}
        for curve in run.curves():
            grid = grids.get((curve.model, curve.task, curve.control))
            if grid is not None and chosen.has(curve):
                found.append(Gains(curve, gains_of(grid, axis, n_resamples=FIT_RESAMPLES)))
    return gain_spec(found, axis=axis, title=title, look=look)


def _allocation(chosen: _Chosen, axis: str | None, title: str | None, look: Look) -> dict[str, Any]:
    from thinkcurve.analysis.allocation.headroom import headroom_of
    from thinkcurve.analysis.allocation.uses import allocation_of
    from thinkcurve.report.figures.allocation import Allocated, allocation_spec

    axis = _axis(chosen.curves(), axis, ["generated_tokens"])
    found = []
    for run, grid in chosen.grids():
        is_in_line = None if run.manifest.study.traces == "shared" else False
        allocation = allocation_of(grid, axis=axis, is_in_line=is_in_line)
        name = (grid.model, grid.task, grid.control, run.path.name)
        found.append(Allocated(*name, allocation, headroom_of(grid, axis=axis)))
    return allocation_spec(found, title=title, look=look)


_MAKERS: dict[str, Callable[..., dict[str, Any]]] = {
    "curve": _curve,
    "frontier": _frontier,
    "surface": _surface,
    "gain": _gain,
    "allocation": _allocation,
}
