"""The same work through other harnesses, side by side: those that are installed beside thinkcurve.

Each evaluates the same 1,319 samples in a fresh process with a model that answers at once: a prompt made, a request
a sample, the answer extracted and compared, a record of every sample on disk. `work_ours`, `work_lm_eval` and
`work_inspect` say what each does beside that. thinkcurve does more here, not less: it makes two requests a sample
(the thinking, then the answer) and two records, and the first import of its table writer falls into the work.
Times are CPU seconds of user and system, never asserted; that the work was done is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from measure import Measured, children_cpu_s, fresh, script
from samples import ACCURACY, N_PEERS


@dataclass(frozen=True, slots=True)
class Harness:
    """A harness: its module, its distribution, the script that does the work, and its import."""

    module: str
    distribution: str
    script: str
    entry: str
    arguments: tuple[int, ...] = ()


HARNESSES = [
    Harness("thinkcurve", "thinkcurve", "work_ours.py", "from thinkcurve import sweep", (1,)),
    Harness("lm_eval", "lm-eval", "work_lm_eval.py", "from lm_eval import simple_evaluate"),
    Harness("inspect_ai", "inspect-ai", "work_inspect.py", "from inspect_ai import eval"),
]
ROUNDS = 3
_ours: dict[str, float] = {}

pytestmark = [
    pytest.mark.benchmark(timer=children_cpu_s),
    pytest.mark.parametrize("harness", HARNESSES, ids=lambda harness: harness.distribution),
]


@pytest.fixture(autouse=True)
def _installed(harness: Harness) -> None:
    if find_spec(harness.module) is None:
        pytest.skip(f"{harness.distribution} is not installed: pip install {harness.distribution}")


def test_cpu_a_sample(benchmark: Any, report: Callable[..., None], harness: Harness, tmp_path: Path) -> None:
    runs: list[Measured] = []
    benchmark.group = "the same samples, CPU seconds"

    def work() -> None:  # a home of its own: inspect-ai keeps traces there, lm-eval caches
        runs.append(script(harness.script, N_PEERS, *harness.arguments, HOME=str(tmp_path)))

    benchmark.pedantic(work, rounds=ROUNDS)
    last = runs[-1].printed
    assert last["n"] == N_PEERS
    assert last["accuracy"] == pytest.approx(ACCURACY, abs=0.001)
    cpu_ms = 1000 * median(run.printed["work_s"] for run in runs) / N_PEERS
    found = {
        "cpu_ms_a_sample": cpu_ms,
        "times_ours": cpu_ms / _ours.setdefault("work", cpu_ms),
        "requests_a_sample": last["requests"] / N_PEERS,
        "peak_mb": median(run.printed["peak_mb"] for run in runs),
        "disk_mb": last["disk_mb"],
    }
    benchmark.extra_info.update(found, version=_version(harness))
    report("peers: 1,319 samples, import not counted", harness=_name(harness), **found)


def test_cpu_of_the_import(benchmark: Any, report: Callable[..., None], harness: Harness) -> None:
    benchmark.group = "import, CPU seconds"
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(fresh(("-c", harness.entry))), rounds=5, warmup_rounds=1)
    cpu_s = median(run.cpu_s for run in runs[1:])
    found = {"cpu_s": cpu_s, "times_ours": cpu_s / _ours.setdefault("import", cpu_s)}
    benchmark.extra_info.update(found, version=_version(harness))
    report("peers: import, with the interpreter's start", harness=_name(harness), entry=harness.entry, **found)


def _name(harness: Harness) -> str:
    return f"{harness.distribution} {_version(harness)}"


def _version(harness: Harness) -> str:
    try:
        return version(harness.distribution)
    except PackageNotFoundError:
        return "unknown"
