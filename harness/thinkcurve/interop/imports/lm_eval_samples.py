"""lm-eval's samples as answers: the score that one filter and one metric gave to each document.

lm-eval keeps neither tokens nor why an answer ended, so these stay unknown. Its thinking is in the response where the
model's markers are.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from thinkcurve.budget import Ending
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.interop.imports.item import Item, Kept, Log, Setting, Wishes
from thinkcurve.interop.imports.kept import OWN, check_unmixed, kept_of, model_of
from thinkcurve.interop.imports.lm_eval_costs import read_usage, with_costs
from thinkcurve.interop.imports.lm_eval_files import Results, results_of, samples_files, task_of
from thinkcurve.interop.imports.reading import child, count_of, name_of, read_object, text_of
from thinkcurve.interop.imports.scores import verdict_of
from thinkcurve.interop.imports.settings import setting_of
from thinkcurve.interop.imports.subjects import group_of, level_of
from thinkcurve.interop.imports.thoughts import apart
from thinkcurve.problem import Verdict
from thinkcurve.study import SAMPLING

NO_MATCH = "[invalid]"
"""What lm-eval's regular-expression filters give where they find nothing."""
QUESTION_KEYS = ("question", "problem", "prompt", "query", "input", "q")
Line = Mapping[str, Any]


def read_logs(path: Path, wishes: Wishes) -> list[Log]:
    """A log for each samples file that ``path`` means. Raises `UsageError` with file and line for what is wrong."""
    logs = [_log(file, wishes) for file in samples_files(path)]
    if wishes.usage is None:
        return logs
    usage = read_usage(wishes.usage)
    return [with_costs(log, usage) for log in logs]


def _log(file: Path, wishes: Wishes) -> Log:
    results, task = results_of(file), task_of(file)
    lines = list(_lines(file))
    kept = [line for _, line in lines if OWN in line]
    check_unmixed(file, len(kept), len(lines))
    lines = _one_filter(file, lines, wishes)
    if not lines:
        raise UsageError(f"{str(file)!r} holds no sample")
    metric = None if kept else _metric(file, lines, wishes)
    items: Sequence[Item | Kept] = (
        [_kept(where, line) for where, line in lines]
        if metric is None
        else list(_items(lines, metric, str(results.task(task).get("test_split") or "test"), wishes))
    )
    first = lines[0][1]
    options = _generation_options(first)
    version = name_of(results.raw.get("lm_eval_version"))
    whole, asked = results.sizes(task)
    n_found = _n_documents(lines)
    is_torn = asked is not None and whole is not None and n_found < asked
    notes = [*_notes(file, results, lines)]
    if is_torn:
        notes.append(f"{file}: holds {n_found:,} of the {asked:,} documents that were evaluated, so it is not whole")
    return Log(
        file=str(file),
        tool=f"lm-eval {version}".strip(),
        model=results.model if metric else model_of(items, results.model),
        task=task if kept else f"lm-eval:{task}",
        version=results.version(task),
        items=tuple(items),
        setting=_setting(results, options),
        scorer=f"{first.get('filter')}, {metric}",
        source=name_of(results.task(task).get("dataset_path")),
        made=_made(results),
        sampling=_sampling(options),
        system=results.system,
        max_output_tokens=count_of(options.get("max_gen_toks")) or None,
        options=results.options(task),
        prompt=results.prompt(task),
        has_template=results.has_template,
        template=results.template,
        limit=asked if asked is not None and (n_found >= asked if whole is None else asked < whole) else None,
        n_problems=whole,
        is_whole=not is_torn,
        notes=tuple(notes),
        origin=results.origin,
    )


def _lines(file: Path) -> Iterator[tuple[str, Line]]:
    """Each line with its place. What ends a line is ``\\n`` alone: texts may hold other marks that Python takes for
    ends."""
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    where = f"{file}:{number}"
                    yield where, read_object(line, where)
    except OSError as error:
        raise UsageError(f"cannot read {str(file)!r}: {error.strerror}") from error


def _n_documents(lines: Sequence[tuple[str, Line]]) -> int:
    """How many documents lines are of; those that thinkcurve exported are told apart by our own id."""
    return len({f"{line.get('doc_id')} {child(line, 'thinkcurve').get('problem')}" for _, line in lines})


def _one_filter(file: Path, lines: list[tuple[str, Line]], wishes: Wishes) -> list[tuple[str, Line]]:
    """The lines of the filter that is asked for, or of the only one."""
    names = list(dict.fromkeys(str(line.get("filter", "none")) for _, line in lines))
    if wishes.filter is None and len(names) > 1:
        raise UsageError(f"{file}: its samples were scored by the filters {', '.join(names)}; choose with --filter")
    if wishes.filter is not None and names and wishes.filter not in names:
        near = did_you_mean(wishes.filter, names)
        raise UsageError(f"{file}: no sample was scored by filter {wishes.filter!r}.{near} It has {', '.join(names)}")
    wanted = wishes.filter or (names[0] if names else "")
    return [(where, line) for where, line in lines if str(line.get("filter", "none")) == wanted]


