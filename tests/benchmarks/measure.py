"""CPU and memory of fresh processes. Wall time, which other work on the machine changes and CPU time hardly notices, is
read only where a server is waited for."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished process: user and system seconds with those of its children, and the JSON that it printed last."""

    cpu_s: float
    printed: dict[str, Any]


def children_cpu_s() -> float:
    """User and system seconds of all finished child processes: the clock of these benchmarks."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def own_cpu_s() -> float:
    """User and system seconds of this process and its finished children, its own start included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + children_cpu_s()


def family_cpu_s() -> float:
    """`own_cpu_s` with what living descendants have used so far (to 10 ms each): a pool that still waits for work."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        pid = int(path.parent.name)
        parents[pid], ticks[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    living = sum(ticks[pid] for pid in family - {os.getpid()})
    return own_cpu_s() + living / os.sysconf("SC_CLK_TCK")


class Clock:
    """What a piece of work takes from here on: wall seconds, and CPU seconds as in `family_cpu_s`."""

    def __init__(self) -> None:
        self._cpu_s = family_cpu_s()
        self._began_s = time.perf_counter()

    def read(self) -> dict[str, float]:
        """So far, as ``wall_s`` and ``work_s``."""
        wall_s = time.perf_counter() - self._began_s
        return {"wall_s": wall_s, "work_s": family_cpu_s() - self._cpu_s}


def own_peak_mb() -> float:
    """The most memory this process ever held, in MiB.

    Linux counts what a parent held before ``exec`` into ``ru_maxrss``, so ``VmHWM`` is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def fresh(arguments: Sequence[str], python: str = sys.executable, **variables: str) -> Measured:
    """Run an interpreter with ``arguments`` to its end. Raises `RuntimeError` with the end of its errors."""
    before = children_cpu_s()
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, env={**os.environ, **variables}, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return Measured(children_cpu_s() - before, _last_json(done.stdout))


def script(name: str, *arguments: object, python: str = sys.executable, **variables: str) -> Measured:
    """Run a script of this directory in a fresh interpreter."""
    return fresh([str(HERE / name), *map(str, arguments)], python, **variables)


def median_cpu_s(arguments: Sequence[str], times: int = 7) -> float:
    """The median CPU seconds of several fresh interpreters, after one that fills the caches."""
    fresh(arguments)
    return statistics.median(fresh(arguments).cpu_s for _ in range(times))


def _last_json(text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    printed: dict[str, Any] = json.loads(lines[-1])
    return printed
