"""A table of graded answers from anywhere: Parquet, CSV or JSON lines, with a map of its columns.

Our names are the fields of `thinkcurve.store.Attempt` and a few more (`COLUMNS`), so an ``attempts.parquet`` needs no
map. A column that is not there is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thinkcurve.budget import EFFORTS, LARGEST, Control, Ending, parse_budget, parse_effort
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.interop.imports.item import Item, Log, Setting, Wishes
from thinkcurve.interop.imports.reading import count_of, name_of, number_of, text_of
from thinkcurve.interop.imports.rows import LAST_SAMPLE
from thinkcurve.interop.imports.scores import verdict_of
from thinkcurve.interop.imports.table_files import columns_of, rows_of
from thinkcurve.problem import Verdict

COLUMNS = {
    "problem": "the tool's name of a problem, or task/split/index (needed)",
    "correct": "1 or 0, true or false, C or I (this or verdict is needed)",
    "verdict": "correct, incorrect, no_answer or unverified",
    "model": "which model",
    "task": "which task",
    "split": "the set that the problem is in",
    "sample": "number of the sample; counted in the order of rows where there is none",
    "budget": "thinking tokens allowed, none for the natural end",
    "effort": "level of effort instead of a budget",
    "control": "who enforced the budget",
    "answer": "the answer's text",
    "thinking": "the thinking's text",
    "extracted": "what was read as the answer",
    "question": "the problem's text",
    "reference": "its gold answer",
    "level": "its difficulty, a whole number",
    "group": "what it is a part of",
    "reason": "why the answer is not right",
    "is_forced": "whether the budget cut the thinking",
    "is_truncated_answer": "whether the answer was cut off",
    "error": "why no answer came about; such a row is a failure",
}
"""Names of texts and of what tells rows apart; `COUNTS` and `AMOUNTS` are the rest."""
TEXTS = (
    *("model", "task", "problem", "split", "verdict", "effort", "control", "answer", "thinking", "extracted"),
    *("question", "reference", "group", "reason", "error"),
)
"""Those that are texts, even where they look like numbers or dates."""
COUNTS = (
    *("prompt_tokens", "thinking_tokens", "answer_tokens", "generated_tokens", "total_tokens", "cached_tokens"),
    "level",
)
AMOUNTS = ("flops", "wall_s", "joules", "usd")
NAMES = tuple(dict.fromkeys((*COLUMNS, *COUNTS, *AMOUNTS)))
Row = Mapping[str, Any]


def read_logs(path: Path, wishes: Wishes) -> list[Log]:
    """A log for each (model, task, version) of a table. Raises `UsageError` with file and row for what is wrong."""
    columns = _columns(path, wishes)
    seen: dict[tuple[Any, ...], int] = {}
    groups: dict[tuple[str, str], list[Item]] = {}
    for number, row in enumerate(rows_of(path, columns, TEXTS), 1):
        where = f"{path}: row {number}"
        model = wishes.model or _needed(row, "model", where, "--model")
        task = wishes.task or _needed(row, "task", where, "--task")
        groups.setdefault((model, task), []).append(_item(where, row, (model, task), seen, wishes))
    if not groups:
        raise UsageError(f"{str(path)!r} has no row")
    return [
        Log(file=str(path), tool="table", model=model, task=task, version="", items=tuple(items), scorer="table")
        for (model, task), items in groups.items()
    ]


def _item(where: str, row: Row, name: tuple[str, str], seen: dict[tuple[Any, ...], int], wishes: Wishes) -> Item:
    key, split = _problem(row, name[1], where)
    setting = _setting(row, where)
    place = (name, split, key, setting)
    seen[place] = seen.get(place, -1) + 1
    sample = count_of(row.get("sample"))
    if sample is not None and sample >= LAST_SAMPLE:
        raise UsageError(f"{where}: sample is {sample}; it must be below {LAST_SAMPLE:,}")
    error = text_of(row.get("error"))
    found: dict[str, Any] = {name: count_of(row.get(name)) for name in COUNTS}
    found |= {name: number_of(row.get(name)) for name in AMOUNTS}
    texts: dict[str, Any] = {name: text_of(row.get(name)) for name in ("thinking", "extracted", "question")}
    is_forced = row.get("is_forced") is True
    return Item(
        **found,
        **texts,
        where=where,
        key=key,
        split=split,
        sample=seen[place] if sample is None else sample,
        setting=setting,
        verdict=None if error else _verdict(row, where, wishes.right_from),
        reason=text_of(row.get("reason")) or "",
        rung="table",
        answer=text_of(row.get("answer")) or "",
        ending=Ending.BUDGET if is_forced else Ending.CLOSED,
        is_truncated_answer=row.get("is_truncated_answer") is True,
        prompt=texts["question"],
        gold=text_of(row.get("reference")),
        group=name_of(row.get("group")) or None,
        error=error,
    )


def _problem(row: Row, task: str, where: str) -> tuple[int | str, str]:
    """Key and split. A name in our own form is taken apart, so that it comes out as it went in."""
    value = row.get("problem")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str) or isinstance(value, bool) or value == "":
        raise UsageError(f"{where}: problem is {value!r:.40}; it must be a number or a text")
    split = name_of(row.get("split")) or "test"
    if isinstance(value, str) and value.startswith(f"{task}/"):
        own_split, _, index = value.removeprefix(f"{task}/").partition("/")
        if index.isascii() and index.isdigit():
            return int(index), own_split
    return value, split


def _verdict(row: Row, where: str, right_from: float | None) -> Verdict:
    word = row.get("verdict")
    if word is None:
        return verdict_of(row.get("correct"), f"{where}: correct", right_from)
    if word not in [verdict.value for verdict in Verdict]:
        known = ", ".join(Verdict)
        raise UsageError(f"{where}: verdict {word!r:.40} is not one of {known}; map a score to correct instead")
    return Verdict(word)


def _setting(row: Row, where: str) -> Setting | None:
    """The setting that a row names; ``None`` where the table has no column for it."""
    effort, word = row.get("effort"), row.get("control")
    if word is not None and word not in [kind.value for kind in Control]:
        raise UsageError(f"{where}: control {word!r:.40} is not one of {', '.join(Control)}")
    if effort is not None:
        if effort not in EFFORTS:
            raise UsageError(f"{where}: effort {effort!r:.40} is not one of {', '.join(EFFORTS)}")
        return Setting(Control.EFFORT, EFFORTS.index(effort))
    if "budget" not in row:
        return None
    return Setting(Control(word or Control.NATIVE), _budget(row["budget"], word, where))


def _budget(value: object, control: object, where: str) -> int | None:
    if isinstance(value, str):
        return parse_effort(value) if control == Control.EFFORT else parse_budget(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    number = count_of(value)
    if number is None or number > LARGEST:
        raise UsageError(f"{where}: budget is {value!r:.40}; it must be a whole number of tokens")
    return number


def _needed(row: Row, name: str, where: str, flag: str) -> str:
    found = name_of(row.get(name))
    if not found:
        raise UsageError(f"{where}: no {name}; map a column to it with --columns {name}=COLUMN, or give {flag}")
    return found


def _columns(path: Path, wishes: Wishes) -> dict[str, str]:
    """Our name of each column that is read, by its own name there."""
    present = columns_of(path)
    for ours, theirs in wishes.columns.items():
        if ours not in NAMES:
            raise UsageError(f"--columns: no column is called {ours!r}.{did_you_mean(ours, NAMES)} {', '.join(NAMES)}")
        if theirs not in present:
            raise UsageError(
                f"--columns: {str(path)!r} has no column {theirs!r}.{did_you_mean(theirs, present)} "
                f"It has {', '.join(present)[:400]}"
            )
    columns = {ours: wishes.columns.get(ours, ours) for ours in NAMES if ours in wishes.columns or ours in present}
    if "problem" not in columns or not columns.keys() & {"correct", "verdict"}:
        lacking = "problem" if "problem" not in columns else "correct (or verdict)"
        raise UsageError(
            f"{str(path)!r} has no column {lacking}; say which it is with --columns "
            f"{lacking.split(' ')[0]}=COLUMN. It has {', '.join(present)[:400]}"
        )
    if "correct" in wishes.columns and "verdict" not in wishes.columns:
        columns.pop("verdict", None)
    return columns
