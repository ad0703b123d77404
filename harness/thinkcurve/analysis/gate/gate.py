"""The gate: conditions on two runs, judged so that it seldom cries wolf and seldom lets one by.

A check is *regressed* where the data say that new is worse than the tolerance, *pass* where they say that it is not,
and *inconclusive* where they say neither. The first is by one-sided tests at ``alpha`` over all checks together (Holm
1979): however many there are, the chance that any of them is called regressed that is not stays below alpha. The
second is each at alpha by itself: the gate passes only if every check does, so that the chance that it passes although
one of them has regressed stays below alpha as well (intersection-union, Berger 1982, Technometrics 24:295-300).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import known
from thinkcurve.analysis.comparison.matches import Match, matches_of
from thinkcurve.analysis.comparison.permutation import FLIPS, holm
from thinkcurve.analysis.comparison.power import ALPHA
from thinkcurve.analysis.comparison.sides import same_answers
from thinkcurve.analysis.gate.anywhere import p_worse_anywhere
from thinkcurve.analysis.gate.language import Condition, conditions_of
from thinkcurve.analysis.gate.measures import Finding, findings
from thinkcurve.analysis.gate.needed import needed
from thinkcurve.analysis.gate.outcome import Check, Decision, Needed, Outcome, worst
from thinkcurve.analysis.gate.pair import Pair, is_unchanged, lost_shares, pair_of
from thinkcurve.analysis.gate.reach import reach_finding
from thinkcurve.budget import format_budget
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.store import Warn

if TYPE_CHECKING:
    from thinkcurve.run import Run

ACCURACY = Condition("accuracy", "accuracy", 0.0)


@dataclass(frozen=True, eq=False)
class _Asked:
    """A condition in one place, before it is known how many there are. ``p`` is ``None`` where there is no test.

    ``others`` are the findings at all budgets, where the condition is about the curve as a whole.
    """

    condition: Condition
    pair: Pair
    finding: Finding
    p: float | None
    others: tuple[Finding, ...] = ()


def gate(
    base: Run | str | Path,
    new: Run | str | Path,
    conditions: Iterable[str],
    *,
    alpha: float = ALPHA,
    base_model: str | None = None,
    new_model: str | None = None,
    n_flips: int = FLIPS,
    seed: int = 0,
    warn: Warn = lambda _: None,
) -> Decision:
    """Hold a new run against a base run, by conditions such as ``accuracy:2pp`` (`thinkcurve.analysis.gate.language`).

    Runs are matched as by `thinkcurve.compare`. Raises `UsageError` for a condition that cannot be meant, or runs that
    cannot be compared.
    """
    asked = conditions_of(conditions)
    if not asked:
        raise UsageError("a gate without a condition lets everything through; give one, such as accuracy:2pp")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha is {alpha}; a gate's must lie between 0 and 0.5, such as 0.05")
    runs = _loaded(base, warn), _loaded(new, warn)
    matches = matches_of(*runs, base_model=base_model, new_model=new_model)
    for match in matches:
        if not set(match.base.problems) & set(match.new.problems):
            raise UsageError(
                f"the runs have no problem of {match.base.task!r} in common; compare runs of the same problems"
            )
    pairs = [pair_of(match, runs) for match in matches]
    checks = judge(pairs, asked, alpha=alpha, n_flips=n_flips, seed=seed)
    notes = [note for match, pair in zip(matches, pairs, strict=True) for note in _notes(match, pair)]
    return decision(checks, alpha, base=str(runs[0].path), new=str(runs[1].path), notes=tuple(dict.fromkeys(notes)))


def decision(
    checks: Sequence[Check], alpha: float, *, base: str = "", new: str = "", notes: tuple[str, ...] = ()
) -> Decision:
    """What checks come to."""
    outcome = worst(check.outcome for check in checks)
    return Decision(base, new, alpha, outcome, outcome.exit_code, tuple(checks), notes)


def judge(
    pairs: Sequence[Pair],
    conditions: Sequence[Condition],
    *,
    alpha: float = ALPHA,
    n_flips: int = FLIPS,
    seed: int = 0,
) -> list[Check]:
    """Every condition at every place that it is about, as a check, by condition, task and budget."""
    asked = [
        one
        for condition in conditions
        for pair in _of_task(condition, pairs)
        for one in _asked(condition, pair, n_flips, seed)
    ]
    p = np.array([math.nan if one.p is None else one.p for one in asked])
    adjusted, alphas = holm(p), holm_steps(p, alpha)
    return [
        _check(one, known(adjusted[i]), float(alphas[i]) if one.p is not None else alpha, alpha)
        for i, one in enumerate(asked)
    ]


def holm_steps(p: Floats, alpha: float) -> list[float]:
    """The alpha at which Holm's procedure decides each of some p-values; that of all that it leaves is where it stops.

    So a p-value is at most its step if and only if its hypothesis is rejected. NaN is no test.
    """
    steps = [alpha] * len(p)
    places = [int(i) for i in np.argsort(p, kind="stable") if not np.isnan(p[i])]
    step = alpha
    is_stopped = False
    for rank, place in enumerate(places):
        if not is_stopped:
            step = alpha / (len(places) - rank)
            is_stopped = bool(p[place] > step)
        steps[place] = step
    return steps


def _of_task(condition: Condition, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that a condition is about."""
    if condition.task is None:
        return list(pairs)
    found = [pair for pair in pairs if condition.task in (pair.task, pair.task.rpartition("/")[2])]
    if not found:
        names = list(dict.fromkeys(pair.task for pair in pairs))
        raise UsageError(
            f"condition {condition.text!r}: the runs have no task {condition.task!r} in common."
            f"{did_you_mean(condition.task, names)} They have {', '.join(names)}"
        )
    return found


