"""Two runs attempt by attempt: where their tokens, answers and verdicts part, and why they may.

No statistics: two runs of one study on one deterministic engine are the same, token for token, and where they are not
this says at which token of which attempt. Seconds and joules are measured anew each time and never compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.analysis.comparison.causes import Cause, Step, causes_of, unrecorded_of
from thinkcurve.analysis.comparison.matches import matches_of
from thinkcurve.budget import Budget, Ending, budget_key
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Records, Trace, Warn

if TYPE_CHECKING:
    from thinkcurve.run import Run

AROUND = 24
"""Characters that are shown before the place at which two texts part, and after it."""
COUNTED = ("prompt_tokens", "thinking_tokens", "answer_tokens", "total_tokens", "flops", "usd")
"""What an attempt alone costs, so far as the same tokens always cost the same. Seconds and joules do not."""


class Parting(msgspec.Struct, frozen=True):
    """An attempt that is not the same in both runs, and the first step at which it is not.

    ``place`` is the first token that differs, counted from 0, where token ids are known of both; else the first
    character of the text. ``base`` and ``new`` are what stands around it, for verdicts and costs what was found.
    """

    problem: str
    sample: int
    budget: Budget
    effort: str | None
    step: Step
    place: int | None
    base: str
    new: str
    base_verdict: Verdict
    new_verdict: Verdict

    @property
    def is_lost(self) -> bool:
        """Whether base was right and new is not."""
        return self.base_verdict is Verdict.CORRECT and self.new_verdict is not Verdict.CORRECT

    @property
    def is_gained(self) -> bool:
        """Whether new is right and base was not."""
        return self.new_verdict is Verdict.CORRECT and self.base_verdict is not Verdict.CORRECT


class Rung(msgspec.Struct, frozen=True):
    """One budget: of ``n_attempts`` that both runs have, how many have other thinking, another answer, another verdict,
    other counts or costs; how many new lost and gained (`Parting`)."""

    budget: Budget
    effort: str | None
    n_attempts: int
    thinking: int
    answers: int
    verdicts: int
    costs: int
    lost: int
    gained: int


class Exactness(msgspec.Struct, frozen=True):
    """One task by one model of each run, attempt by attempt.

    ``n_only_base`` and ``n_only_new`` attempts are in one run only. ``n_other_prompts`` attempts were asked in other
    tokens. ``partings`` has every attempt that differs, in the order of the base's table. ``causes`` is what the
    manifests record that differs, ``unrecorded`` what may make other tokens beside it.
    """

    task: str
    base_model: str
    new_model: str
    control: str
    n_attempts: int
    n_only_base: int
    n_only_new: int
    n_other_prompts: int
    rungs: tuple[Rung, ...]
    partings: tuple[Parting, ...]
    causes: tuple[Cause, ...]
    unrecorded: str
    notes: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether both have the same attempts, and each the same tokens, answer and verdict; costs are left aside."""
        n_only = self.n_only_base + self.n_only_new
        return not n_only and all(parting.step is Step.COST for parting in self.partings)

    def causes_at(self, step: Step) -> tuple[Cause, ...]:
        """The causes that can act on a step."""
        return tuple(cause for cause in self.causes if step in cause.steps)


def compare_exactly(
    base: Run | str | Path,
    new: Run | str | Path,
    *,
    base_model: str | None = None,
    new_model: str | None = None,
    warn: Warn = lambda _: None,
) -> list[Exactness]:
    """Every task of two runs, attempt by attempt, matched as `thinkcurve.compare` matches them.

    Raises `UsageError` where the runs cannot be compared: no task in common, other problems under the same ids.
    """
    first, second = _loaded(base, warn), _loaded(new, warn)
    found = []
    for match in matches_of(first, second, base_model=base_model, new_model=new_model):
        sides = _Side(first.records, match.base.model), _Side(second.records, match.new.model)
        models = (match.base.model, match.new.model)
        found.append(_exactness(sides, first, second, models, match.base.task, match.base.control, match.notes))
    return found


