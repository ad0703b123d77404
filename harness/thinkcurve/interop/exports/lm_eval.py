"""A run as lm-eval would have left it: one evaluation a budget, with its results file and its samples.

    DIR/budget-64/<model>/results_<time>.json            what `EvaluationTracker.save_results_aggregated` writes
    DIR/budget-64/<model>/samples_<task>_<time>.jsonl    what `EvaluationTracker.save_results_samples` writes

Read in lm-eval 0.4.13 (``lm_eval/loggers/evaluation_tracker.py``, ``result_schema.py``). The folder of a budget is
what ``--output_path`` would have been. The metric is our verifier's verdict, 1 or 0, ``unverified`` counting as 0. It
is called ``acc,none``, or as the user wishes, so that it stands in the column of lm-eval's own score. Each sample of a
problem has a line of its own under the same ``doc_id``. lm-eval has no place for budgets and costs, so each line has a
key ``thinkcurve`` with the whole `thinkcurve.store.Attempt`, each results file one with the study and its points;
``thinkcurve import`` reads them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import Budget, format_budget
from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.files import json_line, json_text, plain_data, put, put_lines, safe_names, step_name
from thinkcurve.interop.exports.identity import hub_dataset
from thinkcurve.interop.exports.origin import OWN, failures_of, origin_of
from thinkcurve.store import Attempt, TaskRecord

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

NAME = re.compile(r"[A-Za-z0-9][\w.@+-]{0,79}", re.ASCII)
"""What a metric and a filter may be called: lm-eval tells them apart by a comma."""
TAKEN = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", OWN}
    | {"doc_hash", "prompt_hash", "target_hash"}
)
"""Keys of a line of samples, which no metric can be called."""


def metric_name(given: str) -> tuple[str, str]:
    """``METRIC`` or ``METRIC,FILTER``, as lm-eval's results write it, as metric and filter; the latter is else
    ``none``. Raises `UsageError` where lm-eval would read it otherwise."""
    metric, sign, filter_ = given.partition(",")
    filter_ = filter_ if sign else "none"
    if not (NAME.fullmatch(metric) and NAME.fullmatch(filter_)):
        raise UsageError(
            f"--metric-name {given!r:.80} is not METRIC or METRIC,FILTER, such as exact_match,strict-match"
        )
    if metric in TAKEN or metric.endswith("_stderr"):
        raise UsageError(f"--metric-name: {metric!r} means something else in lm-eval's files; take exact_match or acc")
    return metric, filter_


def write(content: Content, output: Path, wishes: Wishes) -> Written:
    """Write the files of every budget below ``output``; of the ``wishes`` the names of metric and filter count."""
    tasks = safe_names(task.name for task in content.run.manifest.tasks)
    evaluations: dict[tuple[str, str, Budget], list[tuple[Curve, Point]]] = {}
    for curve, point in content.points:
        evaluations.setdefault((curve.model, curve.control, point.budget), []).append((curve, point))
    folders = safe_names((model for model, _, _ in evaluations), _model_folder)
    time = content.finished.strftime("%Y-%m-%dT%H-%M-%S.%f")
    files: list[str] = []
    n_attempts = 0
    for (model, control, budget), points in evaluations.items():
        folder = output / step_name(budget, control) / folders[model]
        hashes = {}
        for curve, point in points:
            name, digest = tasks.get(curve.task, curve.task), hashlib.sha256()
            lines = _lines(content.attempts(curve, point), content, wishes, digest)
            written = put_lines(folder / f"samples_{name}_{time}.jsonl", lines)
            hashes[name] = digest.hexdigest()
            files.append(written.path)
            n_attempts += written.n
        found = results(content, points, tasks, wishes) | {"task_hashes": hashes}
        files.append(put(folder / f"results_{time}.json", json_text(plain_data(found))))
    left_out = (*content.missing(), *_unscored(content))
    return Written("lm-eval", tuple(files), len([*content.points]), n_attempts, left_out)


def _lines(attempts: Iterable[Attempt], content: Content, wishes: Wishes, digest: Digest) -> Iterator[str]:
    """The lines of a samples file; their hashes go into ``digest``, as lm-eval hashes a task."""
    for attempt in attempts:
        line = sample(content, attempt, wishes)
        digest.update((line["doc_hash"] + line["prompt_hash"] + line["target_hash"]).encode())
        yield json_line(line)


def sample(content: Content, attempt: Attempt, wishes: Wishes) -> dict[str, Any]:
    """One line of a samples file: an attempt, with the problem as its document."""
    question, gold = content.question(attempt.problem)
    doc = {
        "id": attempt.problem,
        "question": question,
        "answer": gold or "",
        "level": attempt.level,
        "group": attempt.group,
        "fingerprint": content.fingerprint(attempt.problem),
    }
    return {
        "doc_id": attempt.index,
        "doc": doc,
        "target": gold or "",
        "arguments": {"gen_args_0": {"arg_0": question, "arg_1": _generation(content, attempt.model)}},
        "resps": [[attempt.answer]],
        "filtered_resps": [attempt.answer],
        "filter": wishes.filter,
        "metrics": [wishes.metric],
        "doc_hash": _sha(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _sha(question),
        "target_hash": _sha(gold or ""),
        wishes.metric: float(attempt.verdict == "correct"),
        OWN: plain_data(attempt),
    }


def results(
    content: Content, points: Sequence[tuple[Curve, Point]], names: dict[str, str], wishes: Wishes
) -> dict[str, Any]:
    """The results file of one model at one budget: ``points`` are those of its tasks, ``names`` what lm-eval calls
    these."""
    manifest = content.run.manifest
    curve, first = points[0]
    of = {names.get(curve.task, curve.task): (content.task(curve.task), point) for curve, point in points}
    system = manifest.study.system or None
    return {
        "results": {name: _scores(name, point, wishes) for name, (_, point) in of.items()},
        "group_subtasks": {name: [] for name in of},
        "configs": {
            name: _config(content, curve.model, name, task, point, wishes) for name, (task, point) in of.items()
        },
        "versions": {name: task.version for name, (task, _) in of.items()},
        "n-shot": {name: _shots(content, task) for name, (task, _) in of.items()},
        "higher_is_better": {name: {wishes.metric: True} for name in of},
        "n-samples": {
            name: {"original": task.n_problems, "effective": point.n_problems} for name, (task, point) in of.items()
        },
        "config": _model_config(content, curve, first),
        "git_hash": manifest.sittings[-1].git_commit if manifest.sittings else None,
        "date": content.started.timestamp(),
        "model_source": OWN,
        "model_name": curve.model,
        "model_name_sanitized": _model_folder(curve.model),
        "system_instruction": system,
        "system_instruction_sha": system and _sha(system),
        "fewshot_as_multiturn": any(_shots(content, task) for task, _ in of.values()),
        "chat_template": None,
        "chat_template_sha": None,
        "total_evaluation_time_seconds": str((content.finished - content.started).total_seconds()),
        OWN: origin_of(content, curve, [*of.values()], failures_of(content, curve, first)),
    }


def _scores(name: str, point: Point, wishes: Wishes) -> dict[str, Any]:
    """A task's entry in ``results``. The standard error is clustered by problem, which lm-eval's own is not."""
    return {
        "name": name,
        "alias": name,
        "sample_len": point.n_problems,
        f"{wishes.metric},{wishes.filter}": point.accuracy,
        f"{wishes.metric}_stderr,{wishes.filter}": "N/A" if point.se is None else point.se,
    }


def _config(content: Content, model: str, name: str, task: TaskRecord, point: Point, wishes: Wishes) -> dict[str, Any]:
    study = content.run.manifest.study
    dataset = hub_dataset(task)
    return {
        "task": name,
        **({"dataset_path": dataset} if dataset else {}),
        **({"dataset_kwargs": {"revision": task.revision}} if dataset and task.revision else {}),
        "doc_to_text": task.prompt,
        "doc_to_target": "{{answer}}",
        "num_fewshot": _shots(content, task),
        "metric_list": [{"metric": wishes.metric, "aggregation": "mean", "higher_is_better": True}],
        "output_type": "generate_until",
        "generation_kwargs": _generation(content, model),
        "repeats": max(1, point.n_samples),
        "should_decontaminate": False,
        "metadata": {"version": task.version, "task": task.name, "fingerprint": task.fingerprint, "seed": study.seed},
    }


def _generation(content: Content, model: str) -> dict[str, Any]:
    """lm-eval's ``generation_kwargs``; how tokens are drawn is left out where that is the provider's own default."""
    sampling = content.model(model).sampling
    drawn = {} if sampling is None else {"do_sample": sampling.temperature > 0, **msgspec.structs.asdict(sampling)}
    return {"until": [], **drawn, "max_gen_toks": content.run.manifest.study.answer_tokens}


def _shots(content: Content, task: TaskRecord) -> int:
    """The worked examples shown, as the task's option says."""
    given = content.run.manifest.study.task_options.get(task.spec or task.name, {}).get("fewshot", 0)
    return given if isinstance(given, int) else 0