def _asked(condition: Condition, pair: Pair, n_flips: int, seed: int) -> list[_Asked]:
    if condition.is_any:
        return [_anywhere(condition, pair, n_flips, seed)]
    found = findings(condition, pair) if condition.target is None else [_reached(condition, pair, seed)]
    than = _scaled(condition)
    return [
        _Asked(condition, pair, one, one.evidence.p_worse(than) if one.evidence is not None else None) for one in found
    ]


def _reached(condition: Condition, pair: Pair, seed: int) -> Finding:
    """What an accuracy costs; what lost attempts hide of that has no bound."""
    found = reach_finding(condition, pair, seed=seed)
    _, n_lost = lost_shares(pair, pair.sides.budgets, is_whole=False)
    return replace(found, hidden=1.0, n_lost=n_lost) if n_lost else found


def _anywhere(condition: Condition, pair: Pair, n_flips: int, seed: int) -> _Asked:
    """The test of the whole curve; its finding is that of the budget at which new does worst."""
    found = tuple(findings(ACCURACY, pair))
    judged = [one for one in found if one.evidence is not None]
    if not judged:
        return _Asked(condition, pair, found[0], None)
    means = pair.sides.means
    p = p_worse_anywhere(means[0] - means[1], groups=pair.groups, n_flips=n_flips, seed=seed)
    return _Asked(condition, pair, max(judged, key=_estimate), p, found)


def _estimate(finding: Finding) -> float:
    return -math.inf if finding.evidence is None else finding.evidence.estimate


def _scaled(condition: Condition) -> float:
    """The tolerance on the scale of the evidence."""
    return math.log1p(condition.tolerance) if condition.is_relative else condition.tolerance


def _check(one: _Asked, p_holm: float | None, step: float, alpha: float) -> Check:
    condition, finding = one.condition, one.finding
    is_relative = condition.is_relative
    outcome = _outcome(one, step, alpha)
    evidence = finding.evidence
    least = evidence.least(step) if evidence is not None and not condition.is_any else None
    most = None if evidence is None else max(_most(other, alpha) for other in (one.others or (finding,)))
    worsening = 0.0 if finding.is_certain and evidence is None and is_relative else None
    return Check(
        condition=condition.text,
        measure=condition.measure if condition.target is None else f"{condition.measure}_to({condition.target:g})",
        unit="%" if is_relative else "pp",
        scope="curve" if condition.is_any else finding.scope,
        budget=finding.budget,
        effort=one.pair.effort(finding.budget) if finding.scope == "budget" else None,
        task=one.pair.task,
        base_model=one.pair.grids[0].model,
        new_model=one.pair.grids[1].model,
        tolerance=condition.tolerance,
        base=finding.base,
        new=finding.new,
        worsening=worsening if evidence is None else _read(evidence.estimate, is_relative=is_relative),
        least=_read(least, is_relative=is_relative),
        most=_read(most, is_relative=is_relative),
        p=one.p,
        p_holm=p_holm,
        alpha=None if one.p is None else step,
        n_problems=finding.n_problems,
        n_samples=finding.n_samples,
        outcome=outcome,
        why=_why(one),
        needed=_needed(one, step, alpha) if outcome is Outcome.INCONCLUSIVE else None,
    )