def _loaded(run: Run | str | Path, warn: Warn) -> Run:
    from thinkcurve.run import load_run

    return load_run(run, warn=warn) if isinstance(run, str | Path) else run


Key = tuple[str, int, Budget]
"""(problem, sample, budget)."""


@dataclass(frozen=True)
class _Side:
    """The attempts of one model of a run."""

    records: Records
    model: str

    def attempts(self, task: str) -> dict[Key, Attempt]:
        rows = self.records.attempts.values()
        return {(a.problem, a.sample, a.budget): a for a in rows if a.model == self.model and a.task == task}

    def trace(self, attempt: Attempt) -> Trace | None:
        """The trace that an attempt is a cut of: its budget's own, or the shared one."""
        traces, unit = self.records.traces, (self.model, attempt.problem, attempt.sample)
        return traces.get((*unit, attempt.budget)) or traces.get((*unit, None))


def _exactness(
    sides: tuple[_Side, _Side],
    base: Run,
    new: Run,
    models: tuple[str, str],
    task: str,
    control: str,
    notes: tuple[str, ...],
) -> Exactness:
    ours, theirs = (side.attempts(task) for side in sides)
    common = sorted((key for key in ours if key in theirs), key=_order)
    pairs = [_Pair(ours[key], theirs[key], sides[0].trace(ours[key]), sides[1].trace(theirs[key])) for key in common]
    record = next(found for found in new.manifest.models if found.spec == models[1])
    return Exactness(
        task=task,
        base_model=models[0],
        new_model=models[1],
        control=control,
        n_attempts=len(common),
        n_only_base=len(ours) - len(common),
        n_only_new=len(theirs) - len(common),
        n_other_prompts=sum(pair.is_asked_otherwise for pair in pairs),
        rungs=tuple(_rungs(pairs)),
        partings=tuple(parting for pair in pairs for parting in pair.partings()),
        causes=causes_of(base.manifest, new.manifest, models, task),
        unrecorded=unrecorded_of(record),
        notes=tuple(note for note in notes if " differs: " not in note),  # settings that differ are causes
    )


def _order(key: Key) -> tuple[Any, ...]:
    problem, sample, budget = key
    stem, _, index = problem.rpartition("/")
    return (stem, int(index) if index.isdigit() else 0, problem, sample, budget_key(budget))


def _rungs(pairs: list[_Pair]) -> Iterator[Rung]:
    budgets = sorted({pair.base.budget for pair in pairs}, key=budget_key)
    for budget in budgets:
        here = [pair for pair in pairs if pair.base.budget == budget]
        yield Rung(
            budget=budget,
            effort=here[0].base.effort,
            n_attempts=len(here),
            thinking=sum(pair.thinking is not None for pair in here),
            answers=sum(pair.answer is not None for pair in here),
            verdicts=sum(pair.base.verdict is not pair.new.verdict for pair in here),
            costs=sum(pair.cost is not None for pair in here),
            lost=sum(pair.is_right(0) and not pair.is_right(1) for pair in here),
            gained=sum(pair.is_right(1) and not pair.is_right(0) for pair in here),
        )


class Difference(msgspec.Struct, frozen=True):
    """Where one step of two attempts differs, and what stands there in each."""

    place: int | None
    base: str
    new: str


