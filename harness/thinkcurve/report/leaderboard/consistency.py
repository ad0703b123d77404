"""Whether the records of a run agree with each other and with its manifest: what an edited table gets wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from thinkcurve.backend import ModelInfo
from thinkcurve.budget import Control
from thinkcurve.compute import flops
from thinkcurve.problem import REFUSAL, Problem, Verdict
from thinkcurve.store import Attempt, Manifest, Records, Trace
from thinkcurve.tariff import Tariff

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
            if n != asked:
                yield f"{task.name}: {n:,} of {asked:,} attempts"


def strangers(records: Records, problems: Mapping[str, Mapping[str, Problem]]) -> Iterator[str]:
    """Attempts at what is no problem of their task, or is of another level or group, a sentence each.

    ``problems`` are those of each task that could be had here, by its name and theirs. Attempts are keyed by model,
    problem, sample and budget, so that with `missing` and `contradictions` they are the study's, each of them once.
    """
    for attempt in records.attempts.values():
        if attempt.task not in problems:
            continue
        problem = problems[attempt.task].get(attempt.problem)
        if problem is None:
            yield f"{_name(attempt)}: {attempt.task} has no such problem"
        elif (attempt.level, attempt.group) != (problem.level, problem.group):
            said, ours = (f"level {level}, group {group!r}"[:120] for level, group in _parts(attempt, problem))
            yield f"{_name(attempt)}: {said}, and the task says {ours}"


def _parts(*of: Attempt | Problem) -> Iterator[tuple[int | None, str | None]]:
    return ((one.level, one.group) for one in of)


def n_uncounted(manifest: Manifest, records: Records) -> tuple[int, int]:
    """How many attempts have no token ids by which their thinking can be counted, and how many of these are of models
    that run locally under a budget of ours, of which a run of ours has them."""
    local = {record.spec for record in manifest.models if record.info.get("is_local") is True}
    uncounted = [
        attempt
        for attempt in records.attempts.values()
        if attempt.control not in CUT_BY_US or not _has_ids(_trace_of(attempt, records))
    ]
    return len(uncounted), sum(attempt.control in CUT_BY_US and attempt.model in local for attempt in uncounted)


def contradictions(manifest: Manifest, records: Records) -> Iterator[str]:
    """What cannot be true of a run that we wrote, a sentence each."""
    study = manifest.study
    models = {record.spec: _info(record.info) for record in manifest.models}
    tariffs = {record.spec: record.tariff for record in manifest.models}
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
            if attempt.reason == REFUSAL and attempt.verdict != Verdict.NO_ANSWER:
                yield f"{_name(attempt)}: {str(attempt.verdict)!r} for a refusal"
            yield from _counted(attempt)
            yield from _cut(attempt, records)
            yield from _whole(attempt, records, tariffs[attempt.model])
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


def _trace_of(attempt: Attempt, records: Records) -> Trace | None:
    unit = (attempt.model, attempt.problem, attempt.sample)
    return records.traces.get((*unit, attempt.budget)) or records.traces.get((*unit, None))


def _has_ids(trace: Trace | None) -> bool:
    """Whether the tokens of a trace are there to be counted, whoever is said to have counted them."""
    return trace is not None and (bool(trace.token_ids) or trace.thinking_source == "ids")


def _cut(attempt: Attempt, records: Records) -> Iterator[str]:
    """Thinking that is no beginning of its trace."""
    if attempt.control not in CUT_BY_US:
        return
    trace, n = _trace_of(attempt, records), attempt.thinking_tokens
    if trace is None:
        if records.traces or attempt.thinking_source == "ids":
            yield f"{_name(attempt)}: it has no trace"
    elif not _has_ids(trace):
        if attempt.thinking_source == "ids":
            yield f"{_name(attempt)}: its thinking is counted by ids, and its trace has none"
    elif attempt.thinking_source != "ids" or n is None:
        yield f"{_name(attempt)}: its thinking is not counted by the ids of its trace"
    elif attempt.budget is not None and n > attempt.budget:
        yield f"{_name(attempt)}: {n} thinking tokens at budget {attempt.budget}"
    elif n > len(trace.token_ids):
        yield f"{_name(attempt)}: {n} thinking tokens of a trace of {len(trace.token_ids)}"
    elif attempt.control == Control.TRUNCATE and n != _kept(attempt, trace):
        yield f"{_name(attempt)}: {n} thinking tokens of {_kept(attempt, trace)} in the budget"


def _whole(attempt: Attempt, records: Records, tariff: Tariff | None) -> Iterator[str]:
    """Counts and dollars that are not those of the tokens which a run of ours holds."""
    if attempt.control not in CUT_BY_US or not _has_ids(_trace_of(attempt, records)):
        return
    prompt, thinking, answer, generated, total = (getattr(attempt, name) for name in COUNTS)
    if attempt.answer_ids is not None and answer != len(attempt.answer_ids):
        yield f"{_name(attempt)}: {answer} answer tokens, and {len(attempt.answer_ids)} ids"
    if answer is not None and None in (generated, total):
        yield f"{_name(attempt)}: its parts are counted, and the whole is not"
    elif None not in (prompt, generated, total) and total < prompt + generated:
        yield f"{_name(attempt)}: {total} tokens in all, of {prompt} of the prompt and {generated} generated"
    ours = None if tariff is None else tariff.usd(prompt=prompt, generated=generated, thinking=thinking)
    if ours is not None and (attempt.usd is None or not math.isclose(ours, attempt.usd, rel_tol=CLOSE)):
        yield f"{_name(attempt)}: {attempt.usd} dollars, and so many tokens cost {ours:.4g}"


def _kept(attempt: Attempt, trace: Trace) -> int:
    n = len(trace.token_ids)
    return n if attempt.budget is None else min(n, attempt.budget)


def _priced(attempt: Attempt, info: ModelInfo | None) -> Iterator[str]:
    """FLOPs that are not those of so many tokens of such a model."""
    if info is None or attempt.total_tokens is None:
        return
    ours = flops(info, attempt.total_tokens)
    if ours is not None and (attempt.flops is None or not math.isclose(ours, attempt.flops, rel_tol=CLOSE)):
        theirs = "unknown" if attempt.flops is None else f"{attempt.flops:.4g}"
        yield f"{_name(attempt)}: {theirs} FLOPs, and so many tokens of this model take {ours:.4g}"


def _info(info: dict[str, object]) -> ModelInfo | None:
    try:
        return msgspec.convert(info, ModelInfo)
    except msgspec.ValidationError:
        return None


def _name(attempt: Attempt) -> str:
    return f"{attempt.problem[:80]} sample {attempt.sample} budget {attempt.budget}"
