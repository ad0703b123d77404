"""A real vLLM for the slow suites: its OpenAI server in a process of its own, with a checkpoint in float32.

``THINKCURVE_VLLM`` is the Python of an environment with vLLM; `vllm_environment.md` says how it is made.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PYTHON = os.environ.get("THINKCURVE_VLLM", "")
SMALL = {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1"}
"""One thread and a small cache: what a build for CPUs needs on a small machine; others take no notice."""
UNTOLD = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
BUDGETS = ("--reasoning-config", json.dumps({"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}))
COUNTS = ("--enable-prompt-tokens-details",)
ENGINE_ARGS = json.dumps({"block_size": 32, "kv_cache_memory_bytes": 1 << 29})
"""For an engine in process; on a CPU a block of the cache is else 128 tokens, more than most prompts here."""
PATIENCE_S = 300


def needs_vllm() -> None:
    """Skip the test where no environment with vLLM is named."""
    if not PYTHON:
        pytest.skip("THINKCURVE_VLLM names no Python with vLLM")


@contextlib.contextmanager
def serving(folder: Path, *more: str, name: str = "tiny", port: int = 0) -> Iterator[tuple[str, int]]:
    """Address and process group of a server with the checkpoint in ``folder``; killed at the end.

    The module is run, not the command ``vllm``: that one looks for a distribution of its own name, which the build
    for CPUs does not have.
    """
    needs_vllm()
    port = port or free_port()
    command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--served-model-name", name, "--dtype", "float32", "--max-model-len", "1024"]
    command += ["--max-num-seqs", "8", "--block-size", "32", "--enforce-eager", *more]
    log = folder.parent / f"vllm-{port}.log"
    with log.open("wb") as file:
        started = subprocess.Popen(
            command, stdout=file, stderr=file, env={**os.environ, **SMALL, **UNTOLD}, start_new_session=True
        )
    try:
        _wait_for(port, started, log)
        yield f"http://127.0.0.1:{port}", started.pid
    finally:
        kill(started.pid)
        started.wait()


def kill(group: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a server and all processes of its engine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, how)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, started: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and started.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        time.sleep(0.5)
    raise RuntimeError(f"vLLM did not start: {log.read_text(errors='replace')[-2000:]}")
