"""What a check says: one line for the summary, and for a failure which budgets and which problems got worse, and why.

The figures are those of the gate's own record (`thinkcurve.analysis.gate.outcome`); nothing is computed anew but the
list of problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinkcurve.analysis.comparison.causes import Step
from thinkcurve.analysis.comparison.exact import Exactness, Parting, compare_exactly
from thinkcurve.analysis.gate.outcome import Check, Decision, Outcome
from thinkcurve.budget import Budget, budget_key, format_budget
from thinkcurve.tables import row_order

if TYPE_CHECKING:
    from thinkcurve.run import Run

LISTED = 8
"""Problems that are named of each budget, causes of each task, attempts that part."""
LONGEST = 90
"""Characters of a text that a model or a task wrote."""
HOW_TO_DECIDE = (
    "Not decided is not passed. Take more problems (limit=) or samples (samples=), let more through, or ask for fewer\n"
    "checks (accuracy@mean:5pp is one, accuracy:5pp one for each budget). To let such tests by, set in pytest's\n"
    "configuration: thinkcurve_inconclusive = skip (or pass)"
)
"""What a test says at the end that failed because the runs could not tell."""


def summary(decision: Decision) -> str:
    """One line: the outcome, and the check that came out worst."""
    checks = decision.of(decision.outcome)
    worst = max(checks, key=lambda check: _worsening(check) - check.tolerance)
    more = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
    if decision.outcome is Outcome.PASS:
        n = len(decision.checks)
        return f"pass, {n} check{'s' * (n != 1)}; nearest: {_told(worst)}"
    why = f" ({plain(worst.why)})" if worst.why else ""
    return f"{decision.outcome.value}: {_told(worst)}{why}{more}{_needs(worst)}"


def is_nothing_changed(decision: Decision, base: Run, new: Run) -> bool:
    """Whether the runs have the same attempts, each with the same tokens, answer, verdict, counts and price."""
    return all(one.is_same and not one.partings for one in _exactly(decision, base, new))


def exact_summary(found: Sequence[Exactness]) -> str:
    """One line: whether all is the same."""
    n, n_parted = sum(one.n_attempts for one in found), sum(len(_parted(one)) for one in found)
    if all(one.is_same for one in found):
        return f"the same: {n:,} attempts, token for token"
    n_only = sum(one.n_only_base + one.n_only_new for one in found)
    alone = f", {n_only:,} are in one run only" if n_only else ""
    return f"not the same: {n_parted:,} of {n:,} attempts differ{alone}"


def incomplete(run: Run) -> str:
    """Why a run is no ground for a verdict."""
    first = run.failures.iloc[0]
    return (
        f"thinkcurve: {len(run.failures):,} attempts failed, so the run is not whole; first: "
        f"{plain(str(first['problem']))}: {plain(str(first['error']))}"
    )


def failure(decision: Decision, base: Run, new: Run) -> str:
    """What a test that failed a gate prints."""
    lines = [f"thinkcurve: {decision.outcome.value} against the baseline {short(base.path)}", ""]
    lines += [f"  {line}" for line in _table(decision.checks)]
    lines += [f"  {plain(check.condition)}: {plain(check.why)}" for check in decision.checks if check.why]
    lines += [f"  {line}" for line in _open(decision)]
    lines += _problems(decision, base, new)
    lines += [f"note: {plain(note)}" for note in decision.notes]
    lines += _why(base, new, decision)
    lines.append(f"See: thinkcurve compare {short(base.path)} {short(new.path)}")
    return "\n".join(lines)


def exact_failure(found: Sequence[Exactness], base: Run, new: Run) -> str:
    """What a test prints that wanted the same tokens and did not get them."""
    lines = [f"thinkcurve: {exact_summary(found)}; baseline {short(base.path)}"]
    for one in found:
        parted = _parted(one)
        lines += [f"  {line}" for parting in parted[:LISTED] for line in _parting(parting, one.control)]
        if len(parted) > LISTED:
            lines.append(f"  and {len(parted) - LISTED:,} more of {plain(one.task)}")
        lines += _causes(one)
    lines.append(f"See: thinkcurve compare --exact {short(base.path)} {short(new.path)}")
    return "\n".join(lines)


def short(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def plain(text: str) -> str:
    """A text on one line without anything that a terminal would obey."""
    words = " ".join(text[: 4 * LONGEST].split())[:LONGEST]
    return "".join(mark if mark.isprintable() else "?" for mark in words)


def _worsening(check: Check) -> float:
    return -1.0 if check.worsening is None else check.worsening


def _told(check: Check) -> str:
    """``accuracy at 64 of arithmetic 61.0 % → 44.0 % (let through: 5pp)``."""
    change = f" {_figure(check, check.base)} → {_figure(check, check.new)}"
    return f"{plain(check.condition)} of {plain(check.task)}{_where(check)}{change}"


def _where(check: Check) -> str:
    where = _place(check)
    return f" at {where}" if check.scope == "budget" else f" over the {where}" if where else ""


def _place(check: Check) -> str:
    if check.scope == "budget":
        return check.effort or format_budget(check.budget)
    return {"mean": "mean", "curve": "curve"}.get(check.scope, check.scope)


def _needs(check: Check) -> str:
    needed = check.needed
    if needed is None:
        return ""
    counts = [(needed.problems, "problems"), (needed.samples, "samples each")]
    known = [f"{n:,} {what}" for n, what in counts if n is not None]
    return f"; some {' or '.join(known)} would decide" if known else ""


def _figure(check: Check, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{100 * value:.1f} %" if check.unit == "pp" else f"{value:.4g}"


def _change(check: Check, value: float | None) -> str:
    """A worsening, in points or per cent."""
    return "–" if value is None else f"{100 * value:+.1f}{'' if check.unit == 'pp' else ' %'}"


def _table(checks: Sequence[Check]) -> list[str]:
    """Every check as a line, columns aligned; those that did not pass carry a mark."""
    heads = ("", "condition", "task", "at", "base", "new", "worse by", "at least", "at most")
    rows: list[tuple[str, ...]] = [heads]
    for check in checks:
        is_pass = check.outcome is Outcome.PASS
        changes = (_change(check, value) for value in (check.worsening, check.least, check.most))
        figures = (_figure(check, check.base), _figure(check, check.new), *changes)
        mark = " " if is_pass else check.outcome.mark
        rows.append((mark, plain(check.condition), plain(check.task), _place(check), *figures))
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    pad: list[Any] = [str.ljust] * 3 + [str.rjust] * (len(heads) - 3)
    return ["  ".join(p(cell, w) for p, cell, w in zip(pad, row, widths, strict=True)).rstrip() for row in rows]


def _open(decision: Decision) -> Iterator[str]:
    for check in decision.of(Outcome.INCONCLUSIVE):
        if check.needed is not None and _needs(check):
            yield f"{plain(check.condition)} of {plain(check.task)}{_where(check)} is open{_needs(check)}"


def _problems(decision: Decision, base: Run, new: Run) -> list[str]:
    """The problems that fewer samples get right now, by task, model and budget, worst first."""
    lines: list[str] = []
    for task, ours, theirs in dict.fromkeys((c.task, c.base_model, c.new_model) for c in decision.checks):
        before, after = _rights(base, ours, task), _rights(new, theirs, task)
        budgets = sorted({budget for _, budget in before.keys() & after.keys()}, key=budget_key)
        for budget in budgets:
            common = [key for key in before if key[1] == budget and key in after]
            worse = [key for key in common if _share(before[key]) > _share(after[key])]  # in the order of the run
            worse.sort(key=lambda key: _share(after[key]) - _share(before[key]))
            n_better = sum(_share(before[key]) < _share(after[key]) for key in common)
            if worse:
                named = ", ".join(_problem(key[0], before[key], after[key]) for key in worse[:LISTED])
                more = f", and {len(worse) - LISTED:,} more" if len(worse) > LISTED else ""
                label = format_budget(budget, base.manifest.study.control)
                lines.append(f"  {label}: {len(worse):,} worse, {n_better:,} better: {named}{more}")
    return ["", "Problems that got worse, by budget:", *lines, ""] if lines else [""]


def _rights(run: Run, model: str, task: str) -> dict[tuple[str, Budget], tuple[int, int]]:
    """(right, drawn) of each problem and budget."""
    found: dict[tuple[str, Budget], tuple[int, int]] = {}
    for attempt in sorted(run.records.attempts.values(), key=row_order):
        if attempt.model == model and attempt.task == task:
            right, drawn = found.get((attempt.problem, attempt.budget), (0, 0))
            found[attempt.problem, attempt.budget] = (right + (attempt.verdict == "correct"), drawn + 1)
    return found


def _share(counts: tuple[int, int]) -> float:
    return counts[0] / counts[1]


def _problem(name: str, before: tuple[int, int], after: tuple[int, int]) -> str:
    if before[1] == after[1] == 1:
        return plain(name)
    return f"{plain(name)} ({before[0]}/{before[1]} → {after[0]}/{after[1]})"


def _why(base: Run, new: Run, decision: Decision) -> list[str]:
    """What is recorded of the two runs that differs."""
    found = _exactly(decision, base, new)
    return list(dict.fromkeys(line for exactness in found for line in _causes(exactness)))


def _exactly(decision: Decision, base: Run, new: Run) -> list[Exactness]:
    """The same pairs of models, attempt by attempt."""
    models = {(check.base_model, check.new_model) for check in decision.checks}
    one = next(iter(models)) if len(models) == 1 else (None, None)
    return compare_exactly(base, new, base_model=one[0], new_model=one[1])


def _causes(exactness: Exactness) -> list[str]:
    steps = {parting.step for parting in exactness.partings}
    acting = [cause for cause in exactness.causes if steps & set(cause.steps)]
    if not steps:
        return []
    if not acting:
        return [f"Nothing that is recorded of the two differs. Not recorded: {exactness.unrecorded}"]
    lines = [f"  {plain(c.what)}: {_value(c.base)} → {_value(c.new)}" for c in acting[:LISTED]]
    more = [f"  and {len(acting) - LISTED} more"] if len(acting) > LISTED else []
    return ["What differs between the two:", *lines, *more]


def _value(text: str | None) -> str:
    return "not recorded" if text is None else plain(text)


def _parted(exactness: Exactness) -> list[Parting]:
    return [parting for parting in exactness.partings if parting.step is not Step.COST]


def _parting(parting: Parting, control: str) -> Iterable[str]:
    place = "" if parting.place is None else f" at {parting.place:,}"
    where = f"{plain(parting.problem)} · sample {parting.sample} · {format_budget(parting.budget, control)}"
    yield f"{where} · {parting.step.value}{place}"
    yield f"  base {plain(parting.base)}"
    yield f"  new  {plain(parting.new)}"
