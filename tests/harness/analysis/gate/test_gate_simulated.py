"""How often the gate errs, and how often it sees what it says that it can: on simulated models whose truth is known.

Each study is of 200 problems x 4 samples unless it says otherwise. The slow tests make the figures of docs/gate.md.
"""

import math
from collections import Counter
from typing import Any

import pytest
from scipy.stats import binom, norm

from analysis.gate.worlds import a_pair
from thinkcurve.analysis.gate.gate import decision, judge
from thinkcurve.analysis.gate.language import conditions_of
from thinkcurve.analysis.gate.outcome import Check, Outcome

ALPHA = 0.05
SAME = (0.0, 0.0, 0.0)
AT_TOLERANCE = (0.02, 0.02, 0.02)


def outcomes(
    texts: str, losses: tuple[float, ...], n_studies: int, *, first: int = 0, **world: Any
) -> tuple[Counter[Outcome], list[Check]]:
    """What the gate says of so many studies, and the first check of each."""
    conditions = conditions_of([texts])
    found: Counter[Outcome] = Counter()
    checks = []
    for seed in range(first, first + n_studies):
        judged = judge([a_pair(seed, losses, **world)], conditions, n_flips=999)
        found[decision(judged, ALPHA).outcome] += 1
        checks.append(judged[0])
    return found, checks


def most(n: int, share: float = ALPHA) -> int:
    """So many alarms of n are no more than chance where ``share`` of them are right: the 99.9 % point."""
    return int(binom.ppf(0.999, n, share))


def test_alarms_at_the_tolerance_are_few_and_at_no_loss_fewer() -> None:
    n = 100
    assert outcomes("accuracy:2pp", AT_TOLERANCE, n)[0][Outcome.REGRESSED] <= most(n)
    assert outcomes("accuracy:2pp,tokens:10%", SAME, n)[0][Outcome.REGRESSED] <= 2


def test_a_large_loss_is_seen_and_a_small_one_let_by() -> None:
    assert outcomes("accuracy:2pp", (0.0, 0.0, 0.12), 40)[0][Outcome.REGRESSED] >= 36
    assert outcomes("accuracy@1024:10pp", (0.0, 0.0, 0.01), 40)[0][Outcome.PASS] >= 36


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "losses", "world"),
    [
        ("accuracy:2pp", SAME, {}),
        ("accuracy:2pp", AT_TOLERANCE, {}),
        ("accuracy@1024:2pp", AT_TOLERANCE, {}),
        ("accuracy@1024:2pp", AT_TOLERANCE, {"samples": 1}),
        ("accuracy@1024:2pp", AT_TOLERANCE, {"n": 30}),
        ("accuracy@mean:2pp", AT_TOLERANCE, {}),
        ("any", SAME, {}),
        ("total_tokens@1024:10%", SAME, {"dearer": 1.1}),
        ("total_tokens@1024:10%", SAME, {"dearer": 1.1, "n": 30}),
        ("tokens_to(0.5):0%", SAME, {}),
        ("tokens_to(0.5):10%", SAME, {}),
        ("accuracy:2pp,tokens:10%,total_tokens:10%,tokens_to(0.5):10%,any", SAME, {}),
    ],
)
def test_false_alarms_are_no_more_than_five_in_a_hundred(
    texts: str, losses: tuple[float, ...], world: dict[str, Any]
) -> None:
    n = 2000
    found = outcomes(texts, losses, n, **world)[0]
    print(f"\n{texts} {losses} {world}: " + ", ".join(f"{o} {100 * found[o] / n:.1f} %" for o in Outcome))
    assert found[Outcome.REGRESSED] <= most(n)


@pytest.mark.slow
@pytest.mark.parametrize(("texts", "losses"), [("accuracy@1024:2pp", AT_TOLERANCE), ("total_tokens@1024:10%", SAME)])
def test_false_passes_are_no_more_than_five_in_a_hundred(texts: str, losses: tuple[float, ...]) -> None:
    n = 2000
    found = outcomes(texts, losses, n, dearer=1.1)[0]
    assert found[Outcome.PASS] <= most(n)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.04, 0.06, 0.08, 0.1])
def test_power_is_as_predicted(loss: float) -> None:
    """By the standard errors of the studies themselves: the chance that the lower bound lies above the tolerance."""
    n = 1000
    found, checks = outcomes("accuracy@1024:2pp", (0.0, 0.0, loss), n)
    widths = [(c.worsening or 0) - (c.least or 0) for c in checks]
    predicted = sum(norm.sf((0.02 + w - loss) / (w / norm.ppf(1 - ALPHA))) for w in widths) / n
    seen = found[Outcome.REGRESSED] / n
    print(f"\nloss {loss}: seen {100 * seen:.1f} %, predicted {100 * predicted:.1f} %")
    assert seen == pytest.approx(predicted, abs=4 * math.sqrt(0.25 / n))


@pytest.mark.slow
@pytest.mark.parametrize(("losses", "towards"), [((0.0, 0.0, 0.04), Outcome.REGRESSED), (SAME, Outcome.PASS)])
def test_what_is_said_to_decide_decides_four_times_in_five(losses: tuple[float, ...], towards: Outcome) -> None:
    """Where what was measured is the truth (within a fifth of a point): as many problems as are said."""
    _, checks = outcomes("accuracy@1024:2pp", losses, 300)
    told = [c for c in checks if c.needed and abs((c.worsening or 0) - losses[-1]) < 0.002]
    assert {c.needed.towards for c in told if c.needed} == {towards}
    problems = sorted(c.needed.problems for c in told if c.needed and c.needed.problems)[len(told) // 2]
    n = 400
    decided = outcomes("accuracy@1024:2pp", losses, n, first=9000, n=problems)[0][towards] / n
    print(f"\n{towards}: {problems} problems decide {100 * decided:.1f} %")
    assert decided == pytest.approx(0.8, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "outcome", "least", "share"), [(0.0, Outcome.PASS, 0.9, 1.0), (0.05, Outcome.PASS, 0, 0.08)]
)
def test_the_example_for_ci_is_right_so_often(loss: float, outcome: Outcome, least: float, share: float) -> None:
    """The conditions and the design of docs/examples/gate.yml."""
    texts = "accuracy@mean:5pp,no_answer@mean:5pp,failures@mean:2pp,total_tokens@mean:20%"
    n = 1000
    found = outcomes(texts, (loss,) * 3, n, n=300)[0]
    print(f"\nexample, {loss} lost: " + ", ".join(f"{o} {100 * found[o] / n:.1f} %" for o in Outcome))
    assert least <= found[outcome] / n <= share
