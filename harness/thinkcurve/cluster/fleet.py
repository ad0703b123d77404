"""What is asked of Ray, and nothing else is: connect, look at the nodes, start a worker, ask it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from thinkcurve.cluster.waiting import Waiting
from thinkcurve.cluster.worker import Worker
from thinkcurve.errors import ThinkcurveError, UsageError

INSTALL = "--cluster needs the package 'ray': pip install 'thinkcurve[cluster]'"
NAMESPACE = "thinkcurve"
CONNECT_S = 10.0
ANSWER_S = 30.0
"""How long a head that takes connections may take to say anything."""
SILENT = "it does not answer"
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
"""What a client of HTTP/2, and so of gRPC, begins with (RFC 9113, section 3.4): the server answers with settings."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker takes of a node."""

    cpus: float = 1.0
    gpus: float = 0.0

    def fits(self, resources: Mapping[str, float]) -> int:
        """How many workers a node with these resources has room for."""
        counts = [resources.get(name, 0.0) / need for name, need in (("CPU", self.cpus), ("GPU", self.gpus)) if need]
        return int(min(counts) + 1e-9) if counts else 1

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ""
        return f"{self.cpus:g} CPU{gpus}"


@dataclass(frozen=True, slots=True)
class Node:
    """One node that is alive. ``is_leaving``: it will be taken away, and takes nothing new."""

    id: str
    resources: Mapping[str, float]
    is_leaving: bool = False
    name: str = ""
    """What its machine calls itself: for people, and never written down."""


class WorkerLost(ThinkcurveError):
    """A worker is gone. ``with_node``: so is its node, or it is being taken away; the worker did nothing wrong."""

    def __init__(self, message: str, *, with_node: bool = False) -> None:
        super().__init__(message)
        self.with_node = with_node


@dataclass(eq=False, slots=True)
class Handle:
    """A worker as the driver holds it."""

    actor: Any
    node: str = ""
    shard: str = ""
    is_leaving: bool = False
    """Its node will be taken away: it gets nothing new."""
    is_ready: bool = False
    """It may be handed chunks."""
    pid: int = 0
    """Its process, once it has one."""
    waiting: Waiting = field(default_factory=Waiting)

    def named(self, host: str) -> str:
        """Where a user finds it."""
        return f"pid {self.pid} on {host or 'a node'}"


class Fleet:
    """A connection to a Ray cluster. Raises `UsageError` where there is none at ``address``."""

    def __init__(self, address: str) -> None:
        ray = import_ray()
        if address.startswith("ray://"):
            raise UsageError(
                f"--cluster {address}: the driver runs on a node of the cluster, not through Ray Client; "
                "give HOST:PORT of its head"
            )
        if address != "local":
            _check_listens(address, _head_of(address))
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        more: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
        try:
            with _sigterm_kept():
                ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="critical", **more)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(_no_cluster(address, str(error))) from error
        self._ray = ray

    def close(self) -> None:
        """Leave the cluster; Ray ends what workers are left."""
        self._ray.shutdown()

    def nodes(self) -> list[Node]:
        """The nodes that are alive. Asks Ray, so call it in a thread."""
        leaving = self._leaving()
        return [
            Node(node["NodeID"], node["Resources"], node["NodeID"] in leaving, node.get("NodeManagerHostname", ""))
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def _leaving(self) -> Mapping[str, int]:
        """Nodes that are to be taken away (preempted, scaled down), as Ray's own libraries learn of them."""
        state = getattr(getattr(self._ray, "_private", None), "state", None)
        ask = getattr(getattr(state, "state", None), "get_draining_nodes", None)
        return ask() or {} if ask else {}

    def start(self, share: Share, node: str = "") -> Handle:
        """A worker, placed on ``node``, or by Ray as soon as there is room. It is not started again where it dies."""
        options: dict[str, Any] = {
            "num_cpus": share.cpus,
            "num_gpus": share.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": 1000,
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(max(1, int(share.cpus)))}},
        }
        if node:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node, soft=False)
        return Handle(self._ray.remote(Worker).options(**options).remote(), node)

    async def ask(self, handle: Handle, method: str, *args: Any) -> Any:
        """What a worker answers. Raises `WorkerLost`, or what went wrong in the worker."""
        from ray.exceptions import RayError, RayTaskError

        try:
            return await getattr(handle.actor, method).remote(*args)
        except RayTaskError as error:
            cause = getattr(error, "cause", None)
            raise (cause if isinstance(cause, Exception) else error) from None
        except RayError as error:  # died, cannot be reached, cannot be placed
            raise WorkerLost(_words(error), with_node=await asyncio.to_thread(self._is_gone, handle)) from None

    def ask_now(self, handle: Handle, method: str, *args: Any, meanwhile: Callable[[], None] = lambda: None) -> Any:
        """The same for callers that cannot wait for anything else; ``meanwhile`` is called every second until then."""
        from ray.exceptions import GetTimeoutError, RayActorError

        reference = getattr(handle.actor, method).remote(*args)
        while True:
            try:
                return self._ray.get(reference, timeout=1.0)
            except GetTimeoutError:
                _stop_if_cancelled()
                meanwhile()
            except RayActorError as error:
                raise WorkerLost(_words(error)) from None

    def _is_gone(self, handle: Handle) -> bool:
        alive = {node.id for node in self.nodes() if not node.is_leaving}
        return bool(handle.node) and handle.node not in alive

    def kill(self, handle: Handle) -> None:
        """End a worker at once."""
        self._ray.kill(handle.actor, no_restart=True)


def import_ray() -> Any:
    """Ray, or a `UsageError` that says what to install."""
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise UsageError(INSTALL) from error
    return ray


def _stop_if_cancelled() -> None:
    """A first Ctrl-C cancels the task of the event loop; where nothing is awaited, somebody has to look."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself and makes exit code 15 of it, also of one that comes while it connects; whoever had
    it gets it back."""
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    is_lost = False
    try:
        yield
    except SystemExit:
        is_lost = True
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        if is_lost:
            signal.raise_signal(signal.SIGTERM)


def _head_of(address: str) -> str:
    """The address that ``auto`` means, as Ray finds it: ``RAY_ADDRESS``, else the node that runs here."""
    if address != "auto":
        return address
    from ray._private import utils

    read = getattr(utils, "read_ray_address", None)
    return os.environ.get("RAY_ADDRESS") or (read() if read else None) or ""


def _check_listens(address: str, head: str) -> None:
    """Refuse a head that takes no connections or answers none: Ray itself tries for minutes, deaf to signals."""
    host, _, port = head.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(_no_cluster(address, "that is not HOST:PORT, auto or local"))
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S) as asked:
            asked.settimeout(ANSWER_S)
            asked.sendall(HELLO)
            with contextlib.suppress(ConnectionError):  # as a head does that wants TLS: it is alive
                asked.recv(1)
    except TimeoutError as error:
        raise UsageError(_no_cluster(address, SILENT)) from error
    except (OSError, OverflowError) as error:
        raise UsageError(_no_cluster(address, str(error))) from error


def _no_cluster(address: str, why: str) -> str:
    if address == "auto" and why != SILENT:
        return "--cluster auto: no Ray cluster runs here; start one (ray start --head), or give --cluster local"
    return f"--cluster {address}: cannot connect ({' '.join(why.split())[:200]})"


def _words(error: Exception) -> str:
    """What Ray says of a death, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("class_name", "actor_id", "pid", "namespace", "ip", "name"))]
    return " ".join(told)[:400] or type(error).__name__
