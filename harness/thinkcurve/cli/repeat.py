"""A study out of the manifest of a run, to be carried out once more: ``thinkcurve run results/X/manifest.json``.

The repeat is a run of its own. Before a token is spent its models and problems are checked to be those of the first
run, unless a flag asks for others; afterwards the two are compared, attempt by attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.store import Manifest, ModelRecord, TaskRecord
    from thinkcurve.study import Study

SUFFIX = "-again"
"""What the directory of a repeat adds to the name of its first run."""
OF_MODELS = ("models", "model_options", "temperature", "settings")
"""Flags that may make another model of it, or draw its tokens otherwise."""
OF_TASKS = (
    *("tasks", "task_options", "columns", "prompts", "fewshot", "system", "chat_template"),
    *("limit", "shuffle", "stratify", "levels", "groups", "ids", "settings"),
)
"""Flags that may take other problems, or ask them otherwise."""


def first_run(path: Path | None) -> Path | None:
    """The run that is to be repeated, where ``run`` is given its manifest or its directory; ``None`` for a study."""
    if path is None:
        return None
    if path.name == "manifest.json":
        return path.parent
    return path if path.is_dir() else None


def repeat_directory(run: Path, output: Path | None) -> Path:
    """Where the repeat of a run goes: ``output``, else always the same place, so that it can be gone on with."""
    directory = output or Path("results") / f"{run.resolve().name}{SUFFIX}"
    if directory.resolve() == run.resolve():
        raise UsageError(f"{str(directory)!r} is the run that is to be repeated; give another directory with -o")
    return directory


def study_again(run: Path) -> Study:
    """The study of a run, the data of ``hf:`` tasks pinned to the revisions that it read; `UsageError` without a run.

    Data with a name of ours has a pinned revision anyway.
    """
    from msgspec.structs import replace

    from thinkcurve.store import read_manifest

    manifest = read_manifest(run)
    options = dict(manifest.study.task_options)
    for record in manifest.tasks:
        own = options.get(record.spec, {})
        if record.spec.startswith("hf:") and record.revision and "revision" not in own:
            options[record.spec] = {**own, "revision": record.revision}
    return replace(manifest.study, task_options=options)


def agreement(run: Path, flags: Mapping[str, Any]) -> Callable[[Manifest], None]:
    """What refuses, before a token is spent, a manifest whose models or problems are not those of ``run``.

    What a flag names is meant to be another, and let through.
    """
    from thinkcurve.store import read_manifest

    first = read_manifest(run)
    are_models_ours, are_tasks_ours = _untouched(flags, OF_MODELS), _untouched(flags, OF_TASKS)

    def check(found: Manifest) -> None:
        models = {record.spec: record for record in found.models} if are_models_ours else {}
        tasks = {record.name: record for record in found.tasks} if are_tasks_ours else {}
        for model in first.models:
            if model.spec in models:
                _check_model(run, model, models[model.spec])
        for task in first.tasks:
            if task.name in tasks:
                _check_task(run, task, tasks[task.name])

    return check


def _untouched(flags: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return all(flags.get(name) in (None, (), "") for name in names)


def _check_model(run: Path, before: ModelRecord, now: ModelRecord) -> None:
    """What earlier versions did not record is not held against a model."""
    for key, ours, theirs in (
        ("fingerprint", before.info.get("fingerprint"), now.info.get("fingerprint")),
        ("sampling", before.sampling, now.sampling),
    ):
        if ours and theirs and ours != theirs:
            commit = before.info.get("revision")
            pin = f", or pin it: --model-option revision={commit}" if commit and now.info.get("revision") else ""
            raise UsageError(
                f"model {now.spec!r} is not what it was in {str(run)!r} ({key} {ours}, now {theirs}), so this would be "
                f"no repeat; to run it as it is now, name it: -m {now.spec}{pin}"
            )


def _check_task(run: Path, before: TaskRecord, now: TaskRecord) -> None:
    for key, what in (("fingerprint", "problems"), ("prompt_fingerprint", "prompts")):
        ours, theirs = getattr(before, key), getattr(now, key)
        if ours and theirs and ours != theirs:
            raise UsageError(
                f"task {now.name!r} has other {what} than in {str(run)!r} ({key} {ours}, now {theirs}), so this would "
                f"be no repeat; to run it as it is now, name it: -t {now.spec or now.name}"
            )


def how_alike(run: Path, repeat: Path) -> str:
    """How far a repeat agrees with its first run, in a line or two; models are matched in the order of the studies."""
    from thinkcurve.analysis.comparison.exact import compare_exactly

    command = f"thinkcurve compare --exact {run} {repeat}"
    try:
        found = compare_exactly(run, repeat)
    except UsageError as error:
        return f"Not compared with {run}: {error}"
    n = sum(exactness.n_attempts for exactness in found)
    n_parted = sum(parting.step != "cost" for exactness in found for parting in exactness.partings)
    if not n_parted:
        return f"As in {run}: {n:,} attempts, the same token for token, and every verdict."
    return f"Against {run}: {n - n_parted:,} of {n:,} attempts are the same, token for token. Where and why: {command}"