class _Pair:
    """The same attempt of two runs; each step compared by itself."""

    __slots__ = ("_traces", "answer", "base", "cost", "new", "thinking", "verdict")

    def __init__(self, base: Attempt, new: Attempt, *traces: Trace | None) -> None:
        self.base, self.new, self._traces = base, new, traces
        self.thinking = self._thinking()
        self.answer = difference(base.answer_ids, new.answer_ids, base.answer, new.answer)
        self.verdict = _of_verdicts(base, new)
        self.cost = _of_costs(base, new)

    @property
    def is_asked_otherwise(self) -> bool:
        """Whether the prompt was other tokens."""
        ours, theirs = self._traces
        return ours is not None and theirs is not None and ours.prompt_digest != theirs.prompt_digest

    def is_right(self, side: int) -> bool:
        """Whether base (0) or new (1) is correct."""
        return (self.base, self.new)[side].verdict is Verdict.CORRECT

    def partings(self) -> Iterator[Parting]:
        """The first step that differs, if one does."""
        steps = zip(Step, (self.thinking, self.answer, self.verdict, self.cost), strict=True)
        for step, found in steps:
            if found is not None:
                base, new = self.base, self.new
                yield Parting(
                    base.problem,
                    base.sample,
                    base.budget,
                    base.effort,
                    step,
                    found.place,
                    found.base,
                    found.new,
                    base.verdict,
                    new.verdict,
                )
                return

    def _thinking(self) -> Difference | None:
        """What differs of the thinking up to the cut, or of how that ended."""
        ours, theirs = self._traces
        if ours is not None and theirs is not None:
            ids = _ids(ours, self.base), _ids(theirs, self.new)
            found = difference(*ids, _text(ours, self.base), _text(theirs, self.new))
            if found is not None:
                return found
        ends = _end(self.base), _end(self.new)
        return None if ends[0] == ends[1] else Difference(self.base.thinking_tokens, *ends)


def _ids(trace: Trace, attempt: Attempt) -> tuple[int, ...] | None:
    """The thinking of an attempt as token ids, ``None`` where the trace has only text."""
    if attempt.thinking_tokens is None or (attempt.thinking_tokens and not trace.token_ids):
        return None
    return trace.token_ids[: attempt.thinking_tokens]


def _text(trace: Trace, attempt: Attempt) -> str:
    """The text of the trace, up to the attempt's cut where it is known where that lies."""
    places = dict(zip(trace.marks[::2], trace.marks[1::2], strict=False))
    at = None if attempt.thinking_tokens is None else places.get(attempt.thinking_tokens)
    return trace.text if at is None else trace.text[:at]


def _end(attempt: Attempt) -> str:
    how = "cut by the budget" if attempt.is_forced else _ENDINGS.get(attempt.ending, str(attempt.ending))
    return "" if attempt.thinking_tokens is None else f"{attempt.thinking_tokens:,} tokens, {how}"


_ENDINGS = {Ending.CLOSED: "ended by the model", Ending.EOS: "ended by the model without a marker"}


def difference(
    base_ids: tuple[int, ...] | None, new_ids: tuple[int, ...] | None, base: str, new: str
) -> Difference | None:
    """Where two pieces of what a model wrote part: at a token where both have ids, else at a character."""
    has_ids = base_ids is not None and new_ids is not None
    if (base_ids == new_ids) if has_ids else (base == new):
        return None
    character = _first(base, new)
    place = _first(base_ids, new_ids) if base_ids is not None and new_ids is not None else character
    return Difference(place, _around(base, character), _around(new, character))


def _first(base: Any, new: Any) -> int:
    """The first place at which two sequences differ; the shorter one's length where it begins the other."""
    shorter = min(len(base), len(new))
    if base[:shorter] == new[:shorter]:
        return shorter
    low, high = 0, shorter  # equal before low, not equal up to high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if base[low:middle] == new[low:middle] else (low, middle)
    return low


def _around(text: str, place: int) -> str:
    start, end = max(0, place - AROUND), place + AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _of_verdicts(base: Attempt, new: Attempt) -> Difference | None:
    """What differs of the verdict, its reason, or what was read as the answer."""
    readings = [(a.verdict, a.reason, a.extracted) for a in (base, new)]
    if readings[0] == readings[1]:
        return None
    return Difference(None, *(_reading(*reading) for reading in readings))


def _reading(verdict: Verdict, reason: str, extracted: str | None) -> str:
    why = f" ({reason})" if reason and reason != "wrong" else ""
    return f"{verdict.value}{why}" + ("" if extracted is None else f", read {_around(extracted, 0)}")


def _of_costs(base: Attempt, new: Attempt) -> Difference | None:
    for key in COUNTED:
        ours, theirs = getattr(base, key), getattr(new, key)
        if ours != theirs:
            return Difference(None, f"{key} {_number(ours)}", f"{key} {_number(theirs)}")
    return None


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
