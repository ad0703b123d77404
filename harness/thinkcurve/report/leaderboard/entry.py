"""What a leaderboard keeps of a run: one `Entry` a curve, with all that its pages, its rankings and its files need.

An entry is made once and kept beside the site, named by a digest of the run's files, so that a site of a hundred runs
is remade by reading the one that is new.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve import __version__
from thinkcurve.analysis.comparison.sameness import Asked, prints_of
from thinkcurve.analysis.curve import Curve
from thinkcurve.analysis.missing import missing_of
from thinkcurve.analysis.ranking.counts import Counts, counts_of
from thinkcurve.questions import questions_path
from thinkcurve.segments import journal_parts
from thinkcurve.store import Manifest, Warn, manifest_path
from thinkcurve.study import Study
from thinkcurve.tables import attempts_path, failures_path, is_read_from_tables, traces_path

if TYPE_CHECKING:
    from thinkcurve.run import Run
    from thinkcurve.store import ModelRecord, TaskRecord

SCHEMA = 2
"""The shape of an `Entry`; another one is made anew."""
SETTINGS = (
    "samples",
    "seed",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "answer_tokens",
    "chat_template",
    "traces",
    "limit",
    "shuffle",
    "stratify",
)
"""Keys of a study that a model's page shows."""


LONGEST, MOST = 160, 64
"""Characters of a text, and items of a list, that a page takes of what a submitter wrote."""


class Model(msgspec.Struct, frozen=True):
    """A model as a run found it. ``name`` is what it calls itself; ``spec`` may hold no folder of the submitter."""

    name: str
    spec: str
    fingerprint: str
    engine: str = ""
    revision: str = ""
    provider: str = ""
    active_parameters: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What makes two models one."""
        return (self.name, self.fingerprint)


class Task(msgspec.Struct, frozen=True):
    """A task as a run found it; ``n_problems`` of it were asked."""

    name: str
    version: str
    fingerprint: str
    n_problems: int
    source: str = ""
    revision: str = ""
    licence: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One curve of one run. ``key`` names it for good; ``run`` is the name of the run's directory.

    ``counts`` is ``None`` where no attempt came about: nothing can be ranked. ``notes`` say what a reader must know.
    ``prints`` are the fingerprints of the problems of ``counts``, in their order, where the run says what it asked.
    """

    key: str
    run: str
    model: Model
    task: Task
    curve: Curve
    counts: Counts | None
    settings: dict[str, Any]
    versions: dict[str, str]
    hardware: dict[str, Any]
    verifier: dict[str, str]
    started: str = ""
    finished: str = ""
    notes: tuple[str, ...] = ()
    prints: tuple[str, ...] | None = None

    @property
    def asked(self) -> Asked:
        """What its run asked of the task, as far as it was answered."""
        task, prints = self.task, {}
        if self.counts is not None and self.prints is not None:
            prints = {one: print_ for one, print_ in zip(self.counts.problems, self.prints, strict=False) if print_}
        return Asked(task.version, task.n_problems, task.fingerprint, prints)


def digest_of(run: Path) -> str:
    """16 hex digits of the files that a run is read from."""
    made = hashlib.sha256(f"{SCHEMA} {__version__}".encode())
    names = [manifest_path(run), questions_path(run)]
    if is_read_from_tables(run):
        names += [attempts_path(run), traces_path(run), failures_path(run)]
    else:
        names += journal_parts(run)
    for path in names:
        if path.exists():
            with path.open("rb") as file:
                made.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return made.hexdigest()[:16]


def entries_of(path: Path, *, warn: Warn = lambda _: None) -> tuple[Entry, ...]:
    """The entries of a run in a directory. Raises `UsageError` where there is none that can be read."""
    from thinkcurve.run import load_run

    return entries_of_run(load_run(path, warn=warn), digest_of(path))


def entries_of_run(run: Run, digest: str) -> tuple[Entry, ...]:
    """The entries of a run whose files have a digest."""
    models = {record.spec: record for record in run.manifest.models}
    tasks = {record.name: record for record in run.manifest.tasks}
    grids = {grid.name: grid for grid in run.grids}
    missing = {(one.model, one.task): f"{one}, not even recorded as failed" for one in missing_of(run)}
    found = []
    for curve in run.curves():
        grid = grids.get((curve.model, curve.task, curve.control))
        made = _entry(run.manifest, curve, models[curve.model], tasks[curve.task], grid)
        if grid is not None and (prints := prints_of(run, curve.task)):
            made = msgspec.structs.replace(made, prints=tuple(prints.get(problem, "") for problem in grid.problems))
        name = run.path.resolve().name
        key = hashlib.sha256(f"{digest} {curve.model} {curve.task} {curve.control}".encode()).hexdigest()[:12]
        notes = (*made.notes, *filter(None, [missing.get((curve.model, curve.task))]))
        found.append(msgspec.structs.replace(made, key=key, run=name, notes=notes))
    return tuple(found)


