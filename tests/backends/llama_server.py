"""llama.cpp's own HTTP server in a process of its own, as ``llama-server`` would be started: for tests of a remote one.

Run as a script it listens until it is killed; `started` starts it and waits until it answers.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def started(
    model: Path, *, port: int = 0, key: str = "", slots: int = 4, armed_by: str = ""
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Address and process of a server with ``model``; killed at the end."""
    port = port or free_port()
    command = [sys.executable, __file__, str(model), "--port", str(port), "--slots", str(slots)]
    command += ["--key", key] if key else []
    command += ["--armed-by", armed_by] if armed_by else []
    process = subprocess.Popen(command)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process)
        yield address, process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5) as reply:
            if reply.status == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def main() -> None:
    """Serve until killed."""
    import xllamacpp

    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--key", default="")
    parser.add_argument("--armed-by", default="")
    given = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.port = given.port
    params.n_parallel = given.slots
    params.n_ctx = given.slots * 1024
    params.n_threads_http = given.slots + 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    params.fit_params = False
    params.kv_unified = False
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_extra_bufts = True
    params.sampling.generation_prompt = given.armed_by
    if given.key:
        params.api_keys = [given.key]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
