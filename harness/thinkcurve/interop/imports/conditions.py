"""Under what conditions other tools asked: what decides whether two imports may be compared, and one be a curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Item, Log
from thinkcurve.interop.imports.rows import problem_of
from thinkcurve.problem import digest

LAST_SEED = 2**31
SHOTS = ("fewshot", "num_fewshot", "n_shot", "n_shots", "shots")
"""What tasks call the number of their worked examples."""
SHOWN = 40
"""Characters of a value that a sentence shows."""


def told_of(logs: Sequence[Log]) -> dict[str, Any]:
    """The keys of a study that all logs tell alike: how tokens were drawn, the system message, the chat template, the
    tasks' options, and whether a part of the problems was asked.

    The seed is one of their own, so that no two imports count as drawn alike.
    """
    told: dict[str, Any] = {"traces": "separate", "seed": _seed(logs)}
    for key in {key for log in logs for key in log.sampling}:
        values = [log.sampling.get(key) for log in logs]
        if all(value == values[0] for value in values):
            told[key] = int(values[0]) if key == "top_k" and values[0] is not None else values[0]
    told |= _common("system", [log.system for log in logs])
    told |= _common("max_output_tokens", [log.max_output_tokens for log in logs])
    told |= _common("chat_template", [log.has_template for log in logs])
    limits = [log.limit for log in logs if log.limit is not None]
    return {
        **told,
        **({"limit": max(limits)} if limits else {}),
        "task_options": {task: options for task in {log.task: 0 for log in logs} if (options := _options(task, logs))},
    }


def check_alike(task: str, logs: Sequence[Log]) -> None:
    """Refuse logs of one task and model that asked otherwise (worked examples, chat template): points of two prompts
    make no curve."""
    for log in logs:
        first = next(one for one in logs if one.model == log.model)
        for what, ours, theirs in _conditions(first, log):
            if ours != theirs:
                raise UsageError(
                    f"{first.file} and {log.file} asked {task!r} otherwise: {what} is {_word(ours)} in one, "
                    f"{_word(theirs)} in the other; import each as a run of its own"
                )


def remarks(logs: Sequence[Log]) -> Iterator[str]:
    """A sentence for each task of which a part was asked, and for each that had other options in some log."""
    for task in {log.task: 0 for log in logs}:
        of = [log.options for log in logs if log.task == task]
        varied = sorted({key for options in of for key in options} - _options(task, logs).keys())
        if varied:
            yield f"{task}: the files differ in the options {', '.join(varied)}"
    found = {log.task: log for log in logs if log.origin is None and log.limit is not None}
    for task, log in found.items():
        whole = "its problems" if log.n_problems is None else f"{log.n_problems:,} problems"
        yield f"{task}: a part of the task was asked, {log.limit:,} of {whole}"


def prompt_print(logs: Sequence[Log]) -> str:
    """A fingerprint of how the problems were asked; empty where a log does not say.

    Text that a chat template of the model's own has made is not in it: two models would never be asked alike. What
    went into it is: the text with its places, the system message, the options.
    """
    said = {(log.prompt, log.system, bool(log.has_template), _text(log.options)) for log in logs}
    parts = sorted("\n".join(map(str, one)) for one in said)
    if any(log.has_template for log in logs):
        return digest(part.encode() for part in parts) if all(log.prompt for log in logs) else ""
    prompts: set[str] = set()
    for log in logs:
        for item in log.items:
            if not isinstance(item, Item) or item.prompt is None:
                return ""
            prompts.add(f"{problem_of(log, item)[0]}:{digest([item.prompt.encode()])}")
    return digest(part.encode() for part in [*parts, *sorted(prompts)])


def _options(task: str, logs: Sequence[Log]) -> dict[str, Any]:
    """The options that all logs of a task tell alike."""
    of = [log.options for log in logs if log.task == task]
    return {key: value for key, value in of[0].items() if all(key in one and one[key] == value for one in of)}


def _conditions(first: Log, other: Log) -> Iterator[tuple[str, Any, Any]]:
    for key in SHOTS:
        yield key, first.options.get(key), other.options.get(key)
    if first.has_template is not None and other.has_template is not None:
        yield "the use of a chat template", first.has_template, other.has_template
    if first.template and other.template:
        yield "the chat template", first.template, other.template


def _common(key: str, values: Sequence[Any]) -> Mapping[str, Any]:
    """``key`` with the value that all have, where they have one and agree."""
    return {key: values[0]} if values[0] is not None and all(value == values[0] for value in values) else {}


def _seed(logs: Sequence[Log]) -> int:
    parts = (msgspec.json.encode(msgspec.structs.replace(log, file=Path(log.file).name)) for log in logs)
    return int(digest(parts), 16) % LAST_SEED


def _text(options: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(sorted(options.items()))).decode()


def _word(value: Any) -> str:
    text = "not told" if value is None else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
