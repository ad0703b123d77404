"""Which curves of two runs are compared with each other, what is refused, and what has to be said beside it.

Curves are matched by task. A run with several models is matched by the model's spec, or by the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinkcurve.analysis.basis.grid import Grid
from thinkcurve.analysis.comparison.conditions import conditions_of, template_of
from thinkcurve.analysis.comparison.sameness import MOST_NAMED, changed, prints_of
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.store import Manifest, TaskRecord

if TYPE_CHECKING:
    from thinkcurve.run import Run

SETTINGS = (
    "control",
    "system",
    "chat_template",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "answer_tokens",
    "traces",
    "wait",
    "waits",
    "budget_prompt",
)
"""Keys of a study that change what a model answers; where they differ, more than the model is compared."""
JUDGES = ("sympy", "math-verify", "latex2sympy2_extended")
"""Versions of a verifier that may change a verdict."""
SHOWN = 60
"""Characters of a setting that a remark shows."""


@dataclass(frozen=True, eq=False)
class Match:
    """Two curves to be compared, and what a reader has to know of how they came about.

    ``is_same_seed`` says that sample s of a problem was drawn by the same seed in both.
    """

    base: Grid
    new: Grid
    is_same_seed: bool
    notes: tuple[str, ...]


def matches_of(base: Run, new: Run, *, base_model: str | None = None, new_model: str | None = None) -> list[Match]:
    """The curves of two runs that can be compared, in the order of the base.

    Raises `UsageError` where the runs have no task in common, where a task has another version or other problems under
    the same ids, or where it is not clear which models are meant.
    """
    tasks = [record.name for record in base.manifest.tasks if _record(new.manifest, record.name)]
    if not tasks:
        raise UsageError(
            f"the runs have no task in common: base has {_names(base)}, new has {_names(new)}; "
            "compare runs of the same tasks"
        )
    pairs = _models(base, new, base_model, new_model)
    shared_notes = (*_left_out(base, new, tasks), *_settings(base.manifest, new.manifest))
    grids = [{(g.model, g.task): g for g in run.grids} for run in (base, new)]
    found = []
    for task in tasks:
        notes = (*shared_notes, *_check_problems(base, new, task), *conditions_of(base.manifest, new.manifest, task))
        for first, second in pairs:
            one, other = grids[0].get((first, task)), grids[1].get((second, task))
            if one is not None and other is not None:
                of = (*notes, *template_of(base.manifest, new.manifest, (first, second)))
                found.append(Match(one, other, base.manifest.study.seed == new.manifest.study.seed, of))
    if not found:
        raise UsageError(
            f"the runs have no graded attempts in common at {', '.join(tasks)}; "
            "finish them with the commands that began them"
        )
    return found


def _models(base: Run, new: Run, base_model: str | None, new_model: str | None) -> list[tuple[str, str]]:
    """Which models are compared: those asked for, the only ones, or those that both runs have."""
    ours = _specs(base.manifest, base_model, "--base-model")
    theirs = _specs(new.manifest, new_model, "--new-model")
    if len(ours) == 1 and len(theirs) == 1:
        return [(ours[0], theirs[0])]
    common = [spec for spec in ours if spec in theirs]
    if not common:
        raise UsageError(
            f"it is not clear which models to compare: base has {', '.join(ours)}, new has {', '.join(theirs)}; "
            "choose with --base-model and --new-model"
        )
    return [(spec, spec) for spec in common]


def _specs(manifest: Manifest, asked: str | None, flag: str) -> list[str]:
    specs = [record.spec for record in manifest.models]
    if asked is None:
        return specs
    if asked not in specs:
        raise UsageError(
            f"{flag}: the run has no model {asked!r}.{did_you_mean(asked, specs)} It has {', '.join(specs)}"
        )
    return [asked]


def _check_problems(base: Run, new: Run, task: str) -> Iterator[str]:
    """Refuse a task that is not the same in both, and say what of that could not be checked.

    Runs keep a fingerprint of each problem: those of common ids have to agree. Runs of earlier versions kept one of all
    their problems in their order: where both took the same ones it has to be the same; where they took different ones
    (another limit, other levels) it tells nothing of those in common, and the prompts have to.
    """
    one, other = _record(base.manifest, task), _record(new.manifest, task)
    assert one is not None
    assert other is not None
    if one.version != other.version:
        raise UsageError(
            f"task {task!r} is of version {one.version!r} in base and {other.version!r} in new, which may ask or judge "
            "otherwise; run both with one version of it"
        )
    differ = changed(prints_of(base, task), prints_of(new, task))
    if differ:
        some = ", ".join(differ[:MOST_NAMED]) + (", ..." if len(differ) > MOST_NAMED else "")
        raise UsageError(
            f"{len(differ)} problem{'s' * (len(differ) > 1)} of task {task!r} differ between base and new under the "
            f"same id ({some}); run both on one revision of its data"
        )
    if not (one.fingerprint and other.fingerprint):
        yield f"{task}: one run has no fingerprint of its problems; those of the same id are taken for the same"
        return
    if one.fingerprint == other.fingerprint:
        if one.prompt_fingerprint and other.prompt_fingerprint and one.prompt_fingerprint != other.prompt_fingerprint:
            yield f"{task}: the same problems are asked otherwise in new than in base (prompt, level or group)"
        return
    if differ is not None:
        return
    if _took_the_same(base, new, task, one, other):
        raise UsageError(
            f"task {task!r} has other problems in new than in base under the same ids (fingerprint {one.fingerprint} "
            f"in base, {other.fingerprint} in new); run both on one revision of its data"
        )
    if not _asked_the_same(base, new, task):
        yield (
            f"{task}: the runs took different problems, so their fingerprints cannot be compared; those of the same id "
            "are taken for the same"
        )


def _took_the_same(base: Run, new: Run, task: str, one: TaskRecord, other: TaskRecord) -> bool:
    """Whether two runs took problems of the same ids in the same order, so that their fingerprints must agree."""
    ours, theirs = base.manifest.study, new.manifest.study
    if one.n_problems != other.n_problems or (ours.shuffle, ours.stratify) != (theirs.shuffle, theirs.stratify):
        return False
    is_chosen_alike = all(
        sorted(getattr(ours, key)) == sorted(getattr(theirs, key)) for key in ("levels", "groups", "ids")
    )
    return is_chosen_alike or _ids(base, task) == _ids(new, task)


def _asked_the_same(base: Run, new: Run, task: str) -> bool:
    """Whether every common problem has a prompt that is the same, token for token, in both runs."""
    prompts = []
    for run in (base, new):
        of: dict[str, set[str]] = {}
        of_all = run.tables.traces
        traces = of_all[of_all["task"] == task]
        for problem, digest in zip(traces["problem"], traces["prompt_digest"], strict=True):
            of.setdefault(problem, set()).add(digest)
        prompts.append(of)
    common = prompts[0].keys() & prompts[1].keys()
    return bool(common) and all(prompts[0][problem] & prompts[1][problem] for problem in common)


def _ids(run: Run, task: str) -> set[str]:
    tables = (run.tables.attempts, run.failures)
    return {problem for table in tables for problem in table["problem"][table["task"] == task].unique()}


def _left_out(base: Run, new: Run, tasks: Sequence[str]) -> Iterator[str]:
    for name, run in (("base", base), ("new", new)):
        alone = [record.name for record in run.manifest.tasks if record.name not in tasks]
        if alone:
            yield f"only in {name}, not compared: {', '.join(alone)}"


def _settings(base: Manifest, new: Manifest) -> Iterator[str]:
    """A line for each setting in which two runs differ besides model and problems."""
    for key in SETTINGS:
        ours, theirs = _setting(base, key), _setting(new, key)
        if ours != theirs:
            yield f"{key} differs: {_word(ours)} in base, {_word(theirs)} in new"
    judges = [_judge(manifest) for manifest in (base, new)]
    for key in JUDGES:
        ours, theirs = judges[0].get(key), judges[1].get(key)
        if ours != theirs and ours and theirs:
            yield f"judged by other versions: {key} {ours} in base, {theirs} in new; regrade one of them"


def _setting(manifest: Manifest, key: str) -> Any:
    """A key of the study; where it is the model's own, what that was."""
    value = getattr(manifest.study, key)
    if value is None and len(manifest.models) == 1:
        return getattr(manifest.models[0].sampling, key, None)
    return value


def _judge(manifest: Manifest) -> dict[str, str]:
    sittings = manifest.regrades or manifest.sittings
    return sittings[-1].verifier if sittings else {}


def _word(value: Any) -> str:
    text = "not set" if value is None else repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _record(manifest: Manifest, task: str) -> TaskRecord | None:
    return next((record for record in manifest.tasks if record.name == task), None)


def _names(run: Run) -> str:
    return ", ".join(record.name for record in run.manifest.tasks)
