"""What the harness itself costs: CPU an attempt, memory against the size of a run, the start of the command line.

A whole `sweep` (checks, prompts, thinking, cuts, answers, verdicts, journal, tables, manifest) in a fresh process,
on a model that answers at once and whose own work, in Python, is counted in. Memory is the peak so far at three
moments: what grows with the run is what they grow by. Times are CPU seconds of user and system; none is asserted.
The goals: under 1 ms an attempt, 0.15 s for ``import thinkcurve``, 0.3 s for ``--help``.
"""

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from measure import Measured, children_cpu_s, fresh, median_cpu_s, script
from samples import ACCURACY

N_BUDGETS = 5
BARE = ("-c", "pass")
STARTS = {
    "import thinkcurve": ("-c", "import thinkcurve"),
    "from thinkcurve import sweep": ("-c", "from thinkcurve import sweep"),
    "thinkcurve --version": ("-c", "from thinkcurve.cli.main import main; main()", "--version"),
    "thinkcurve --help": ("-c", "from thinkcurve.cli.main import main; main()", "--help"),
}

pytestmark = pytest.mark.benchmark(timer=children_cpu_s)


@pytest.mark.parametrize(("n_attempts", "rounds"), [(2_000, 3), (10_000, 3), (50_000, 1)])
def test_cpu_and_memory_of_a_sweep(benchmark: Any, report: Callable[..., None], n_attempts: int, rounds: int) -> None:
    runs: list[Measured] = []
    benchmark.group = "sweep, CPU seconds"
    benchmark.pedantic(
        lambda: runs.append(script("work_ours.py", n_attempts // N_BUDGETS, N_BUDGETS)), rounds=rounds, warmup_rounds=0
    )
    last = runs[-1].printed
    assert last["n"] == n_attempts
    assert last["accuracy"] == pytest.approx(ACCURACY, abs=0.001)
    found = {
        "cpu_ms_an_attempt": 1000 * median(run.printed["work_s"] for run in runs) / n_attempts,
        "imported_mb": last["imported_mb"],
        "all_recorded_mb": last["records_mb"],
        "tables_written_mb": last["peak_mb"],
        "disk_mb": last["disk_mb"],
        "requests": last["requests"],
    }
    benchmark.extra_info.update(found)
    report("thinkcurve: a sweep of 5 budgets", attempts=n_attempts, **found)


@pytest.mark.parametrize("what", STARTS)
def test_cpu_of_a_start(benchmark: Any, report: Callable[..., None], what: str) -> None:
    benchmark.group = "start, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(fresh(STARTS[what])), rounds=9, warmup_rounds=1)
    cpu_s = median(run.cpu_s for run in runs[1:])
    bare_s = median_cpu_s(BARE)
    found = {"cpu_s": cpu_s, "bare_interpreter_s": bare_s, "difference_s": cpu_s - bare_s}
    benchmark.extra_info.update(found)
    report("thinkcurve: a start", what=what, **found)