def _model_config(content: Content, curve: Curve, point: Point) -> dict[str, Any]:
    """``config``: the model's arguments, and under our key what `thinkcurve.interop.lm_eval` would say of the model."""
    study = content.run.manifest.study
    info = content.model(curve.model).info
    budget = format_budget(point.budget, curve.control) if point.effort or point.budget is None else point.budget
    own = {key: info.get(key) for key in ("name", "revision", "fingerprint", "engine")}
    return {
        "model": OWN,
        "model_args": {"model": curve.model, "budget": budget, "control": curve.control},
        "model_num_parameters": info.get("active_parameters"),
        "model_revision": info.get("revision"),
        "model_sha": info.get("fingerprint"),
        "batch_size": None,
        "batch_sizes": [],
        "device": None,
        "use_cache": None,
        "limit": study.limit,
        "bootstrap_iters": 0,
        "gen_kwargs": _generation(content, curve.model),
        "random_seed": study.seed,
        OWN: {
            "spec": curve.model,
            **own,
            "budget": point.budget,
            "answer_tokens": study.answer_tokens,
            "temperature": study.temperature,
            "seed": study.seed,
        },
    }


def _unscored(content: Content) -> Iterable[str]:
    """The points that are not written, in words."""
    n = sum(len(curve.points) for curve in content.curves) - len([*content.points])
    if n:
        yield f"{n} point{'s have' if n > 1 else ' has'} no accuracy, since every attempt failed"


def _model_folder(spec: str) -> str:
    """As lm-eval names the folder of a model (``lm_eval.utils.sanitize_model_name``)."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", spec)


def _sha(text: str) -> str:
    """As lm-eval hashes documents, prompts and targets (``lm_eval.utils.hash_string``)."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