def _metric(file: Path, lines: Sequence[tuple[str, Line]], wishes: Wishes) -> str:
    """The metric that is asked for, or the only one."""
    named = lines[0][1].get("metrics")
    names = [str(name) for name in named] if isinstance(named, list) else []
    if wishes.metric is not None:
        if wishes.metric not in names:
            near = did_you_mean(wishes.metric, names)
            raise UsageError(
                f"{file}: its samples have no metric {wishes.metric!r}.{near} They have {', '.join(names)}"
            )
        return wishes.metric
    if len(names) != 1:
        what = f"the metrics {', '.join(names)}; choose with --metric" if names else "no metric"
        raise UsageError(f"{file}: its samples have {what}")
    return names[0]


def _kept(where: str, line: Line) -> Kept:
    """A sample that thinkcurve exported."""
    named = line.get("metrics")
    metric = str(named[0]) if isinstance(named, list) and named else "acc"
    score = line.get(metric)
    is_right = True if score == 1.0 else False if score == 0.0 else None
    return kept_of(where, line, child(line, "doc"), None if score is None else (metric, score, is_right))


def _items(lines: Sequence[tuple[str, Line]], metric: str, split: str, wishes: Wishes) -> Iterator[Item]:
    """The n-th line of a document is its n-th sample."""
    seen: dict[Any, int] = {}
    for where, line in lines:
        key = line.get("doc_id")
        if not isinstance(key, int | str) or isinstance(key, bool):
            raise UsageError(f"{where}: doc_id is {key!r:.40}; it must be a number or a text")
        sample = seen[key] = seen.get(key, -1) + 1
        yield _item(where, line, metric, key=key, sample=sample, split=split, right_from=wishes.right_from)


def _item(
    where: str, line: Line, metric: str, *, key: int | str, sample: int, split: str, right_from: float | None
) -> Item:
    verdict = verdict_of(line.get(metric), f"{where}: {metric}", right_from)
    filtered, doc = text_of(line.get("filtered_resps")), child(line, "doc")
    is_unread = verdict is Verdict.INCORRECT and filtered is not None and filtered.strip() == NO_MATCH
    thinking, answer, is_closed = apart(_response(line))
    prompt = _prompt(line)
    return Item(
        where=where,
        key=key,
        split=split,
        sample=sample,
        verdict=Verdict.NO_ANSWER if is_unread else verdict,
        reason="no_match" if is_unread else "" if verdict is Verdict.CORRECT else "wrong",
        rung=f"lm-eval/{line.get('filter')}/{metric}",
        extracted=None if is_unread or not _is_text(line) else filtered,
        answer=answer,
        thinking=thinking,
        ending=Ending.CLOSED if is_closed else Ending.BUDGET,
        is_truncated_answer=not is_closed,
        prompt=prompt,
        question=next((text_of(doc[name]) for name in QUESTION_KEYS if isinstance(doc.get(name), str)), prompt),
        gold=text_of(line.get("target")),
        level=level_of(doc),
        group=group_of(doc),
    )


def _is_text(line: Line) -> bool:
    """Whether the sample was generated, not scored by the log-likelihoods of given choices."""
    return isinstance(_first(line.get("resps"), 2), str)


def _response(line: Line) -> str:
    """What the model wrote; where it was asked several times for one score, what the filter made of it."""
    resps = line.get("resps")
    if not _is_text(line) or not isinstance(resps, list):
        return ""
    is_one = len(resps) == 1 and len(resps[0]) == 1
    return text_of(_first(resps, 2) if is_one else line.get("filtered_resps")) or ""


def _prompt(line: Line) -> str | None:
    """The prompt of a sample's first request."""
    arguments = line.get("arguments")
    if isinstance(arguments, dict):
        return text_of(child(arguments, "gen_args_0").get("arg_0"))
    return text_of(_first(arguments, 2))


def _generation_options(line: Line) -> Mapping[str, Any]:
    """The ``generation_kwargs`` of a sample's first request."""
    arguments = line.get("arguments")
    return child(child(arguments, "gen_args_0"), "arg_1") if isinstance(arguments, dict) else {}


def _first(value: object, depth: int) -> object:
    for _ in range(depth):
        value = value[0] if isinstance(value, list) and value else None
    return value


def _setting(results: Results, options: Mapping[str, Any]) -> Setting | None:
    return results.setting or setting_of(options)


def _sampling(options: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: options[key] for key in SAMPLING if isinstance(options.get(key), int | float)}
    return {"temperature": 0.0} if options.get("do_sample") is False else found


def _made(results: Results) -> str | None:
    """When the evaluation ended: lm-eval writes when it began and how long it took, the latter as text."""
    try:
        took_s = float(results.raw.get("total_evaluation_time_seconds") or 0)
        ended = datetime.datetime.fromtimestamp(results.raw["date"] + took_s, datetime.UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    return ended.isoformat(timespec="seconds")


def _notes(file: Path, results: Results, lines: Sequence[tuple[str, Line]]) -> tuple[str, ...]:
    notes = [] if results.raw else [f"{file}: no results file stands beside it, so model and version are unknown"]
    if not any(_is_text(line) for _, line in lines):
        notes.append(f"{file}: scored by log-likelihoods of choices; there are no answers to show")
    return tuple(notes)
