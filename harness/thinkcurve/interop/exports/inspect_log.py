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

import json
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import EFFORTS, Control
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.files import json_line, plain_data, put_file, safe_names, step_name
from thinkcurve.interop.exports.inspect_sample import SCORER, Ids, failed_sample, sample_of, summary_of
from thinkcurve.interop.exports.origin import OWN, failures_of, origin_of
from thinkcurve.problem import digest

VERSION = 2
"""inspect's version of its logs."""
TOLD = ("temperature", "top_p", "top_k")
"""What inspect's settings of a generation call as we do."""
SUMMED = ("input_tokens", "output_tokens", "total_tokens")
"""Counts of tokens that the header of a log sums up."""
COPY_BYTES = 1 << 20


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
        log = _Log(content, curve, point)
        files.append(put_file(path, log.write))
        n_attempts += log.n_attempts
    return Written("inspect", tuple(files), len(points), n_attempts, tuple(content.missing()))


def _ids(problems: Iterable[str]) -> Ids:
    """What inspect calls each problem: its index, or its whole name where two have one index."""
    places = {problem: int(problem.rpartition("/")[2]) for problem in problems}
    return places if len(set(places.values())) == len(places) else {problem: problem for problem in places}


class _Log:
    """A log that is written sample by sample; its header tells what they add up to, and comes last."""

    def __init__(self, content: Content, curve: Curve, point: Point) -> None:
        self._content, self._curve, self._point = content, curve, point
        self._failures = [failure for failure in failures_of(content, curve, point) if failure.task == curve.task]
        self._scored = content.problems(curve, point)
        self._ids = _ids([*self._scored, *(failure.problem for failure in self._failures)])
        self._usage: Counter[str] | None = Counter()
        self.n_attempts = 0

    def write(self, path: Path) -> None:
        """Write the parts of the log as a zip, the same bytes for the same parts."""
        with zipfile.ZipFile(path, "w") as archive, tempfile.TemporaryFile(dir=path.parent) as summaries:
            _add(archive, "_journal/start.json", {"version": VERSION, "eval": self._eval(), "plan": self._plan()})
            for sample in self._samples():
                _add(archive, f"samples/{sample['id']}_epoch_{sample['epoch']}.json", sample)
                summaries.write(b", " if summaries.tell() else b"[")
                summaries.write(json.dumps(plain_data(summary_of(sample)), allow_nan=False).encode())
            summaries.write(b"]\n" if summaries.tell() else b"[]\n")
            _add_file(archive, "summaries.json", summaries)
            _add(archive, "header.json", self._header())

    def _samples(self) -> Iterator[dict[str, Any]]:
        for attempt, thinking in self._content.thoughts(self._curve, self._point):
            sample = sample_of(self._content, attempt, thinking, self._ids)
            self.n_attempts += 1
            self._add_usage(sample["model_usage"].get(attempt.model))
            yield sample
        for failure in self._failures:
            yield failed_sample(self._content, failure, self._ids)

    def _add_usage(self, usage: Mapping[str, Any] | None) -> None:
        """Sum up the tokens of all samples, each attempt alone; nothing where one does not tell."""
        if not usage:
            self._usage = None
        elif self._usage is not None:
            self._usage.update({key: usage[key] for key in SUMMED})

    def _header(self) -> dict[str, Any]:
        """A log without its samples. A run that is not finished is ``cancelled``: inspect would wait for a started
        one."""
        content, point = self._content, self._point
        metrics = {"accuracy": point.accuracy, "stderr": point.se}
        named = {name: {"name": name, "value": value} for name, value in metrics.items() if value is not None}
        told = {"scored_samples": len(self._scored), "unscored_samples": 0, "metrics": named}
        score = {"name": SCORER, "scorer": SCORER, **told}
        times = {"started_at": _utc(content.started), "completed_at": _utc(content.finished)}
        return {
            "version": VERSION,
            "status": "success" if content.run.manifest.finished else "cancelled",
            "eval": self._eval(),
            "plan": self._plan(),
            "results": {
                "total_samples": self.n_attempts + len(self._failures),
                "completed_samples": self.n_attempts,
                "scores": [score] if named else [],
            },
            "stats": {**times, "model_usage": {self._curve.model: dict(self._usage)} if self._usage else {}},
        }

    def _eval(self) -> dict[str, Any]:
        content, curve, point = self._content, self._curve, self._point
        origin = origin_of(content, curve, [(content.task(curve.task), point)], self._failures)
        return _eval(content, curve, point, list(self._ids.values())) | {"metadata": {OWN: origin}}

    def _plan(self) -> dict[str, Any]:
        return {"name": "plan", "steps": [{"solver": OWN, "params": {"control": self._curve.control}}], "config": {}}


def _add(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    archive.writestr(_info(name), json_line(plain_data(data)))


def _add_file(archive: zipfile.ZipFile, name: str, file: IO[bytes]) -> None:
    info = _info(name)
    info.file_size = file.tell()
    file.seek(0)
    with archive.open(info, "w") as part:
        shutil.copyfileobj(file, part, COPY_BYTES)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # of 1980, whenever it is written
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _eval(content: Content, curve: Curve, point: Point, ids: Sequence[int | str]) -> dict[str, Any]:
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
            "sample_ids": ids,
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


def _id(content: Content, curve: Curve, point: Point, what: str) -> str:
    """An id that is the same whenever the run is exported."""
    budget = "" if what == "run" else step_name(point.budget, curve.control)
    of = (curve.model, curve.task, curve.control, budget, _utc(content.started), what)
    return digest(part.encode() for part in of)


def _utc(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
