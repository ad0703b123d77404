"""What answers of our own model in lm-eval cost: from the usage file that it writes beside lm-eval's (``usage=FILE``).

lm-eval's files have no place for tokens; with the usage file an evaluation is a whole point of a curve, forced answers
and all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from thinkcurve.budget import Budget, Control, Ending
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Item, Log, Setting
from thinkcurve.interop.imports.reading import read_bytes
from thinkcurve.interop.lm_eval_usage import RequestUsage

Place = tuple[str, Budget, str, int]
"""(task, budget, document, sample) of one request."""
Usage = Mapping[Place, list[RequestUsage]]


def read_usage(path: Path) -> Usage:
    """The lines of a usage file by the request that they are of. Raises `UsageError` with the line that is none."""
    decoder = msgspec.json.Decoder(RequestUsage)
    found: dict[Place, list[RequestUsage]] = {}
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            usage = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}:{number} is no line of a usage file: {error}") from error
        found.setdefault((usage.task, usage.budget, usage.problem.rpartition("/")[2], usage.sample), []).append(usage)
    return found


def with_costs(log: Log, usage: Usage) -> Log:
    """A log with the costs of its answers. Where the file holds several evaluations of one budget, the last that began
    before the log was saved is meant.

    Raises `UsageError` where an answer has no line (the file is of another evaluation), or where lm-eval gave one score
    to several responses.
    """
    if log.setting is None or log.setting.control is not Control.NATIVE:
        raise UsageError(f"{log.file} is not of thinkcurve's model in lm-eval, so --usage does not go with it")
    scored = {(str(item.key), item.sample) for item in log.items if isinstance(item, Item)}
    asked = {(doc, sample) for task, budget, doc, sample in usage if (task, budget) == _asked_of(log)}
    if any((doc, sample) not in scored and (doc, 0) in scored for doc, sample in asked):
        raise UsageError(
            f"{log.file} has one score for several responses, so what each cost cannot be told; leave --usage out"
        )
    items = [_costed(item, log, usage) for item in log.items if isinstance(item, Item)]
    return msgspec.structs.replace(log, items=tuple(items), setting=Setting(Control.TRUNCATE, log.setting.budget))


def _asked_of(log: Log) -> tuple[str, Budget]:
    """Task and budget of a log, as a usage file names them."""
    return log.task.removeprefix("lm-eval:"), log.setting.budget if log.setting else None


def _costed(item: Item, log: Log, usage: Usage) -> Item:
    task, budget = _asked_of(log)
    lines = usage.get((task, budget, str(item.key), item.sample), [])
    before = [line for line in lines if log.made is None or line.run <= log.made]
    if not before:
        raise UsageError(f"{item.where}: the usage file has no line of this answer; is it of another evaluation?")
    line = before[-1]
    is_inside = line.is_forced and line.ending.is_natural
    return msgspec.structs.replace(
        item,
        ending=Ending.BUDGET if is_inside else line.ending,
        is_truncated_answer=line.is_truncated_answer,
        prompt_tokens=line.prompt_tokens,
        thinking_tokens=line.thinking_tokens,
        answer_tokens=line.answer_tokens,
        generated_tokens=None if line.answer_tokens is None else line.thinking_tokens + line.answer_tokens,
        total_tokens=line.total_tokens,
        flops=line.flops,
        wall_s=line.wall_s,
        counted_by="ids",
    )