def _outcome(one: _Asked, step: float, alpha: float) -> Outcome:
    """What is known of a condition: the one place where that is decided."""
    if one.p is not None and one.p <= step:
        return Outcome.REGRESSED
    if one.finding.is_certain:
        return Outcome.PASS
    than = _scaled(one.condition)
    judged = one.others or (one.finding,)
    is_fine = all(_is_fine(other, than, alpha) for other in judged)
    return Outcome.PASS if is_fine else Outcome.INCONCLUSIVE


def _is_fine(finding: Finding, than: float, alpha: float) -> bool:
    """Whether new is no worse than this even were all that only it lost wrong."""
    if finding.evidence is None or finding.hidden >= 1:
        return False
    room = than - finding.hidden
    return finding.evidence.p_fine(room if room >= 0 else room / (1 - finding.hidden)) <= alpha


def _most(finding: Finding, alpha: float) -> float:
    """The upper bound, with what lost attempts hide on top; what new gained it gained on those that are left."""
    if finding.evidence is None or finding.hidden >= 1:
        return math.inf
    most = finding.evidence.most(alpha)
    return finding.hidden + (most if most >= 0 else most * (1 - finding.hidden))


def _why(one: _Asked) -> str:
    """What is said of a check besides its figures."""
    n_lost = sum(other.n_lost for other in (one.others or (one.finding,)))
    if not n_lost:
        return one.finding.why
    how = "are missing, or failed in new only," if one.pair.missing[1] else "failed in new only"
    failed = f"{n_lost:,} attempts that {how} count as wrong in the upper bound"
    return "; ".join(filter(None, (one.finding.why, failed)))


def _read(value: float | None, *, is_relative: bool) -> float | None:
    """A worsening as it is read: of costs new / base - 1, of shares -1 to 1; ``None`` for beyond all bounds."""
    if value is None or not math.isfinite(value):
        return None if value is None or value > 0 or not is_relative else -1.0
    return math.expm1(value) if is_relative else known(min(max(value, -1.0), 1.0))


def _needed(one: _Asked, step: float, alpha: float) -> Needed | None:
    """What would decide a check; that of a whole curve at the budget that it can rule least out at."""
    than = _scaled(one.condition)
    found = one.others or (one.finding,)
    if any(
        other.hidden > than or (other.n_lost and other.evidence and other.evidence.p_fine(than) <= alpha)
        for other in found
    ):
        return None  # no number of problems makes up for attempts that are lost
    widest = max(one.others, key=lambda other: _most(other, alpha)) if one.others else one.finding
    return needed(
        widest,
        regressed_from=0.0 if one.condition.is_any else than,
        passes_to=than,
        alpha_regressed=step,
        alpha_pass=alpha,
    )


def _notes(match: Match, pair: Pair) -> Iterator[str]:
    """What a reader of the outcome has to know besides."""
    yield from match.notes
    n = len(pair.sides.problems)
    for name, grid in zip(("base", "new"), pair.whole, strict=True):
        if len(grid.problems) > n:
            yield f"{pair.task}: {len(grid.problems) - n:,} problems are only in {name}; the {n:,} in both are compared"
    for name, grid in zip(("base", "new"), pair.whole, strict=True):
        alone = [format_budget(b, grid.control) for b in grid.budgets if b not in pair.sides.budgets]
        if alone:
            yield f"{pair.task}: budgets only in {name}, not looked at: {', '.join(alone)}"
    for name, grid, failed, missing in zip(("base", "new"), pair.whole, pair.failed, pair.missing, strict=True):
        n = sum(failed.values())
        if missing:
            of = n + int(grid.drawn.sum())
            yield f"{pair.task}: {missing:,} of {of:,} attempts of {name} are missing, and count like those that failed"
        if n > missing:
            yield f"{pair.task}: {n - missing:,} attempts of {name} failed and are in no share (see failures)"
    n_same, n_pairs = same_answers(pair.sides)
    if n_pairs and n_same == n_pairs:
        same = f"all {n_pairs:,} answers are the same, word for word"
        if is_unchanged(pair):
            same = f"nothing changed: {same}, with the same verdicts and as many tokens"
        yield f"{pair.task}: {same}; the same draws tell nothing of chance"


def _loaded(run: Run | str | Path, warn: Warn) -> Run:
    from thinkcurve.run import load_run

    return load_run(run, warn=warn) if isinstance(run, str | Path) else run
