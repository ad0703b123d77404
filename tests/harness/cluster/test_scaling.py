"""From one worker to two: a study that does nothing but compute, side by side, the best of three."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from clusters import Cluster, cluster, command, problems
from thinkcurve.run import load_run

N, ROUNDS = 400, 30_000
TURNS = 3
BUSY = ("--model-option", f"rounds={ROUNDS}", "--model-option", "slots=2", "--progress", "json")


@pytest.mark.slow
def test_two_workers_do_nearly_twice_as_much(tmp_path: Path) -> None:
    task = problems(tmp_path / "problems.jsonl", N)
    ratios = []
    with cluster(tmp_path) as made:
        for turn in range(TURNS):
            one, two = (speed(made, task, tmp_path / f"{turn}-{workers}", workers) for workers in (1, 2))
            ratios.append(two[0] / one[0])
            print(time.strftime("%H:%M:%S"), f"{one[0]:.1f} and {two[0]:.1f} attempts/s, {ratios[-1]:.2f} times;",
                  f"CPU of workers {one[1]:.2f} and {two[1]:.2f} ms an attempt", flush=True)  # fmt: skip
    assert max(ratios) >= 1.8


def speed(made: Cluster, task: Path, run: Path, workers: int) -> tuple[float, float]:
    """Attempts a second while all workers are at work (from 40 to 90 % of them), and milliseconds of CPU of the
    workers for each attempt of that time."""
    words = command(task, run, *BUSY, "--cluster", made.address, "--workers", str(workers))
    seen: list[tuple[float, float, float]] = []
    with subprocess.Popen(words, env=made.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stderr is not None
        for line in driver.stderr:
            told = json.loads(line) if line.startswith("{") else {}
            if told.get("event") == "progress":
                cpu = sum(sum(worker.cpu_times()[:2]) for node in made.nodes for worker in node.workers())
                seen.append((told["elapsed_s"], told["done"], cpu))
    assert driver.returncode == 0
    assert len(load_run(run).attempts) == 5 * N
    middle = [at for at in seen if 0.4 <= at[1] / (5 * N) <= 0.9]
    (t0, n0, c0), (t1, n1, c1) = middle[0], middle[-1]
    return (n1 - n0) / (t1 - t0), 1000 * (c1 - c0) / (n1 - n0)
