"""A gate in words: one wording for the terminal, for pull requests and for machines that show it.

All of it comes from the records of `thinkcurve.analysis.gate.outcome`; nothing is judged here. Names are those of
models and tasks, which others wrote: they come out as one printable line (`named`).
"""

from __future__ import annotations

from collections.abc import Sequence

from thinkcurve.analysis.gate.outcome import Check, Decision, Outcome
from thinkcurve.budget import format_budget
from thinkcurve.report.labels import plain

LONGEST = 80
"""Characters of a name that are shown."""
LONGEST_NOTE = 400
"""Characters of a remark that are shown."""
UNITS = {
    "thinking_tokens": "thinking tokens",
    "generated_tokens": "generated tokens",
    "total_tokens": "tokens in all",
    "flops": "FLOPs",
    "wall_s": "seconds",
    "joules": "joules",
    "usd": "dollars",
}
SHARES = {
    "accuracy": "accuracy",
    "no_answer": "the share without an answer",
    "unverified": "the share that the verifier gave up on",
    "forced": "the share that was cut off",
    "truncated_answers": "the share of answers that were cut off",
    "failures": "the share that failed",
}


def named(name: str, longest: int = LONGEST) -> str:
    """What others wrote as one printable line of no more than ``longest`` characters, its middle left out."""
    if len(name) > 10 * longest:
        name = f"{name[: 5 * longest]}{name[-5 * longest :]}"
    shown = plain(name)
    half = longest // 2
    return shown if len(shown) <= longest else f"{shown[:half]}…{shown[-half + 1 :]}"


def noted(note: str) -> str:
    """A remark, which may hold names, as one printable line."""
    return named(note, LONGEST_NOTE)


def subject(check: Check) -> str:
    """Task and models that a check is of."""
    models = dict.fromkeys([named(check.base_model), named(check.new_model)])
    return f"{named(check.task)} · {' → '.join(models)}"


def headline(decision: Decision) -> str:
    """What the outcome comes from, in a clause."""
    n, of = len(decision.checks), len(decision.of(decision.outcome))
    checks = f"{n} check{'' if n == 1 else 's'}"
    if decision.outcome is Outcome.PASS:
        return f"{'none of ' + checks if n > 1 else 'the one check has not'} got worse by more than is let through"
    if decision.outcome is Outcome.REGRESSED:
        return f"{of} of {checks} got worse by more than is let through"
    return f"{of} of {checks} cannot be decided with these problems and samples"


def where(check: Check) -> str:
    """The place on the curve."""
    return check.effort or format_budget(check.budget) if check.scope == "budget" else check.scope


def amount(value: float | None, check: Check) -> str:
    """``base`` or ``new`` of a check; a whole curve has none."""
    if value is None or check.measure == "any":
        return "–"
    if check.unit == "pp":
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if 100 <= value < 1e6 else f"{value:.3g}".replace("e+0", "e").replace("e+", "e")


def worse(value: float | None, check: Check) -> str:
    """A worsening with its sign, in points or per cent."""
    return "–" if value is None else f"{100 * value:+.1f}{' %' if check.unit == '%' else ''}"


def bounds(check: Check) -> str:
    """What the worsening is at least and at most."""
    if check.least is None and check.most is None:
        return "–"
    low, high = ("" if end is None else f"{100 * end:+.1f}" for end in (check.least, check.most))
    return f"{low or '…'} to {high or '…'}"


def tolerance(check: Check) -> str:
    """What is let through."""
    return f"{100 * check.tolerance:g}{' %' if check.unit == '%' else ' points'}"


def told(decision: Decision) -> list[tuple[Outcome, str, str]]:
    """What did not pass: outcome, name and sentence of each regression, then of what could not be decided, the budgets
    of one condition together."""
    found = [(check.outcome, short(check), sentence(check)) for check in decision.of(Outcome.REGRESSED)]
    open_ones: dict[tuple[str, str], list[Check]] = {}
    for check in decision.of(Outcome.INCONCLUSIVE):
        open_ones.setdefault((subject(check), check.condition), []).append(check)
    for checks in open_ones.values():
        one = checks[0]
        if len(checks) == 1:
            found.append((one.outcome, short(one), sentence(one)))
        else:
            found.append((one.outcome, named(one.condition), _together(checks)))
    return found


def sentence(check: Check) -> str:
    """One check in a sentence or two: what was measured, what is certain of it, and what would decide."""
    if check.measure == "any":
        said = _curve(check)
    elif check.worsening is None or (check.least is None and check.most is None):
        said = f"{_what(check)}: {noted(check.why) if check.why else _reach(check)}"
    else:
        said = f"{_what(check)} {_change(check)}{_certain(check)}; {tolerance(check)} let through"
        said += f" ({noted(check.why)})" if check.why else ""
    return f"{said}. {_decides([check])}".strip()


