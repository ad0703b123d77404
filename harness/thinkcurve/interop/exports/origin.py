"""What stands under our own key in the files of other tools: what `thinkcurve import` needs to make the run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinkcurve import __version__
from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.interop.exports.content import Content
from thinkcurve.store import Failure, TaskRecord

OWN = "thinkcurve"
"""The key of ours in other tools' records."""

HIDDEN = "not shown: it may quote the problem"
"""Instead of the error of a task whose problems may not be shown."""


def origin_of(
    content: Content, curve: Curve, points: Sequence[tuple[TaskRecord, Point]], failures: Sequence[Failure]
) -> dict[str, Any]:
    """Study, model, tasks, points, failures and the rest of the manifest; the budget is that of the first point."""
    manifest = content.run.manifest
    return {
        "version": __version__,
        "control": curve.control,
        "budget": points[0][1].budget,
        "study": manifest.study,
        "models": [content.model(curve.model)],
        "tasks": [task for task, _ in points],
        "points": {task.name: point for task, point in points},
        "failures": list(failures),
        "sittings": manifest.sittings,
        "regrades": manifest.regrades,
        "finished": manifest.finished,
    }


def failures_of(content: Content, curve: Curve, point: Point) -> list[Failure]:
    """What did not come about of a model at a budget, whatever the task; an error may repeat what may not be shown."""
    wanted = {"model": curve.model, "control": curve.control, "budget": point.budget}
    return [
        msgspec.structs.replace(failure, error=HIDDEN) if failure.task in content.hidden else failure
        for failure in content.failures(wanted)
    ]
