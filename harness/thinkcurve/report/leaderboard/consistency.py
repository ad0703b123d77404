"""Whether the records of a run agree with each other and with its manifest: what an edited table gets wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import msgspec

from thinkcurve.backend import ModelInfo
from thinkcurve.budget import Control
from thinkcurve.compute import flops
from thinkcurve.store import Attempt, Manifest, Records, Trace

CLOSE = 1e-6
"""The part by which two ways to the same FLOPs may differ."""
CUT_BY_US = (Control.TRUNCATE, Control.EXTEND)
"""Controls under which an attempt's thinking is a beginning of its trace."""
COUNTS = ("prompt_tokens", "thinking_tokens", "answer_tokens", "generated_tokens", "total_tokens")


def missing(manifest: Manifest, records: Records) -> Iterator[str]:
    """What the study asked for and the run does not have, a sentence each."""
    if manifest.finished is None:
        yield "the run was not finished"
    study = manifest.study
    counts = Counter((attempt.model, attempt.task) for attempt in records.attempts.values())
    for model in manifest.models:
        for task in manifest.tasks:
            asked = task.n_problems * study.samples * len(study.budgets)
            n = counts[model.spec, task.name]
            if n < asked:
                yield f"{task.name}: {n:,} of {asked:,} attempts"


def contradictions(manifest: Manifest, records: Records) -> Iterator[str]:
    """What cannot be true of a run that we wrote, a sentence each."""
    study = manifest.study
    models = {record.spec: _info(record.info) for record in manifest.models}
    tasks = {record.name for record in manifest.tasks}
    for attempt in records.attempts.values():
        if attempt.model not in models or attempt.task not in tasks:
            yield f"{_name(attempt)}: its model or task is not in the manifest"
        elif attempt.control != study.control:
            yield f"{_name(attempt)}: control {attempt.control!r}, and the study has {str(study.control)!r}"
        elif attempt.budget not in study.budgets or not 0 <= attempt.sample < study.samples:
            yield f"{_name(attempt)}: no such budget or sample in the study"
        elif not attempt.problem.startswith(f"{attempt.task}/"):
            yield f"{_name(attempt)}: it is no problem of {attempt.task}"
        else:
            yield from _counted(attempt)
            yield from _cut(attempt, records)
            yield from _priced(attempt, models[attempt.model])


def _counted(attempt: Attempt) -> Iterator[str]:
    """Token counts that do not add up."""
    prompt, thinking, answer, generated, total = (getattr(attempt, name) for name in COUNTS)
    if any(n is not None and n < 0 for n in (prompt, thinking, answer, generated, total)):
        yield f"{_name(attempt)}: a count of tokens is negative"
    if None not in (thinking, answer, generated) and thinking + answer != generated:
        yield f"{_name(attempt)}: {thinking} thinking and {answer} answer tokens are not {generated}"
    if None not in (generated, total) and total < generated:
        yield f"{_name(attempt)}: {total} tokens in all, and {generated} generated"


def _cut(attempt: Attempt, records: Records) -> Iterator[str]:
    """Thinking that is no beginning of its trace."""
    if attempt.control not in CUT_BY_US or attempt.thinking_tokens is None or attempt.thinking_source != "ids":
        return
    if attempt.budget is not None and attempt.thinking_tokens > attempt.budget:
        yield f"{_name(attempt)}: {attempt.thinking_tokens} thinking tokens at budget {attempt.budget}"
    unit = (attempt.model, attempt.problem, attempt.sample)
    trace = records.traces.get((*unit, attempt.budget)) or records.traces.get((*unit, None))
    if trace is None:
        if records.traces:
            yield f"{_name(attempt)}: it has no trace"
    elif attempt.thinking_tokens > len(trace.token_ids):
        yield f"{_name(attempt)}: {attempt.thinking_tokens} thinking tokens of a trace of {len(trace.token_ids)}"
    elif attempt.control == Control.TRUNCATE and attempt.thinking_tokens != _kept(attempt, trace):
        yield f"{_name(attempt)}: {attempt.thinking_tokens} thinking tokens of {_kept(attempt, trace)} in the budget"


def _kept(attempt: Attempt, trace: Trace) -> int:
    n = len(trace.token_ids)
    return n if attempt.budget is None else min(n, attempt.budget)


def _priced(attempt: Attempt, info: ModelInfo | None) -> Iterator[str]:
    """FLOPs that are not those of so many tokens of such a model."""
    if info is None or attempt.flops is None or attempt.total_tokens is None:
        return
    ours = flops(info, attempt.total_tokens)
    if ours is not None and not math.isclose(ours, attempt.flops, rel_tol=CLOSE):
        yield f"{_name(attempt)}: {attempt.flops:.4g} FLOPs, and so many tokens of this model take {ours:.4g}"


def _info(info: dict[str, object]) -> ModelInfo | None:
    try:
        return msgspec.convert(info, ModelInfo)
    except msgspec.ValidationError:
        return None


def _name(attempt: Attempt) -> str:
    return f"{attempt.problem[:80]} sample {attempt.sample} budget {attempt.budget}"
