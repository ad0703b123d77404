"""A run as records of Every Eval Ever (https://github.com/evaleval/every_eval_ever, schema 0.3.0).

    DIR/data/<task>/<owner>/<model>/<uuid4>.json             one a curve, one of its results a budget
    DIR/data/<task>/<owner>/<model>/<uuid4>_samples.jsonl    one line an attempt

The schema has no field for a budget: it stands in each result's ``generation_config.additional_details``, and in its
``evaluation_result_id``, which the lines name. Costs are in ``score_details.details``. The uuid is made of the run's
contents, so that a run exported twice is one record; ``retrieved_timestamp`` is the time at which it ended.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve import __version__
from thinkcurve.analysis.curve import COSTS, COUNTS, Curve, Point
from thinkcurve.budget import format_budget
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.every_eval_ever_lines import METRIC, SCHEMA_VERSION, lines_of, result_id, strings
from thinkcurve.interop.exports.files import Lines, json_line, json_text, plain_data, put, put_lines, safe_names
from thinkcurve.interop.exports.identity import availability, benchmark, model_ids, without_folders
from thinkcurve.store import ModelRecord


def write(content: Content, output: Path, wishes: Wishes) -> Written:
    """Write a record and its lines for every curve that has an accuracy."""
    tasks = safe_names(curve.task for curve in content.curves)
    files: list[str] = []
    n_points = n_attempts = 0
    for curve in content.curves:
        points = [point for point in curve.points if point.accuracy is not None]
        if not points:
            continue
        identity = model_ids(content, wishes)[curve.model]
        name = _uuid(content, curve)
        place = f"data/{tasks[curve.task]}/{identity}/{name}"
        log = record(content, curve, wishes)
        lines = (json_line(line) for point in points for line in lines_of(content, curve, point, log))
        written = put_lines(output / f"{place}_samples.jsonl", lines)
        log["detailed_evaluation_results"] = _detailed(f"{place}_samples.jsonl", written)
        files.append(put(output / f"{place}.json", json_text(plain_data(log))))
        files.append(written.path)
        n_points, n_attempts = n_points + len(points), n_attempts + written.n
    left_out = list(content.missing())
    if n := sum(point.accuracy is None for curve in content.curves for point in curve.points):
        left_out.append(f"{n} point{'s have' if n > 1 else ' has'} no accuracy, since every attempt failed")
    if wishes.organization == "unknown":
        left_out.append("--organization was not given: records say 'unknown' of who ran it")
    return Written("every-eval-ever", tuple(files), n_points, n_attempts, tuple(left_out))


def record(content: Content, curve: Curve, wishes: Wishes) -> dict[str, Any]:
    """The record of a curve, all but its pointer to the lines."""
    model = content.model(curve.model)
    identity = model_ids(content, wishes)[curve.model]
    time = str(int(content.finished.timestamp()))
    task = safe_names(c.task for c in content.curves)[curve.task]
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{task}/{identity}/{time}",
        "evaluation_timestamp": str(int(content.started.timestamp())),
        "retrieved_timestamp": time,
        "source_metadata": {
            "source_name": "thinkcurve",
            "source_type": "evaluation_run",
            "source_organization_name": wishes.organization,
            "evaluator_relationship": wishes.relationship,
        },
        "eval_library": {"name": "thinkcurve", "version": _version(content)},
        "model_info": _model(model, identity),
        "evaluation_results": [
            _result(content, curve, point, wishes) for point in curve.points if point.accuracy is not None
        ],
    }


def _version(content: Content) -> str:
    sittings = content.run.manifest.sittings
    return sittings[-1].versions.get("thinkcurve", __version__) if sittings else __version__


def _model(model: ModelRecord, identity: str) -> dict[str, Any]:
    info = model.info
    engine, _, version = str(info.get("engine") or "").partition(" ")
    known = {key: info.get(key) for key in ("revision", "fingerprint", "active_parameters", "context_tokens")}
    deployment = {True: "self_deployed", False: "externally_managed"}.get(info.get("is_local"), "unknown")  # type: ignore[arg-type]
    return {
        "name": without_folders(str(info.get("name") or identity)),
        "id": identity,
        "developer": identity.partition("/")[0],
        **({"inference_platform": str(info["provider"])} if info.get("provider") else {}),
        **({"inference_engine": {"name": engine, "version": version or "unknown"}} if engine else {}),
        "additional_details": {
            "deployment_type": deployment,
            "model_availability": availability(model),
            **strings(known),
        },
    }


def _result(content: Content, curve: Curve, point: Point, wishes: Wishes) -> dict[str, Any]:
    budget = format_budget(point.budget, curve.control)
    asked = "a budget of none, the natural end," if point.budget is None else f"a budget of {budget}"
    return {
        "evaluation_result_id": result_id(curve, point),
        "evaluation_name": curve.task,
        "source_data": _source(content, curve, point, wishes),
        "evaluation_timestamp": str(int(content.started.timestamp())),
        "metric_config": {
            "evaluation_description": f"Share of correct answers, thinking at {asked} (control {curve.control})",
            "metric_id": METRIC,
            "metric_name": "Accuracy",
            "metric_kind": METRIC,
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": point.accuracy,
            "details": _measured(point),
            "uncertainty": _uncertainty(point),
        },
        "generation_config": _generation(content, curve, point),
    }


def _source(content: Content, curve: Curve, point: Point, wishes: Wishes) -> dict[str, Any]:
    task = content.task(curve.task)
    told = {key: getattr(task, key) for key in ("version", "fingerprint", "prompt_fingerprint", "revision")}
    found = benchmark(task, wishes)
    told |= {"licence": task.licence, "source": without_folders(task.source)}
    details = strings({key: value for key, value in told.items() if value})
    if found is None:
        return {"dataset_name": curve.task, "source_type": "other", "additional_details": details}
    splits = {problem.rsplit("/", 2)[1] for problem in content.problems(curve, point)}
    return {
        "dataset_name": curve.task,
        "source_type": "hf_dataset",
        "hf_repo": found[0],
        **({"hf_split": next(iter(splits))} if len(splits) == 1 else {}),
        "samples_number": point.n_problems,
        "additional_details": details,
    }


def _measured(point: Point) -> dict[str, str]:
    """What the point measured beside its score: means per attempt alone, and counts of attempts."""
    names = (*COSTS, *COUNTS, "refused", "failures", "n_problems", "n_samples", "n_attempts")
    shares = {f"pass@{k}": share for k, share in point.pass_at.items()}
    votes = {f"maj@{k}": share for k, share in point.maj_at.items()}
    return strings({name: getattr(point, name) for name in names} | shares | votes)


def _uncertainty(point: Point) -> dict[str, Any]:
    found: dict[str, Any] = {"num_samples": point.n_problems}
    if point.se is not None:
        found["standard_error"] = {"value": point.se, "method": "analytic, clustered by problem"}
    if point.ci_low is not None and point.ci_high is not None:
        found["confidence_interval"] = {
            "lower": point.ci_low,
            "upper": point.ci_high,
            "confidence_level": 0.95,
            "method": point.interval or "unknown",
        }
    return found


def _generation(content: Content, curve: Curve, point: Point) -> dict[str, Any]:
    """How it was generated; the budget is among the additional details."""
    study, sampling = content.run.manifest.study, content.model(curve.model).sampling
    drawn = {} if sampling is None else msgspec.structs.asdict(sampling)
    most = study.max_output_tokens
    if curve.control in ("truncate", "extend", "server") and point.budget is not None:
        most = point.budget + study.answer_tokens
    details = {
        "budget": format_budget(point.budget, curve.control),
        "budget_unit": "level" if point.effort else "thinking tokens",
        "control": curve.control,
        "answer_tokens": study.answer_tokens,
        "samples": point.n_samples,
        "traces": study.traces,
        "seed": study.seed,
        "min_p": drawn.get("min_p"),
        "system": study.system or None,
    }
    template = content.task(curve.task).prompt
    return {
        "generation_args": {
            **{key: drawn[key] for key in ("temperature", "top_p", "top_k") if drawn.get(key) is not None},
            **({"max_tokens": most} if most else {}),
            "reasoning": point.budget != 0,
            **({"prompt_template": template} if template else {}),
        },
        "additional_details": strings(details),
    }


def _detailed(path: str, lines: Lines) -> dict[str, Any]:
    """The pointer to the lines of a record."""
    return {
        "format": "jsonl",
        "file_path": path,
        "hash_algorithm": "sha256",
        "checksum": lines.sha256,
        "total_rows": lines.n,
    }


def _uuid(content: Content, curve: Curve) -> str:
    """A UUID of version 4 that the same curve of the same run always gets."""
    manifest = content.run.manifest
    key = msgspec.json.encode(
        [curve, manifest.study, manifest.sittings[:1], content.model(curve.model).info], order="deterministic"
    )
    return str(uuid.UUID(bytes=hashlib.sha256(key).digest()[:16], version=4))
