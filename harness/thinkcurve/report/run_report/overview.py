"""The head of a report: what was run, whether all of it is there, and the accuracy at both ends of each curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import Control, format_budget
from thinkcurve.report.labels import plain
from thinkcurve.report.run_report.contents import Contents, RunPart
from thinkcurve.report.run_report.markup import Markup, h, joined
from thinkcurve.report.run_report.words import amount, count, named, percent, short_model, span

MOST_TILES = 8
MOST_NAMES = 4
"""Names of models, or of tasks, that the title lists."""


def title_of(contents: Contents) -> str:
    """The title of the page: the reader's own, or which models on which tasks."""
    if contents.title:
        return named(contents.title)
    studies = [part.run.manifest for part in contents.parts]
    models = dict.fromkeys(short_model(record.spec) for manifest in studies for record in manifest.models)
    tasks = dict.fromkeys(named(record.name) for manifest in studies for record in manifest.tasks)
    return f"{_listed(list(models))} on {_listed(list(tasks))}"


def overview(contents: Contents) -> Markup:
    """Title, what was run, what is missing, and a tile for each curve."""
    curves = [(contents.label(i, c), c) for i, part in enumerate(contents.parts) for c in part.curves]
    tiles = [_tile(label, curve) for label, curve in curves[:MOST_TILES]]
    left = len(curves) - len(tiles)
    return joined(
        [
            h("h1", title_of(contents)),
            [h("p", _line(part, len(contents.parts) > 1), class_="muted runline") for part in contents.parts],
            [
                h("p", note, class_="notice")
                for part in contents.parts
                for note in _missing(part, len(contents.parts) > 1)
            ],
            h("div", tiles, class_="tiles"),
            h("p", f"{count(left, 'more curve')} below.", class_="muted note") if left else None,
        ]
    )


def _listed(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _line(part: RunPart, has_name: bool) -> str:
    """A run in one line: control, problems and samples, when, and by which version."""
    manifest = part.run.manifest
    n_problems = sum(task.n_problems for task in manifest.tasks)
    sitting = manifest.sittings[-1] if manifest.sittings else None
    words = [
        part.name if has_name else "",
        f"control {plain(manifest.study.control)}",
        count(n_problems, "problem") + (f" × {manifest.study.samples} samples" if manifest.study.samples > 1 else ""),
        count(len(part.run.tables.attempts), "attempt"),
        _day(manifest.finished or (sitting.started if sitting else "")),
        f"thinkcurve {plain(sitting.versions['thinkcurve'])}" if sitting and "thinkcurve" in sitting.versions else "",
    ]
    return " · ".join(word for word in words if word)


def _day(moment: str) -> str:
    """The day of a time in ISO 8601."""
    return plain(moment[:10]) if moment else ""


def _missing(part: RunPart, has_name: bool) -> Iterator[str]:
    """What a reader must know first: a run that is not all there."""
    manifest, study = part.run.manifest, part.run.manifest.study
    asked = len(manifest.models) * sum(task.n_problems for task in manifest.tasks) * study.samples * len(study.budgets)
    n, n_failed = len(part.run.tables.attempts), len(part.run.failures)
    of = f" of {part.name}" if has_name else ""
    if manifest.finished is None:
        rest = f": {n:,} of {asked:,} attempts" if n < asked else ""
        yield f"This run{of} is not finished{rest}. The figures are of what is there."
    elif n + n_failed < asked:
        yield f"{asked - n - n_failed:,} of {asked:,} attempts{of} are missing. The figures are of what is there."
    if n_failed:
        yield f"{count(n_failed, 'attempt')}{of} failed and {'is' if n_failed == 1 else 'are'} not scored."


def _tile(label: str, curve: Curve) -> Markup:
    scored = [point for point in curve.points if point.accuracy is not None]
    if not scored:
        return h("div", h("span", label, class_="muted"), h("b", "–"), "no attempt came about", class_="tile")
    last = scored[-1]
    rise = [h("p", f"from {percent(scored[0].accuracy)} at {_budget(scored[0], curve)}")] if len(scored) > 1 else []
    return h(
        "div",
        h("span", label, class_="muted"),
        h("b", percent(last.accuracy)),
        h("p", f"at {_budget(last, curve)}{_cost(last)}"),
        h("p", f"95 % interval {span(last.ci_low, last.ci_high)}"),
        rise,
        class_="tile",
    )


def _budget(point: Point, curve: Curve) -> str:
    if curve.control == Control.EFFORT:
        return f"effort {format_budget(point.budget, curve.control)}"
    return "the natural end" if point.budget is None else f"budget {point.budget}"


def _cost(point: Point) -> str:
    used = point.thinking_tokens
    return "" if used is None else f", {amount(round(used), 'thinking_tokens')} tokens thought"
