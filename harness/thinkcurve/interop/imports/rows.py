"""An answer of another tool as the records of a run: attempt, trace, failure, question."""

from __future__ import annotations

from thinkcurve.budget import Control, Ending, effort_of
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Item, Kept, Log, Setting
from thinkcurve.interop.imports.keys import place_of
from thinkcurve.problem import Verdict, digest
from thinkcurve.questions import Question
from thinkcurve.store import Attempt, Failure, Trace

LAST_SAMPLE = 1_000_000
"""More samples of a problem cannot be put in order (`thinkcurve.tables.row_order`)."""
NO_SEED = 0
"""A run needs a seed of each answer; other tools tell none."""


def problem_of(log: Log, item: Item) -> tuple[str, int]:
    """The name of an item's problem, ``task/split/index``, and its index."""
    split, index = place_of(item.split, item.key)
    return f"{log.task}/{split}/{index}", index


def attempt_of(log: Log, item: Item) -> Attempt:
    """The record of one answer. Under control ``native`` thinking that reached its budget counts as forced, as in our
    own runs; nobody says more."""
    setting, (problem, index) = setting_of(log, item), problem_of(log, item)
    reached = (
        setting.control is Control.NATIVE
        and setting.budget is not None
        and item.thinking_tokens is not None
        and item.thinking_tokens >= setting.budget
    )
    return Attempt(
        model=log.model,
        task=log.task,
        problem=problem,
        index=index,
        level=item.level,
        group=item.group,
        sample=item.sample,
        budget=setting.budget,
        control=setting.control.value,
        verdict=item.verdict or Verdict.UNVERIFIED,
        reason=item.reason,
        rung=item.rung,
        extracted=item.extracted,
        is_forced=reached or not item.ending.is_natural,
        ending=Ending.BUDGET if reached else item.ending,
        is_truncated_answer=item.is_truncated_answer,
        is_shared_answer=False,
        answer=item.answer,
        answer_ids=None,
        prompt_tokens=item.prompt_tokens,
        thinking_tokens=item.thinking_tokens,
        answer_tokens=item.answer_tokens,
        generated_tokens=item.generated_tokens,
        total_tokens=item.total_tokens,
        cached_tokens=item.cached_tokens,
        generated_spent=item.generated_tokens,
        flops=item.flops,
        flops_spent=None,
        wall_s=item.wall_s,
        joules=item.joules,
        usd=item.usd,
        verify_cpu_s=0.0,
        seed=NO_SEED,
        effort=effort_of(setting.budget, setting.control),
        thinking_source=_source(item),
        usd_spent=item.usd,
    )


def trace_of(log: Log, item: Item) -> Trace | None:
    """The thinking of an item where its file shows some, or says how it was asked: a trace of its own, without ids."""
    if item.thinking is None and item.prompt is None:
        return None
    setting = setting_of(log, item)
    return Trace(
        model=log.model,
        task=log.task,
        problem=problem_of(log, item)[0],
        sample=item.sample,
        budget=setting.budget,
        seed=NO_SEED,
        prompt_tokens=item.prompt_tokens,
        prompt_digest="" if item.prompt is None else digest([item.prompt.encode()]),
        thinking_tokens=item.thinking_tokens,
        token_ids=(),
        text=item.thinking or "",
        ending=item.ending,
        cached_tokens=item.cached_tokens,
        generated_spent=0,
        flops_spent=None,
        wall_s=None,
        effort=effort_of(setting.budget, setting.control),
        thinking_source=_source(item),
        visibility=item.visibility,
        served_by=item.served_by,
        usd_spent=0.0 if item.usd is not None else None,
    )


def failure_of(log: Log, item: Item) -> Failure:
    """An item that came to no answer."""
    setting = setting_of(log, item)
    problem, _ = problem_of(log, item)
    stage = log.tool.partition(" ")[0]
    return Failure(
        log.model,
        log.task,
        problem,
        item.sample,
        setting.budget,
        setting.control.value,
        stage,
        item.error or "unknown",
    )


def question_of(log: Log, item: Item | Kept) -> Question | None:
    """What an item asked; ``None`` where its file does not say, so that no problem counts as another one for that."""
    if isinstance(item, Kept):
        of = item.attempt
        if item.fingerprint is None:
            return None
        return Question(of.task, of.problem, of.index, of.level, of.group, item.question, item.gold, item.fingerprint)
    if item.question is None:
        return None
    problem, index = problem_of(log, item)
    marked = digest(text.encode() for text in (item.question, item.gold or ""))
    return Question(log.task, problem, index, item.level, item.group, item.question, item.gold, marked)


def setting_of(log: Log, item: Item | Kept) -> Setting:
    """How much thinking an item was allowed: as it says, as its log says, or the natural end."""
    if isinstance(item, Kept):
        return Setting(control_of(item.attempt.control, item.where), item.attempt.budget)
    return item.setting or log.setting or Setting(Control.NATIVE, None)


def control_of(word: str, where: str) -> Control:
    """The control of that name. Raises `UsageError` where there is none."""
    if word not in [control.value for control in Control]:
        raise UsageError(f"{where}: control {word!r:.40} is not one of {', '.join(Control)}")
    return Control(word)


def check_named(row: Attempt | Failure, where: str) -> None:
    """Refuse a record that somebody else may have written: its problem must be ``task/split/index`` of its task."""
    split, _, index = row.problem.removeprefix(f"{row.task}/").partition("/")
    is_index = index.isascii() and index.isdigit() and len(index) < 19
    if not (row.problem.startswith(f"{row.task}/") and split and is_index):
        raise UsageError(f"{where}: problem {row.problem!r:.80} is not TASK/SPLIT/INDEX of task {row.task!r:.60}")
    if not 0 <= row.sample < LAST_SAMPLE:
        raise UsageError(f"{where}: sample is {row.sample}; it must be a number from 0 to {LAST_SAMPLE - 1:,}")


def _source(item: Item) -> str:
    return "unknown" if item.thinking_tokens is None else item.counted_by
