"""Ray nodes in processes of their own on this machine, a model told to be slow, busy or deadly, and studies.

Nodes are started and killed as a cluster's would be: ``ray start``, and ``kill -9`` of all that such a command started.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from thinkcurve.records import Attempt
from thinkcurve.run import load_run
from thinkcurve.segments import journal_parts
from thinkcurve.store import read_events
from thinkcurve.tables import attempts_path

pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")

BUSY = '''
import asyncio, hashlib, os, time
from pathlib import Path
from thinkcurve_backends.scripted import Asked, ScriptedBackend

def open_backend(what, *, open_s=0.0, slow_s=0.0, rounds=0, slots=4, deadly="", hangs="", fatal_if="", seen=""):
    """open_s: how long it takes to open; rounds: of hashing, for each piece generated; deadly: kills the process that
    is asked it; hangs: a file that the first who is asked anything makes, never to answer; fatal_if: a file that, while
    it is there, makes the model unreachable; seen: a file that is told which GPUs the process sees."""
    from thinkcurve.errors import BackendError
    time.sleep(open_s)
    if seen:
        with open(seen, "a") as told:
            told.write(os.environ.get("CUDA_VISIBLE_DEVICES", "none") + "\\n")
    async def answer(asked: Asked) -> str:
        if deadly and deadly in asked.prompt:
            os._exit(9)
        if hangs and not Path(hangs).exists():
            Path(hangs).touch()
            await asyncio.sleep(1e6)
        if fatal_if and Path(fatal_if).exists():
            raise BackendError("the server is gone", is_fatal=True)
        if slow_s:
            await asyncio.sleep(slow_s)
        if rounds:
            hashlib.pbkdf2_hmac("sha256", asked.prompt.encode(), b"salt", rounds)
        digest = hashlib.sha256(f"{asked.prompt} {asked.seed if asked.temperature else ''}".encode()).hexdigest()
        whole = digest[: int(digest[:4], 16) % 40]
        if asked.wants_thinking:
            return whole
        number = int(asked.prompt.split()[1])
        return f"\\\\boxed{{{2 * number if asked.thinking == whole else -len(asked.thinking) - 1}}}"
    return ScriptedBackend(answer, name="busy", concurrency=slots)
'''
ENTRY_POINTS = "[thinkcurve.backends]\nbusy = busy_model:open_backend\n"
START_S = 240.0


def environment(folder: Path) -> dict[str, str]:
    """What nodes and drivers are started with: the model ``busy`` is installed there, Ray asks nobody for a token."""
    plugin = folder / "plugin"
    if not plugin.exists():
        made = plugin / "busy_model-1.dist-info"
        made.mkdir(parents=True)
        (plugin / "busy_model.py").write_text(BUSY)
        (made / "METADATA").write_text("Metadata-Version: 2.1\nName: busy-model\nVersion: 1\n")
        (made / "entry_points.txt").write_text(ENTRY_POINTS)
    path = os.pathsep.join(part for part in (str(plugin), os.environ.get("PYTHONPATH", "")) if part)
    return os.environ | {
        "PYTHONPATH": path,
        "CLUSTER_LOGS": str(folder),
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
        "RAY_health_check_initial_delay_ms": "0",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "2000",
        "RAY_health_check_failure_threshold": "2",
        "COLUMNS": "80",
    }


class Node:
    """One Ray node: ``ray start`` and all that it started."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        ray = Path(sys.executable).with_name("ray")
        what = ("--block", "--object-store-memory=80000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1")
        command = [str(ray), "start", *what, *arguments]
        with (Path(env["CLUSTER_LOGS"]) / f"node-{time.monotonic_ns()}.log").open("wb") as log:
            self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        self._prefer(-10)  # Ray gives up on a node whose agent takes more than 15 s to start, however busy the machine

    def settle(self) -> None:
        """It is up, and takes its turn as everybody does."""
        self._prefer(0)

    def _prefer(self, niceness: int) -> None:
        """Where we may: of the session, which is what Linux shares time out to (man 7 sched, autogroup)."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(niceness))

    def processes(self) -> list[Any]:
        """Every process of the node."""
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def workers(self) -> list[Any]:
        """The processes of thinkcurve's workers on it."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if any("ray::Worker" in part for part in process.cmdline()):
                    found.append(process)
        return found

    def kill(self) -> None:
        """As a loss of power would: everything at once."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()


class Cluster:
    """A head that carries nothing out, and nodes that do."""

    def __init__(self, folder: Path) -> None:
        self.env = environment(folder)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.head: Node | None = None
        self.nodes: list[Node] = []
        self.cpus, self.gpus = 1, 0

    def start(self, *, cpus: int = 1, gpus: int = 0, nodes: int = 2) -> None:
        """Start it, and wait until it is whole. GPUs are only counted."""
        self.cpus, self.gpus = cpus, gpus
        self.head = Node(
            self.env, "--head", f"--port={self.port}", "--num-cpus=0", "--num-gpus=0", "--include-dashboard=false"
        )
        wait_until(lambda: listens(self.port) or not self.head_runs(), "the head did not come up")
        for _ in range(nodes):
            self.add()
        self.wait()

    def add(self, *arguments: str) -> Node:
        """One more node."""
        has = (f"--num-cpus={self.cpus}", f"--num-gpus={self.gpus}")
        node = Node(self.env, f"--address={self.address}", *has, *arguments)
        self.nodes.append(node)
        return node

    def alive(self) -> int:
        """Nodes that the head knows, itself left out."""
        return len(self.node_ids())

    def node_ids(self) -> list[str]:
        """The ids of those nodes."""
        from ray._private.state import GlobalState
        from ray._raylet import GcsClientOptions

        state = GlobalState()
        options = GcsClientOptions.create(self.address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
        state._initialize_global_state(options)
        nodes = [node for node in state.node_table() if node["Alive"]]
        return [node["NodeID"] for node in nodes if "node:__internal_head__" not in node["Resources"]]

    def drain(self, node: str, within_s: int = 120) -> "subprocess.CompletedProcess[str]":
        """Tell Ray that a node will be taken away, as an autoscaler does."""
        ray = Path(sys.executable).with_name("ray")
        words = [str(ray), "drain-node", f"--address={self.address}", f"--node-id={node}"]
        words += ["--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=test"]
        return carry_out([*words, f"--deadline-remaining-seconds={within_s}"], self.env)

    def head_runs(self) -> bool:
        """Whether the head's command has not ended."""
        return self.head is not None and self.head.process.poll() is None

    def wait(self) -> None:
        """Until every node is known to the head."""
        wait_until(self._is_whole, "the nodes did not come up")
        for node in (self.head, *self.nodes):
            if node is not None:
                node.settle()

    def _is_whole(self) -> bool:
        """Whether all nodes are known; one that did not start is started again."""
        if not self.head_runs():
            raise TimeoutError("the head did not come up")
        for node in [node for node in self.nodes if node.process.poll() is not None]:
            node.kill()
            self.nodes.remove(node)
            self.add()
        return self.alive() >= len(self.nodes)

    def close(self) -> None:
        """Kill all of it."""
        for node in (*self.nodes, self.head):
            if node is not None:
                node.kill()
        self.nodes, self.head = [], None


