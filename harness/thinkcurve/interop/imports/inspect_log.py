"""inspect's eval logs as answers: one log is one task on one model at one setting, its epochs are samples."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.inspect_archive import read_archive
from thinkcurve.interop.imports.inspect_own import own_log
from thinkcurve.interop.imports.inspect_sample import item_of
from thinkcurve.interop.imports.item import Item, Log, Wishes
from thinkcurve.interop.imports.kept import OWN, origin_of
from thinkcurve.interop.imports.reading import child, count_of, name_of, number_of, text_of
from thinkcurve.interop.imports.settings import setting_of
from thinkcurve.problem import Verdict
from thinkcurve.study import SAMPLING

BEGINNING = 4096
"""Bytes in which a log in JSON has named its evaluation."""


def read_logs(path: Path, wishes: Wishes) -> list[Log]:
    """A log for each file that ``path`` means: itself, or all of a folder. Raises `UsageError` for what is none."""
    if not path.is_dir():
        return [_log(path, wishes)]
    found = sorted(file for kind in ("*.eval", "*.json") for file in path.rglob(kind) if _is_log(file))
    if not found:
        raise UsageError(f"{str(path)!r} holds no .eval log")
    return [_log(file, wishes) for file in found]


def _is_log(file: Path) -> bool:
    """Whether a file of a folder is a log: other JSON may lie beside them, and a log names its evaluation first."""
    if file.suffix == ".eval":
        return True
    try:
        with file.open("rb") as stream:
            return b'"eval"' in stream.read(BEGINNING)
    except OSError:
        return False


def _log(file: Path, wishes: Wishes) -> Log:
    header, samples = read_archive(file)
    run = header.get("eval")
    if not isinstance(run, dict) or "model" not in run or "task" not in run:
        raise UsageError(f"{str(file)!r} is no log of inspect: it does not name a model and a task")
    origin = origin_of(child(run, "metadata"), str(file))
    if origin is not None and wishes.metric in (None, OWN):
        return own_log(file, header, samples, origin)
    config = child(run, "model_generate_config")
    options = _options(header, config)
    model = name_of(run["model"])
    items = tuple(_items(samples, model, wishes))
    if not items:
        raise UsageError(f"{str(file)!r} holds no sample; inspect logs them unless log_samples is off")
    if all(item.verdict is Verdict.UNVERIFIED for item in items if item.error is None) and not _has_errors(items):
        raise UsageError(f"{str(file)!r} has no score; judge it first with: inspect score {file.name}")
    version = name_of(child(run, "packages").get("inspect_ai"))
    whole, asked = _sizes(run)
    n_logged = count_of(child(header, "results").get("total_samples")) or 0
    return Log(
        file=str(file),
        tool=f"inspect-ai {version}".strip(),
        model=model,
        task=f"inspect:{name_of(run['task'])}",
        version=name_of(run.get("task_version")),
        items=items,
        setting=setting_of(*options, child(run, "model_args")),
        scorer=items[0].rung.removeprefix("inspect/"),
        source=name_of(child(run, "dataset").get("name") or child(run, "dataset").get("location")).rpartition("/")[2],
        made=_time(child(header, "stats").get("completed_at")) or _time(run.get("created")),
        sampling={key: config[key] for key in SAMPLING if number_of(config.get(key)) is not None},
        system=text_of(config.get("system_message")) or "",
        max_output_tokens=count_of(config.get("max_tokens")) or None,
        options=_plain(child(run, "task_args")),
        limit=asked if whole is not None and asked is not None and asked < whole else None,
        n_problems=whole,
        is_whole=header.get("status") == "success" and len(items) >= n_logged,
        notes=(*_notes(file, header), *_torn(file, len(items), n_logged)),
    )


def _sizes(run: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """How many problems the data set has, and how many of them were asked."""
    of = child(run, "dataset")
    ids = of.get("sample_ids")
    return count_of(of.get("samples")), len(ids) if isinstance(ids, list) else None


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """A task's arguments, but those that are no single word or number."""
    kept = {name_of(key): value for key, value in options.items() if isinstance(value, str | int | float)}
    return {key: text_of(value) if isinstance(value, str) else value for key, value in kept.items() if key}


def _torn(file: Path, n_found: int, n_logged: int) -> Iterator[str]:
    if n_found < n_logged:
        yield f"{file}: holds {n_found:,} of the {n_logged:,} samples that were evaluated, so it is not whole"


def _time(value: object) -> str | None:
    """A time as ISO 8601 to the second, where it is one."""
    try:
        return datetime.datetime.fromisoformat(str(value)).isoformat(timespec="seconds")
    except ValueError:
        return None


def _has_errors(items: Sequence[Item]) -> bool:
    return any(item.error is not None for item in items)


def _options(header: Mapping[str, Any], config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Where inspect keeps options of a generation: the model's, the plan's, and those of its ``generate`` steps."""
    plan = child(header, "plan")
    steps = plan.get("steps")
    params = [child(step, "params") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return [config, child(plan, "config"), *params]


def _items(samples: Iterable[tuple[str, Mapping[str, Any]]], model: str, wishes: Wishes) -> Iterator[Item]:
    for where, sample in samples:
        yield item_of(where, sample, model, wishes)


def _notes(file: Path, header: Mapping[str, Any]) -> Iterator[str]:
    status = header.get("status")
    if status != "success":
        yield f"{file}: inspect says of this run: {name_of(status) or 'never ended'}"
    if header.get("invalidated") is True:
        yield f"{file}: marked as invalidated"
