"""The driver told to end, by Ctrl-C or by a scheduler, on real Ray nodes: in time, in order, and to be gone on with."""

import contextlib
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from clusters import Cluster, carry_out, cluster, command, environment, problems, psutil, same_table, size, wait_until
from thinkcurve.records import Attempt
from thinkcurve.store import read_events
from thinkcurve.tables import attempts_path

pytestmark = pytest.mark.slow
N = 60
PATIENCE_S = 30.0
"""Slurm's KillWait, and the termination grace period of Kubernetes."""
DRAWN = ("--samples", "2", "--temperature", "0.8")
SIGNALS = [
    pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as up:
        yield up


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return problems(tmp_path_factory.mktemp("data") / "problems.jsonl", N)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, made: Cluster, task: Path) -> Path:
    """The study by one process."""
    run = tmp_path_factory.mktemp("runs") / "calm"
    assert carry_out(command(task, run, *DRAWN), made.env).returncode == 0
    return run


def stopped(
    words: list[str], env: dict[str, str], number: signal.Signals, is_time: Callable[["subprocess.Popen[str]"], bool]
) -> tuple[int, str]:
    """Send a driver a signal when it is time; its exit code and what it said. Fails if it takes too long to end."""
    driver = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: is_time(driver) or driver.poll() is not None, "it was never time")
        assert driver.poll() is None
        began = time.monotonic()
        driver.send_signal(number)
        _, told = driver.communicate(timeout=PATIENCE_S)
    finally:
        driver.kill()
        driver.wait()
    print(f"ended with {driver.returncode} after {time.monotonic() - began:.1f} s: {told[-300:]}")
    assert "Traceback" not in told
    return driver.returncode, told


def no_worker_is_left(made: Cluster) -> None:
    wait_until(lambda: not any(node.workers() for node in made.nodes), "workers live on")


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_the_middle_leaves_a_run_that_goes_on(
    made: Cluster, task: Path, calm: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = tmp_path / "run"
    words = command(task, run, *DRAWN, "--model-option", "slow_s=0.1", "--cluster", made.address)
    ended, told = stopped(words, made.env, number, lambda _: size(run) > 20_000)
    assert ended == code
    assert told.count("Stopped.") == told.count("the same command goes on") == 1
    no_worker_is_left(made)
    assert 0 < pq.read_metadata(attempts_path(run)).num_rows < 5 * 2 * N
    done = carry_out(words, made.env)
    assert done.returncode == 0, done.stderr
    assert "Going on with" in done.stderr
    same_table(run, calm)
    assert max(Counter(e.key for e in read_events(run) if isinstance(e, Attempt)).values()) == 1


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_a_model_is_opened_waits_for_no_model(
    made: Cluster, task: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    words = command(task, tmp_path / "run", "--model-option", "open_s=120", "--cluster", made.address)
    ended, told = stopped(words, made.env, number, lambda _: any(node.workers() for node in made.nodes))
    assert (ended, told.count("Nothing was recorded.")) == (code, 1)
    no_worker_is_left(made)


def test_a_head_that_answers_nobody_is_refused_and_a_signal_waits_for_no_answer(task: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        words = command(task, tmp_path / "run", "--cluster", f"127.0.0.1:{deaf.getsockname()[1]}")
        asked: list[socket.socket] = []
        deaf.settimeout(0)

        def is_asked(_: object) -> bool:
            with contextlib.suppress(BlockingIOError):
                asked.append(deaf.accept()[0])
            return bool(asked)

        ended, told = stopped(words, env, signal.SIGTERM, is_asked)
        assert (ended, told.count("Nothing was recorded.")) == (143, 1)
        words[2] = f"from thinkcurve.cluster import fleet; fleet.ANSWER_S = 2; {words[2]}"
        done = carry_out(words, env, timeout_s=60)
        for connection in asked:
            connection.close()
    assert done.returncode == 2
    assert "cannot connect (it does not answer)" in done.stderr


def test_a_signal_while_ray_connects_is_no_exit_code_of_its_own(made: Cluster, task: Path, tmp_path: Path) -> None:
    told_when = tmp_path / "connecting"
    words = command(task, tmp_path / "run", "--cluster", made.address)
    slow = f"open({str(told_when)!r}, 'w').close(); time.sleep(60)"
    words[2] = f"import ray, time; ray._private.worker.connect = lambda *_, **__: exec({slow!r}); {words[2]}"
    ended, told = stopped(words, made.env, signal.SIGTERM, lambda _: told_when.exists())
    assert (ended, told.count("Nothing was recorded.")) == (143, 1)


def test_a_head_that_is_gone_at_the_same_moment_does_not_hold_it_up(
    made: Cluster, task: Path, calm: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = command(task, run, *DRAWN, "--model-option", "slow_s=0.1", "--cluster", made.address)
    assert made.head is not None
    head = [process for process in made.head.processes() if process.name() == "gcs_server"]
    assert len(head) == 1

    def is_frozen(_: object) -> bool:
        if is_frozen_now := size(run) > 20_000:
            head[0].suspend()
        return is_frozen_now

    try:
        ended, told = stopped(words, made.env, signal.SIGTERM, is_frozen)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            head[0].resume()
    assert ended == 143
    assert told.count("the same command goes on") == 1
    assert attempts_path(run).exists()
    done = carry_out(words, made.env)
    assert done.returncode == 0, done.stderr
    same_table(run, calm)