@contextlib.contextmanager
def cluster(folder: Path, **options: int) -> Iterator[Cluster]:
    """A cluster that is up, and gone afterwards."""
    made = Cluster(folder)
    try:
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                made.start(**options)
                break
            made.close()
        yield made
    finally:
        made.close()


def wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait for something, for as long as a node may take to start on a busy machine."""
    until = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(otherwise)
        time.sleep(0.2)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def problems(path: Path, n: int) -> Path:
    """A file of ``n`` problems."""
    lines = (json.dumps({"question": f"double {i}", "answer": str(2 * i)}) for i in range(n))
    path.write_text("\n".join(lines) + "\n")
    return path


def command(task: Path, run: Path, *arguments: str) -> list[str]:
    """The command of a study on ``busy``."""
    start = [sys.executable, "-c", "from thinkcurve.cli.main import main; main()", "run", "-m", "busy:model"]
    study = ["-t", str(task), "--budgets", "0,4,8,16,64", "--answer-tokens", "32", "--progress", "plain"]
    return [*start, *study, "-o", str(run), *arguments]


def carry_out(words: list[str], env: dict[str, str], timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    """A command until its end."""
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=timeout_s)


def end(process: subprocess.Popen[str]) -> None:
    """``kill -9`` a driver, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.wait()


def size(run: Path) -> int:
    """Bytes of a run's journal."""
    return sum(part.stat().st_size for part in journal_parts(run)) if run.exists() else 0


def same_table(run: Path, calm: Path) -> None:
    """Every attempt once, and all of it but the times as in the undisturbed run."""
    times = ["wall_s", "verify_cpu_s", "joules"]
    order = [(name, "ascending") for name in ("model", "problem", "sample", "budget")]
    one, other = (pq.read_table(attempts_path(path)).drop(times).sort_by(order) for path in (calm, run))
    assert one.equals(other)
    keys = [tuple(row.values()) for row in other.select(["model", "problem", "sample", "budget"]).to_pylist()]
    assert len(keys) == len(set(keys)) > 0
    assert load_run(run).failures.empty
    made = [event.key for event in read_events(run) if isinstance(event, Attempt)]
    print(run.name, f"{len(made) - len(set(made))} of {len(made)} attempts were made twice")
