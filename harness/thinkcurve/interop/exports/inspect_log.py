"""A run as inspect's logs: one ``.eval`` a model, task and budget, which ``inspect view`` and inspect's reader open.

    DIR/<time>_<task>-budget-64_<id>.eval     a zip of JSON
        header.json                           what was run, and its results (`inspect_ai.log.EvalLog` without samples)
        samples/<id>_epoch_<n>.json           one attempt each; several samples of a problem are its epochs
        summaries.json                        what inspect's list shows of each

Written for inspect-ai 0.3.285 (https://inspect.aisi.org.uk/eval-logs.html), log version 2, deflated, so that any
inspect reads it. inspect has no place for budgets, costs and five verdicts, so ``metadata.thinkcurve`` of a sample
holds the whole `thinkcurve.store.Attempt`, that of the log the study and its point; ``thinkcurve import`` reads them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.files import json_line, plain_data, put_bytes, safe_names, step_name
from thinkcurve.interop.exports.inspect_sample import SCORER, Ids, failed_sample, sample_of, summary_of
from thinkcurve.interop.exports.origin import OWN, failures_of, origin_of
from thinkcurve.problem import digest
from thinkcurve.store import Failure

VERSION = 2
"""inspect's version of its logs."""
TOLD = ("temperature", "top_p", "top_k")
"""What inspect's settings of a generation call as we do."""


def write(content: Content, output: Path, wishes: Wishes) -> Written:
    """Write a log of every point into ``output``, also of one at which everything failed. inspect names models as we
    do, so ``wishes`` change nothing."""
    tasks = safe_names(curve.task for curve in content.curves)
    time = _utc(content.started).replace(":", "-")
    files: list[str] = []
    n_attempts = 0
    points = [(curve, point) for curve in content.curves for point in curve.points]
    for curve, point in points:
        name = f"{tasks[curve.task].replace('_', '-')}-{step_name(point.budget, curve.control)}"
        path = output / f"{time}_{name}_{_id(content, curve, point, 'task')}.eval"
        attempts = content.attempts(curve, point)
        failures = [failure for failure in failures_of(content, curve, point) if failure.task == curve.task]
        ids = _ids([*attempts, *failures])
        samples = [sample_of(content, attempt, ids) for attempt in attempts]
        samples += [failed_sample(content, failure, ids) for failure in failures]
        files.append(put_bytes(path, _packed(_header(content, curve, point, failures, samples), samples)))
        n_attempts += len(attempts)
    return Written("inspect", tuple(files), len(points), n_attempts, tuple(content.missing()))


def _ids(rows: Sequence[Any]) -> Ids:
    """What inspect calls each problem: its index, or its whole name where two have one index."""
    problems = list(dict.fromkeys(row.problem for row in rows))
    places = {problem: int(problem.rpartition("/")[2]) for problem in problems}
    return places if len(set(places.values())) == len(places) else {problem: problem for problem in problems}


def _packed(header: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> bytes:
    """The parts of a log as a zip, the same bytes for the same parts."""
    parts: dict[str, Any] = {"_journal/start.json": {key: header[key] for key in ("version", "eval", "plan")}}
    parts |= {f"samples/{sample['id']}_epoch_{sample['epoch']}.json": sample for sample in samples}
    parts |= {"summaries.json": [summary_of(sample) for sample in samples], "header.json": header}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name)  # of 1980, whenever it is written
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, json_line(plain_data(data)))
    return packed.getvalue()


def _header(
    content: Content, curve: Curve, point: Point, failures: Sequence[Failure], samples: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A log without its samples. A run that is not finished is ``cancelled``: inspect would wait for a started one."""
    manifest = content.run.manifest
    scored = {sample["id"] for sample in samples if sample["scores"]}
    metrics = {"accuracy": point.accuracy, "stderr": point.se}
    named = {name: {"name": name, "value": value} for name, value in metrics.items() if value is not None}
    score = {"name": SCORER, "scorer": SCORER, "scored_samples": len(scored), "unscored_samples": 0, "metrics": named}
    times = {"started_at": _utc(content.started), "completed_at": _utc(content.finished)}
    origin = origin_of(content, curve, [(content.task(curve.task), point)], failures)
    return {
        "version": VERSION,
        "status": "success" if manifest.finished else "cancelled",
        "eval": _eval(content, curve, point, samples) | {"metadata": {OWN: origin}},
        "plan": {"name": "plan", "steps": [{"solver": OWN, "params": {"control": curve.control}}], "config": {}},
        "results": {
            "total_samples": len(samples),
            "completed_samples": len(samples) - len(failures),
            "scores": [score] if named else [],
        },
        "stats": {**times, "model_usage": {curve.model: usage} if (usage := _sum(samples)) else {}},
    }


def _eval(content: Content, curve: Curve, point: Point, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    study, task = content.run.manifest.study, content.task(curve.task)
    options = study.task_options.get(task.spec or task.name, {})
    return {
        "eval_id": _id(content, curve, point, "eval"),
        "run_id": _id(content, curve, point, "run"),
        "task_id": _id(content, curve, point, "task"),
        "created": _utc(content.started),
        "task": curve.task,
        "task_version": task.version,
        "task_args": options,
        "task_args_passed": options,
        "dataset": {
            "name": task.source or curve.task,
            "samples": task.n_problems,
            "sample_ids": list(dict.fromkeys(sample["id"] for sample in samples)),
            "shuffled": study.shuffle is not None,
        },
        "model": curve.model,
        "model_generate_config": _generation(content, curve, point),
        "model_args": {},
        "config": {"epochs": max(1, point.n_samples), "log_samples": True},
        "packages": {},
        "scorers": [{"name": SCORER, "metrics": [{"name": "inspect_ai/accuracy"}, {"name": "inspect_ai/stderr"}]}],
    }


def _generation(content: Content, curve: Curve, point: Point) -> dict[str, Any]:
    """inspect's settings of a generation: the budget as it calls it, and how tokens were drawn where that is known."""
    study, sampling = content.run.manifest.study, content.model(curve.model).sampling
    drawn = {key: getattr(sampling, key, None) for key in TOLD}
    if curve.control == Control.EFFORT and point.budget is not None:
        drawn["reasoning_effort"] = EFFORTS[point.budget]
    else:
        drawn["reasoning_tokens"] = point.budget
    told = {**drawn, "system_message": study.system or None, "max_tokens": study.max_output_tokens, "seed": study.seed}
    return {key: value for key, value in told.items() if value is not None}


def _sum(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tokens of all samples, each attempt alone; nothing where one does not tell."""
    usages = [usage for sample in samples if sample["scores"] for usage in sample["model_usage"].values() or [{}]]
    keys = ("input_tokens", "output_tokens", "total_tokens")
    return {key: sum(usage[key] for usage in usages) for key in keys} if usages and all(usages) else {}


def _id(content: Content, curve: Curve, point: Point, what: str) -> str:
    """An id that is the same whenever the run is exported."""
    budget = "" if what == "run" else step_name(point.budget, curve.control)
    of = (curve.model, curve.task, curve.control, budget, _utc(content.started), what)
    return digest(part.encode() for part in of)


def _utc(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