def _together(checks: Sequence[Check]) -> str:
    """One condition that cannot be decided at several budgets."""
    one = checks[0]
    what = (UNITS.get(one.measure) or SHARES.get(one.measure, one.measure)) + f" at {', '.join(map(where, checks))}"
    known = [check for check in checks if check.most is not None]
    if not known:
        reasons = dict.fromkeys(noted(check.why) for check in checks if check.why)
        return f"{what}: {'; '.join(reasons) or 'new may be any amount worse'}."
    worst = max(known, key=lambda check: check.most or 0.0)
    said = f"{what} cannot be told to be within {tolerance(one)}: at {where(worst)} new may be {_most(worst)} worse"
    reasons = dict.fromkeys(noted(check.why) for check in known if check.why)
    said += f" ({next(iter(reasons))})" if reasons else ""
    return f"{said}. {_decides(checks)}".strip()


def short(check: Check) -> str:
    """A check's name: its condition and place."""
    is_said = check.scope != "budget" or f"@{where(check)}:" in check.condition
    return named(check.condition) + ("" if is_said else f" at {where(check)}")


def _what(check: Check) -> str:
    axis, is_to, target = check.measure.partition("_to(")
    if is_to:
        return f"{UNITS.get(axis, axis)} for {100 * float(target.rstrip(')')):g} % accuracy"
    name = UNITS.get(check.measure) or SHARES.get(check.measure, check.measure)
    return f"{name} {'over all budgets' if check.scope == 'mean' else f'at {where(check)}'}"


def _change(check: Check) -> str:
    assert check.worsening is not None
    size = f"{abs(100 * check.worsening):.1f}{' %' if check.unit == '%' else ' points'}"
    is_accuracy = check.measure == "accuracy" or "@" in check.measure
    if size.startswith("0.0"):
        verb = "stayed"
    elif (check.worsening > 0) != is_accuracy:
        verb = f"rose by {size}"
    else:
        verb = f"fell by {size}"
    return f"{verb} ({amount(check.base, check)} → {amount(check.new, check)})"


def _certain(check: Check) -> str:
    if check.outcome is Outcome.REGRESSED and check.least is not None:
        return f", {_size(check.least, check)} worse at least"
    if check.outcome is Outcome.PASS and check.most is not None:
        return f", {_most(check)} worse at most"
    if check.least is None or check.most is None:
        return ", with no bound on it"
    low = f"{_size(-check.least, check)} better" if check.least < 0 else f"{_size(check.least, check)} worse"
    return f", but may be from {low} to {_most(check)} worse"


def _size(value: float, check: Check) -> str:
    return f"{100 * value:.1f}{' %' if check.unit == '%' else ' points'}"


def _most(check: Check) -> str:
    return "any amount" if check.most is None else _size(max(0.0, check.most), check)


def _reach(check: Check) -> str:
    return f"{amount(check.base, check)} → {amount(check.new, check)}"


def _curve(check: Check) -> str:
    if check.p is None or check.worsening is None:
        return f"whole curve: {check.why or 'nothing to test'}"
    p = "p < .001" if check.p < 0.001 else f"p = {check.p:.3f}".replace("0.", ".")
    if check.outcome is Outcome.REGRESSED:
        budget = check.effort or format_budget(check.budget)
        return f"the curve is worse ({p}), most at {budget}, by {100 * check.worsening:.1f} points"
    if check.outcome is Outcome.PASS:
        return f"no loss seen anywhere on the curve ({p}), and none of more than {_most(check)} at any budget"
    should = f"{tolerance(check)} have to be"
    return f"no loss seen on the curve ({p}), but {_most(check)} at some budget cannot be ruled out; {should}"


def _decides(checks: Sequence[Check]) -> str:
    """What would decide, for all of some checks."""
    needs = [check.needed for check in checks if check.needed is not None]
    if not needs:
        return ""
    one, parts = checks[0], []
    problems = [need.problems for need in needs if need.problems is not None]
    samples = [need.samples for need in needs if need.samples is not None]
    if len(problems) == len(needs):
        parts.append(f"about {_round(max(problems)):,} problems instead of {one.n_problems:,}")
    if len(samples) == len(needs):
        parts.append(f"about {_round(max(samples)):,} samples of each instead of {one.n_samples:,}")
    if not parts:
        return "So near to what is let through, no number of problems would decide."
    towards = " or ".join(dict.fromkeys(need.towards for need in needs))
    them = "" if len(checks) == 1 else " each of them"
    likely = f"were the truth what was measured ({towards})"
    return f"{_first_upper(', or '.join(parts))} would decide{them} 4 times in 5, {likely}."


def _round(n: int) -> int:
    """To two figures, upwards."""
    step = int(10 ** max(0, len(str(n)) - 2))
    return -(-n // step) * step


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def subjects(checks: Sequence[Check]) -> dict[str, list[Check]]:
    """Checks by what they are of, in order."""
    found: dict[str, list[Check]] = {}
    for check in checks:
        found.setdefault(subject(check), []).append(check)
    return found
