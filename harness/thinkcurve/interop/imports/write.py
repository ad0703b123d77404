"""Files of other tools read, made one run, and written as a run directory that every other command reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from thinkcurve.budget import Control
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports import inspect_log, lm_eval_samples, table
from thinkcurve.interop.imports.assemble import Imported, assemble
from thinkcurve.interop.imports.item import Kept, Log, Setting, Wishes
from thinkcurve.interop.imports.reading import name_of
from thinkcurve.interop.imports.settings import given_settings
from thinkcurve.questions import write_questions
from thinkcurve.store import manifest_path, write_manifest
from thinkcurve.tables import compact

READERS: Mapping[str, Callable[[Path, Wishes], list[Log]]] = {
    "lm-eval": lm_eval_samples.read_logs,
    "inspect": inspect_log.read_logs,
    "parquet": table.read_logs,
}
"""What a file may be of, and who reads it."""


def import_files(
    files: Sequence[Path],
    kind: str,
    *,
    wishes: Wishes | None = None,
    budgets: str | None = None,
    control: str | None = None,
    more_samples: bool = False,
) -> Imported:
    """One run of several files of one kind (a key of `READERS`).

    ``budgets`` gives one for each file, commas between, where the files do not say or otherwise; ``control`` who
    enforced them. Raises `UsageError` where nobody says and there are several files: they may be points of one curve,
    or not.
    """
    wishes = wishes or Wishes()
    names = {"model": name_of(wishes.model) or None, "task": name_of(wishes.task) or None}
    wishes = msgspec.structs.replace(wishes, **names)
    for file in files:
        if not file.exists():
            raise UsageError(f"there is no file {str(file)!r}")
    given = given_settings(budgets, control, [str(file) for file in files])
    found = [READERS[kind](file, wishes) for file in files]
    logs = [
        _settled(log, given[place] if given else None, control)
        for place, of_file in enumerate(found)
        for log in of_file
    ]
    _check_known(logs, is_alone=len(files) == 1)
    model = None if kind == "parquet" else wishes.model
    if wishes.task is not None and kind != "parquet":
        logs = _renamed(logs, wishes.task)
    return assemble(logs, model=model, more_samples=more_samples)


def write_run(imported: Imported, run: Path) -> None:
    """Write a run: manifest and tables.

    Raises `UsageError` where something stands there already.
    """
    import pyarrow as pa

    if manifest_path(run).exists() or (run.exists() and not run.is_dir()):
        raise UsageError(f"{str(run)!r} holds a run already; give another directory with -o")
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make directory {str(run)!r}: {error.strerror}") from error
    try:
        compact(run, imported.records)
        write_questions(run, imported.questions)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
        raise UsageError(f"these records fit no table: {' '.join(str(error).split())[:200]}") from error
    write_manifest(run, imported.manifest)


def _settled(log: Log, given: Setting | None, control: str | None) -> Log:
    """A log with its setting: the user's word goes before the file's, but never before thinkcurve's own records."""
    if log.items and isinstance(log.items[0], Kept):
        return log
    if given is not None:
        items = tuple(msgspec.structs.replace(item, setting=None) for item in log.items)
        return msgspec.structs.replace(log, setting=given, items=items)
    if control is None:
        return log
    setting = log.setting and Setting(Control(control), log.setting.budget)
    items = tuple(
        item
        if isinstance(item, Kept) or item.setting is None
        else msgspec.structs.replace(item, setting=Setting(Control(control), item.setting.budget))
        for item in log.items
    )
    return msgspec.structs.replace(log, setting=setting, items=items)


def _check_known(logs: Sequence[Log], *, is_alone: bool) -> None:
    """Refuse several files of which nobody knows the budgets; one alone is at the natural end of the thinking."""
    for log in logs:
        is_known = log.setting is not None or all(isinstance(item, Kept) or item.setting for item in log.items)
        if not is_known and not is_alone:
            raise UsageError(f"{log.file} does not say how much thinking it allowed; give --budgets, one for each file")


def _renamed(logs: Sequence[Log], task: str) -> list[Log]:
    names = list(dict.fromkeys(log.task for log in logs))
    if len(names) > 1:
        raise UsageError(f"--task would make one task of {', '.join(names)}; import them into runs of their own")
    if any(isinstance(item, Kept) for log in logs for item in log.items):
        raise UsageError("--task cannot rename what thinkcurve exported: its problems are named by their task")
    return [msgspec.structs.replace(log, task=task) for log in logs]
