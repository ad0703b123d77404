"""Real Ray nodes on this machine: what a plain object cannot show (`test_crew` shows the rest)."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import (
    Cluster,
    carry_out,
    cluster,
    command,
    environment,
    free_port,
    problems,
    psutil,
    same_table,
    size,
    wait_until,
)
from thinkcurve.run import load_run
from thinkcurve.store import manifest_path, read_manifest

pytestmark = pytest.mark.slow
N = 60
SLOW = ("--samples", "2", "--temperature", "0.8", "--model-option", "slow_s=0.1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), gpus=2) as up:
        yield up


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return problems(tmp_path_factory.mktemp("data") / "problems.jsonl", N)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, made: Cluster, task: Path) -> Path:
    """The study by one process."""
    run = tmp_path_factory.mktemp("runs") / "calm"
    assert carry_out(command(task, run, *SLOW[:4]), made.env).returncode == 0
    return run


def on(made: Cluster, task: Path, run: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return carry_out(command(task, run, *SLOW, "--cluster", made.address, *more), made.env)


def test_two_nodes_make_the_table_of_one_process(made: Cluster, task: Path, calm: Path, tmp_path: Path) -> None:
    done = on(made, task, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    same_table(tmp_path / "run", calm)
    assert len(list((tmp_path / "run/journal").glob("w*"))) == 2
    assert len(read_manifest(tmp_path / "run").sittings[-1].hardware["nodes"]) == 2


def test_a_worker_sees_the_gpus_that_are_its_own(made: Cluster, task: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    share = ("--gpus-per-worker", "2", "--cpus-per-worker", "0.5", "--model-option", f"seen={seen}")
    assert on(made, task, tmp_path / "run", *share).returncode == 0
    assert seen.read_text().splitlines() == ["0,1", "0,1"]
    done = on(made, task, tmp_path / "other", "--gpus-per-worker", "3")
    assert done.returncode == 2
    assert "room for 0 workers of 1 CPU, 3 GPU" in " ".join(done.stderr.split())


def test_workers_write_to_a_store_that_only_fsspec_reaches(
    made: Cluster, task: Path, calm: Path, tmp_path: Path
) -> None:
    shards = ("--shards", f"file://{tmp_path}/store")
    assert on(made, task, tmp_path / "run", *shards).returncode == 0
    same_table(tmp_path / "run", calm)
    stored = {path.name for path in (tmp_path / "store").iterdir()}
    assert stored == {"manifest.json", "journal", "problems.parquet", "attempts.parquet", "traces.parquet"}
    again = on(made, task, tmp_path / "elsewhere", *shards)
    assert again.returncode == 0, again.stderr
    same_table(tmp_path / "elsewhere", calm)


def test_a_unit_that_kills_its_worker_is_found(made: Cluster, task: Path, tmp_path: Path) -> None:
    done = on(made, task, tmp_path / "run", "--model-option", "deadly=double 31", "--samples", "1")
    assert done.returncode == 3, done.stderr
    run = load_run(tmp_path / "run")
    assert len(run.attempts) == 5 * (N - 1)
    assert run.failures["problem"].unique().tolist() == [f"{task.name}/all/31"] or len(run.failures) == 5
    assert run.failures["error"].str.contains("the worker died of it").all()


def test_doctor_visits_every_node(made: Cluster, tmp_path: Path) -> None:
    doctor = [sys.executable, "-c", "from thinkcurve.cli.main import main; main()", "doctor", "--cluster", made.address]
    done = carry_out([*doctor, "--json"], made.env)
    found = json.loads(done.stdout)
    assert len(found["nodes"]) == made.alive() + 1  # the head too
    assert {node["is_enough"] for node in found["nodes"]} == {True}
    assert done.returncode == 0
    shown = carry_out(doctor, made.env)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert shown.stdout.count("met") >= len(found["nodes"])


def test_a_node_that_is_drained_gets_nothing_new(made: Cluster, task: Path, calm: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = command(task, run, *SLOW[:4], "--model-option", "slow_s=0.5", "--cluster", made.address)
    driver = subprocess.Popen(words, env=made.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: size(run) > 20_000 or driver.poll() is not None, "nothing was written")
    before = set(made.node_ids())
    made.add()
    made.wait()
    leaving = min(before)
    drained = made.drain(leaving)
    assert drained.returncode == 0, drained.stderr
    _, told = driver.communicate(timeout=300)
    assert driver.returncode == 0, told
    assert "a node will be taken away" in told
    same_table(run, calm)


def test_a_frozen_worker_is_given_up(made: Cluster, task: Path, calm: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = command(task, run, *SLOW, "--cluster", made.address)
    words[2] = f"from thinkcurve.cluster import crew; crew.PULSE_S, crew.SILENCE_S = 1, 10; {words[2]}"
    driver = subprocess.Popen(words, env=made.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: size(run) > 20_000 or driver.poll() is not None, "nothing was written")
    frozen = next(worker for node in made.nodes for worker in node.workers())
    frozen.suspend()
    try:
        _, told = driver.communicate(timeout=300)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            frozen.resume()
    assert driver.returncode == 0, told
    assert "no sign of life for 10 s" in told
    same_table(run, calm)


def test_a_worker_that_hangs_is_named_and_ended_by_hand(made: Cluster, task: Path, calm: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = command(task, run, *SLOW, "--model-option", f"hangs={tmp_path / 'hung'}", "--cluster", made.address)
    quick = "from thinkcurve.cluster import crew, waiting; crew.PULSE_S, waiting.QUIET_S = 1, 10"
    words[2] = f"{quick}; {words[2]}"
    driver = subprocess.Popen(words, env=made.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert driver.stderr is not None
    about = next((line for line in driver.stderr if "waiting for a worker" in line), "")
    found = re.search(r"without a finished request for 0 min \(pid (\d+) on (\S+)\)", about)
    assert found is not None, about
    assert found[2] == socket.gethostname()
    os.kill(int(found[1]), signal.SIGKILL)
    _, told = driver.communicate(timeout=300)
    assert driver.returncode == 0, told
    same_table(run, calm)


def test_where_no_cluster_is_one_line_says_so(task: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    for address, told in (
        (f"127.0.0.1:{free_port()}", "cannot connect"),
        ("somewhere", "that is not HOST:PORT"),
        ("ray://127.0.0.1:10001", "not through Ray Client"),
    ):
        done = carry_out(command(task, tmp_path / "run", "--cluster", address), env)
        assert done.returncode == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_the_head_that_dies_ends_the_driver_and_a_new_one_goes_on(task: Path, calm: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with cluster(tmp_path, nodes=1) as first:
        words = command(task, run, *SLOW[:4], "--model-option", "slow_s=0.3", "--cluster", first.address)
        driver = subprocess.Popen(words, env=first.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: size(run) > 20_000 or driver.poll() is not None, "nothing was written")
        assert first.head is not None
        first.head.kill()
        began = time.monotonic()
        _, told = driver.communicate(timeout=200)
        print(f"the driver ended {time.monotonic() - began:.0f} s later with {driver.returncode}: {told[-300:]}")
        assert driver.returncode != 0
    with cluster(tmp_path, nodes=1) as second:
        done = carry_out(command(task, run, *SLOW, "--cluster", second.address), second.env)
        assert done.returncode == 2  # its model has other options, which is another run
        words[words.index(first.address)] = second.address
        done = carry_out(words, second.env)
    assert done.returncode == 0, done.stderr
    same_table(run, calm)
    assert manifest_path(run).exists()
    assert os.environ.get("RAY_ADDRESS") is None
