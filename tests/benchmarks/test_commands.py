"""What a user waits for beside the model: the start of a run, and the looks at one of 10,000 attempts.

The run is 2,000 problems at five budgets, made by an instant model. Each command is a fresh process, whose CPU seconds
of user and system are read, the interpreter's start included; none is asserted.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from instant import Instant
from measure import Measured, children_cpu_s, fresh, script
from work_ours import LADDERS, Eggs

from thinkcurve import Study, sweep

N_PROBLEMS = 2_000
MAIN = ("-c", "from thinkcurve.cli.main import main; main()")
COMMANDS = {
    "thinkcurve show RUN": ("show", "{run}"),
    "thinkcurve plot RUN -o FIG.svg": ("plot", "{run}", "-o", "{to}.svg"),
    "thinkcurve report RUN -o FILE.html": ("report", "{run}", "-o", "{to}.html"),
    "thinkcurve compare RUN RUN": ("compare", "{run}", "{run}"),
}

pytestmark = pytest.mark.benchmark(timer=children_cpu_s)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("benchmark") / "run"
    study = Study(models=("instant",), tasks=("eggs",), budgets=LADDERS[5])
    made = sweep(study, path, backends={"instant": Instant(N_PROBLEMS)}, tasks={"eggs": Eggs(N_PROBLEMS)})
    assert len(made.records.attempts) == 10_000
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_cpu_of_a_look(benchmark: Any, report: Callable[..., None], command: str, run: Path, tmp_path: Path) -> None:
    benchmark.group = "a run of 10,000 attempts, CPU seconds"
    arguments = [word.format(run=run, to=tmp_path / "out") for word in COMMANDS[command]]
    runs: list[Measured] = []
    benchmark.pedantic(lambda: runs.append(fresh((*MAIN, *arguments))), rounds=3, warmup_rounds=1)
    found = {"cpu_s": median(run.cpu_s for run in runs[1:])}
    benchmark.extra_info.update(found)
    report("thinkcurve: looks at a run of 10,000 attempts", command=command, **found)


def test_cpu_up_to_the_first_request(benchmark: Any, report: Callable[..., None], tmp_path: Path) -> None:
    benchmark.group = "start of a run, CPU seconds"
    runs: list[Measured] = []

    def start() -> None:
        place = tmp_path / str(len(runs))
        runs.append(script("work_first_request.py", "run", "-m", "embedded", "-o", place))

    benchmark.pedantic(start, rounds=5, warmup_rounds=1)
    found = {key: median(run.printed[key] for run in runs[1:]) for key in ("cpu_s", "peak_mb")}
    benchmark.extra_info.update(found)
    report("thinkcurve: from the command to the first request", model="embedded", **found)