def _entry(manifest: Manifest, curve: Curve, model: ModelRecord, task: TaskRecord, grid: Any) -> Entry:
    last = manifest.sittings[-1] if manifest.sittings else None
    judged = manifest.regrades[-1] if manifest.regrades else last
    found = model_of(model)
    return Entry(
        key="",
        run="",
        model=found,
        task=Task(task.name, task.version, task.fingerprint, task.n_problems, task.source, task.revision, task.licence),
        curve=msgspec.structs.replace(curve, model=found.spec),
        counts=None if grid is None else counts_of(grid),
        settings=settings_of(manifest.study, model),
        versions=last.versions if last else {},
        hardware=last.hardware if last else {},
        verifier=judged.verifier if judged else {},
        started=manifest.sittings[0].started if manifest.sittings else "",
        finished=manifest.finished or "",
        notes=tuple(_notes(manifest, curve, task)),
    )


def model_of(record: ModelRecord) -> Model:
    """A model of a manifest."""
    info: Mapping[str, Any] = record.info
    size = info.get("active_parameters")
    spec = without_folders(record.spec)
    return Model(
        name=without_folders(f":{info.get('name') or ''}")[1:] or spec,
        spec=spec,
        fingerprint=str(info.get("fingerprint") or ""),
        engine=str(info.get("engine") or ""),
        revision=str(info.get("revision") or ""),
        provider=str(info.get("provider") or ""),
        active_parameters=size if isinstance(size, int) and not isinstance(size, bool) else None,
    )


def without_folders(spec: str) -> str:
    """A model's spec without the folders of a file on somebody's machine; names on a hub and addresses stay.

    >>> without_folders("llamacpp:/home/me/model.gguf"), without_folders("transformers:org/model")
    ('llamacpp:model.gguf', 'transformers:org/model')
    """
    engine, colon, what = spec.partition(":")
    is_local = what.startswith(("/", "~", ".")) or what.count("/") > 1 or what.endswith(".gguf") or "\\" in what
    if not colon or "://" in spec or not is_local:
        return spec
    return f"{engine}:{what.replace(chr(92), '/').rstrip('/').rsplit('/', 1)[-1]}"


def settings_of(study: Study, model: ModelRecord) -> dict[str, Any]:
    """The settings that a run was made with; what the study leaves to the model is as it was found there."""
    found = {key: getattr(study, key) for key in SETTINGS}
    if model.sampling is not None:
        found |= msgspec.to_builtins(model.sampling)
    return {key: value for key, value in found.items() if value is not None}


def clipped(value: Any) -> Any:
    """Anything of an entry with no text in it longer than `LONGEST`: what is cut off leaves 8 hex digits of the whole.

    Problems and figures stay as they are.
    """
    if isinstance(value, str):
        if len(value) <= LONGEST:
            return value
        return f"{value[:LONGEST]}… {hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    if isinstance(value, dict):
        return {clipped(key): clipped(one) for key, one in list(value.items())[:MOST]}
    if isinstance(value, list | tuple):
        return type(value)(clipped(one) for one in value[:MOST])
    return value


def clipped_entry(entry: Entry) -> Entry:
    """An entry whose names fit a page, whatever a submitter put there."""
    model, task = (
        type(part)(**{name: clipped(value) for name, value in msgspec.structs.asdict(part).items()})
        for part in (entry.model, entry.task)
    )
    names = ("run", "settings", "versions", "hardware", "verifier", "started", "finished", "notes")
    more = {name: clipped(getattr(entry, name)) for name in names}
    curve = msgspec.structs.replace(entry.curve, control=clipped(entry.curve.control))
    return msgspec.structs.replace(entry, model=model, task=task, curve=curve, **more)


def _notes(manifest: Manifest, curve: Curve, task: TaskRecord) -> list[str]:
    notes = []
    if manifest.finished is None:
        notes.append("the run is not finished")
    counts: Counter[str] = Counter()
    for point in curve.points:
        counts.update(failures=point.failures, unverified=point.unverified, no_answer=point.no_answer)
    if counts["failures"]:
        notes.append(f"{counts['failures']:,} attempts did not come about")
    if counts["unverified"]:
        notes.append(f"{counts['unverified']:,} answers could not be verified, and count as wrong")
    most = max((point.n_problems for point in curve.points), default=0)
    if most < task.n_problems:
        notes.append(f"{most:,} of {task.n_problems:,} problems were answered")
    return notes
