"""Decisions of every outcome, with names that nobody should trust."""

from thinkcurve.analysis.gate.gate import decision
from thinkcurve.analysis.gate.outcome import Check, Decision, Needed, Outcome

HOSTILE = (
    "<script>alert(1)</script>",
    "</code></td>|x|\n# head\n@everyone [a](http://evil.test) `b` **c** #123 &amp;",
    "\u202egnp.exe\u2066\x00\x1b[31m\u0085]]>",
    "::error::owned\r\n::set-output name=a::b",
    '"><img src=x onerror=alert(1)>',
    "x" * 1_000_000,
)


def a_check(outcome: Outcome, budget: int | None = 64, **parts: object) -> Check:
    given: dict[str, object] = {
        "condition": "accuracy:2pp",
        "measure": "accuracy",
        "unit": "pp",
        "scope": "budget",
        "budget": budget,
        "effort": None,
        "task": "sums",
        "base_model": "m",
        "new_model": "m",
        "tolerance": 0.02,
        "base": 0.6,
        "new": 0.55,
        "worsening": 0.05,
        "least": {Outcome.REGRESSED: 0.03}.get(outcome, -0.01),
        "most": {Outcome.PASS: 0.015}.get(outcome, 0.09),
        "p": 0.01,
        "p_holm": 0.02,
        "alpha": 0.025,
        "n_problems": 200,
        "n_samples": 4,
        "outcome": outcome,
        "needed": Needed(1234, None, Outcome.REGRESSED) if outcome is Outcome.INCONCLUSIVE else None,
    }
    return Check(**{**given, **parts})  # type: ignore[arg-type]


def of(*outcomes: Outcome, **parts: object) -> Decision:
    """A decision of checks with these outcomes."""
    checks = [a_check(outcome, 64 << i, **parts) for i, outcome in enumerate(outcomes)]
    return decision(checks, 0.05, base="runs/base", new="runs/new", notes=("a note",))


def hostile() -> Decision:
    """Every name is hostile, one each way."""
    checks = [
        a_check(list(Outcome)[i % 3], condition=f"{name}/accuracy:2pp", task=name, base_model=name)
        for i, name in enumerate(HOSTILE)
    ]
    return decision(checks, 0.05, base=HOSTILE[0], new=HOSTILE[1], notes=HOSTILE)
