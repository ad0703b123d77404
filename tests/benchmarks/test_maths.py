"""Maths verdicts a CPU-second in one process, ours and Math-Verify's, on the same pairs; and how far each agrees.

The goals: 5,000 plain and 500 LaTeX verdicts a CPU-second, 95 of 100 within 10 ms, a worker under 256 MiB, 98 %
agreement on the open case file with two false equals at most. Nothing is asserted on time; `work_maths` says how
each grader is called. ``THINKCURVE_DATA`` names the folder with GSM8K, MATH-500 and the case file; without it the
pairs are made and the agreement is skipped.
"""

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median
from typing import Any

import pytest
from maths_pairs import cases, source
from measure import Measured, children_cpu_s, script

GRADERS = {"thinkcurve": "thinkcurve", "math_verify": "math-verify"}
ROUNDS = 3
_ours: dict[str, float] = {}

pytestmark = pytest.mark.benchmark(timer=children_cpu_s)


@pytest.fixture(params=GRADERS)
def grader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if find_spec(name) is None:
        pytest.skip(f"{GRADERS[name]} is not installed: pip install {GRADERS[name]}")
    return name


@pytest.mark.parametrize("kind", ["plain", "latex"])
def test_verdicts_a_cpu_second(benchmark: Any, report: Callable[..., None], kind: str, grader: str) -> None:
    benchmark.group = f"maths, {kind} golds, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(script("work_maths.py", grader, kind)), rounds=ROUNDS)
    last = runs[-1].printed
    assert last["right"] >= 0.9 * last["n"]  # the work was done
    a_second = last["n"] / median(run.printed["cpu_s"] for run in runs)
    found = {
        "verdicts": last["n"],
        "a_cpu_second": a_second,
        "times_fewer_than_ours": _ours.setdefault(kind, a_second) / a_second,
        "p50_ms": median(run.printed["p50_ms"] for run in runs),
        "p95_ms": median(run.printed["p95_ms"] for run in runs),
        "worst_ms": median(run.printed["worst_ms"] for run in runs),
        "as_made": last["right"] / last["n"],
    }
    benchmark.extra_info.update(found, version=version(GRADERS[grader]), source=source())
    report(f"maths: {kind} golds, {source()}", grader=_name(grader), **found)


def test_memory_of_a_worker(benchmark: Any, report: Callable[..., None]) -> None:
    benchmark.group = "maths, a worker's honest work, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(script("work_maths.py", "thinkcurve", "memory")), rounds=1)
    found = runs[0].printed
    benchmark.extra_info.update(found)
    report(
        "maths: the worker for what needs sympy", worker="thinkcurve, after 650 comparisons", peak_mb=found["worker_mb"]
    )


def test_agreement_on_the_case_file(benchmark: Any, report: Callable[..., None], grader: str) -> None:
    if not cases():
        pytest.skip("THINKCURVE_DATA names no folder with math_equivalence_dev.jsonl")
    benchmark.group = "maths, the case file, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(script("work_maths.py", grader, "cases")), rounds=1)
    found = runs[0].printed
    assert found["n"] > 0
    benchmark.extra_info.update(found, version=version(GRADERS[grader]))
    report(
        "maths: the open case file",
        grader=_name(grader),
        cases=found["n"],
        agreed=found["agreed"] / found["n"],
        false_equals=len(found["false_equal"]),
        not_told=found["unverified"],
        of_policy=found["policy_n"],
        agreed_there=found["policy_agreed"] / max(1, found["policy_n"]),
    )
    for case, gold, answer in found["false_equal"]:
        report("maths: false equals on the case file", grader=_name(grader), case=case, gold=gold, answer=answer)


def _name(grader: str) -> str:
    return f"{GRADERS[grader]} {version(GRADERS[grader])}"
