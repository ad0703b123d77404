"""Nodes, workers, the driver and the head killed at random moments: the table is that of one undisturbed process."""

import random
import subprocess
import time
from pathlib import Path

import pytest

from clusters import Cluster, carry_out, cluster, command, end, problems, psutil, same_table, size, wait_until
from thinkcurve.store import read_events

KILLS = 10
N = 60
SLOW = ("--samples", "2", "--temperature", "0.8", "--model-option", "slow_s=0.25")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_anywhere_it_ends_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    task = problems(tmp_path / "problems.jsonl", N)
    killed: list[str] = []
    finished: list[Path] = []
    with cluster(tmp_path) as made:
        calm = tmp_path / "calm"
        assert carry_out(command(task, calm, *SLOW[:4]), made.env).returncode == 0
        run, driver = tmp_path / "run-0", None
        while len(killed) < KILLS:
            driver = driver or start(task, run, made, tmp_path)
            wait_for_growth(run, driver, but=rng.random() < 0.2)
            time.sleep(rng.uniform(0, 3))
            what = rng.choice(["node", "worker", "driver"])
            if driver.poll() is not None:  # it was done before
                assert driver.returncode == 0, (tmp_path / "driver.log").read_text()[-3000:]
                finished.append(run)
                run, driver = tmp_path / f"run-{len(finished)}", None
            elif kill(what, made, driver, rng):
                killed.append(what)
                print(time.strftime("%H:%M:%S"), what, len(list(read_events(run))), "events", flush=True)
                driver = None if what == "driver" else driver
        driver = driver or start(task, run, made, tmp_path)
        assert driver.wait(timeout=400) == 0, (tmp_path / "driver.log").read_text()[-3000:]
        finished.append(run)
    assert len(killed) == KILLS
    for run in finished:
        same_table(run, calm)


def start(task: Path, run: Path, made: Cluster, folder: Path) -> "subprocess.Popen[str]":
    with (folder / "driver.log").open("a") as log:
        words = command(task, run, *SLOW, "--cluster", made.address)
        return subprocess.Popen(words, env=made.env, stdout=log, stderr=log, text=True)


def kill(what: str, made: Cluster, driver: "subprocess.Popen[str]", rng: random.Random) -> bool:
    """Kill one, and start another in its place where it was a node; whether there was one to be killed."""
    if what == "driver":
        end(driver)
    elif what == "node":
        node = rng.choice(made.nodes)
        node.kill()
        made.nodes.remove(node)
        made.add()
    else:
        workers = [worker for node in made.nodes for worker in node.workers()]
        if not workers:
            return False
        try:
            rng.choice(workers).kill()
        except psutil.NoSuchProcess:
            return False
    return True


def wait_for_growth(run: Path, driver: "subprocess.Popen[str]", *, but: bool) -> None:
    """Wait until something was written since, so that a kill meets work; ``but`` not always."""
    before = size(run)
    wait_until(lambda: but or driver.poll() is not None or size(run) > before, "nothing was written")
