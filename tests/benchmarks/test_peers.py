"""The same work through other harnesses, side by side: those that are installed beside thinkcurve.

`work_ours`, `work_lm_eval` and `work_inspect` say what each does. thinkcurve does more here, not less: it makes two
requests a sample (the thinking, then the answer) and two records, and the first import of its table writer falls into
the work. Times are CPU seconds of user and system, never asserted; that the work was done is. `peers` takes the same
harnesses in turns, at two sizes, and prints the tables of the README.
"""

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from measure import Measured, children_cpu_s, fresh
from peers import HARNESSES, OURS, PEERS, Harness, cost_of, evaluated
from samples import N_PEERS

ROUNDS = 3
_ours: dict[str, float] = {}

pytestmark = pytest.mark.benchmark(timer=children_cpu_s)


def _installed(harness: Harness) -> None:
    if not harness.is_installed:
        pytest.skip(f"{harness.distribution} is not installed: pip install {harness.distribution}")


@pytest.mark.parametrize("harness", HARNESSES, ids=lambda harness: harness.title)
def test_cpu_a_sample(benchmark: Any, report: Callable[..., None], harness: Harness) -> None:
    _installed(harness)
    runs: list[Measured] = []
    benchmark.group = "the same samples, CPU seconds"
    benchmark.pedantic(lambda: runs.append(evaluated(harness, N_PEERS)), rounds=ROUNDS)
    cost = cost_of(harness, N_PEERS, runs)
    found = {
        "cpu_ms_a_sample": cost.cpu_ms,
        "times_ours": cost.cpu_ms / _ours.setdefault("work", cost.cpu_ms),
        "requests_a_sample": cost.requests / N_PEERS,
        "peak_mb": cost.peak_mb,
        "disk_mb": cost.disk_mb,
    }
    benchmark.extra_info.update(found, harness=harness.title)
    report("peers: 1,319 samples, import not counted", harness=harness.title, **found)


@pytest.mark.parametrize("harness", [OURS, *PEERS], ids=lambda harness: harness.title)
def test_cpu_of_the_import(benchmark: Any, report: Callable[..., None], harness: Harness) -> None:
    _installed(harness)
    benchmark.group = "import, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(fresh(("-c", harness.entry))), rounds=5, warmup_rounds=1)
    cpu_s = median(run.cpu_s for run in runs[1:])
    found = {"cpu_s": cpu_s, "times_ours": cpu_s / _ours.setdefault("import", cpu_s)}
    benchmark.extra_info.update(found, harness=harness.title)
    report("peers: import, with the interpreter's start", harness=harness.title, entry=harness.entry, **found)
