"""The same prompts to the same local server through other harnesses, side by side: wall and CPU time a request.

The server (`server_instant`) answers after 20 ms, one process for each run, not counted. Every harness keeps as many
requests open, makes one a sample, extracts and compares the answer and writes a record of every sample; it evaluates
one sample before its clock starts, so that no import counts. They take turns, so that what else the machine does falls
on all; medians are shown, of inspect-ai its one run, which takes minutes. Nothing is asserted on time; that the work
was done is.

Other harnesses may live in another environment: ``THINKCURVE_PEERS`` names its interpreter.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from measure import Measured, children_cpu_s, script
from samples import ACCURACY, N_PEERS
from server_instant import served

PEERS = os.environ.get("THINKCURVE_PEERS") or sys.executable
CONCURRENCY, LATENCY_S = 32, 0.02


@dataclass(frozen=True, slots=True)
class Harness:
    """A harness, what it asks for, and the script that does the work."""

    distribution: str
    asks: str
    path: str
    script: str
    python: str = PEERS
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    rounds: int = 3


CHAT = "/v1/chat/completions"
HARNESSES = [
    Harness("thinkcurve", "chat, streamed", CHAT, "work_remote_ours.py", sys.executable, ("stream",)),
    Harness("thinkcurve", "chat", CHAT, "work_remote_ours.py", sys.executable, ("whole",)),
    Harness("lm-eval", "completion", "/v1/completions", "work_remote_lm_eval.py", needs=("aiohttp", "tenacity")),
    Harness("inspect-ai", "chat", CHAT, "work_remote_inspect.py", needs=("openai",), rounds=1),
]


@pytest.mark.benchmark(timer=children_cpu_s)
def test_the_same_requests_of_one_server(benchmark: Any, report: Callable[..., None], tmp_path: Path) -> None:
    found: dict[Harness, list[Measured]] = {harness: [] for harness in HARNESSES if version(harness)}

    def in_turns() -> None:
        for turn in range(max(harness.rounds for harness in found)):
            for harness, runs in found.items():
                if turn < harness.rounds:
                    runs.append(measured(harness, tmp_path))

    benchmark.pedantic(in_turns)
    first: dict[str, float] = {}
    for harness, runs in found.items():
        cpu_ms, wall_ms = (1000 * _median(runs, name) / N_PEERS for name in ("work_s", "wall_s"))
        row = {
            "cpu_ms_a_request": cpu_ms,
            "cpu_times_ours": cpu_ms / first.setdefault("cpu", cpu_ms),
            "wall_ms_a_request": wall_ms,
            "wall_times_ours": wall_ms / first.setdefault("wall", wall_ms),
            "most_open": _median(runs, "most_open"),
            "peak_mb": _median(runs, "peak_mb"),
            "disk_mb": _median(runs, "disk_mb"),
        }
        name = f"{harness.distribution} {version(harness)}"
        benchmark.extra_info[f"{name}, {harness.asks}"] = row
        report(f"one server, {N_PEERS:,} requests, {CONCURRENCY} at once", harness=name, asks=harness.asks, **row)
    if len({harness.distribution for harness in found}) == 1:
        pytest.skip("no other harness is installed: pip install 'lm-eval[api]' inspect-ai openai")


def measured(harness: Harness, home: Path) -> Measured:
    """One run of a harness at a new server, and whether it did the work: every sample asked for, once."""
    with served(LATENCY_S) as server:
        arguments = (server.address, N_PEERS, CONCURRENCY, *harness.arguments)
        run = script(harness.script, *arguments, python=harness.python, HOME=str(home))
        counts = server.counts()
    assert counts["by_path"] == {harness.path: N_PEERS + 1}  # and the one before the clock starts
    assert counts["streamed"] == (N_PEERS + 1 if "streamed" in harness.asks else 0)
    assert (counts["samples"], counts["others"]) == (N_PEERS, 0)
    assert counts["most_open"] <= CONCURRENCY
    run.printed["most_open"] = counts["most_open"]
    assert run.printed["n"] == N_PEERS
    assert run.printed["accuracy"] == pytest.approx(ACCURACY, abs=0.001)
    return run


def _median(runs: list[Measured], name: str) -> float:
    return float(median(run.printed[name] for run in runs))


@cache
def version(harness: Harness) -> str:
    """The version that the harness's interpreter has of it; empty where it or what it needs is not installed."""
    names = (harness.distribution, *harness.needs)
    look = f"from importlib.metadata import version; print([*map(version, {names!r})][0])"
    done = subprocess.run([harness.python, "-c", look], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
