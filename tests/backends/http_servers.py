"""Servers for tests of remote models: real ones in processes of their own, and one of ours that answers as it is told.

`told` stands in for providers that cannot be asked here. It says what their documentation says, and no more: that a
provider really answers so is not shown by it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import llama_server
import pytest

Answers = dict[str, Any]
"""By path: a document, a status, a list of events for a stream, or a function of the body that gives one of them."""


@contextlib.contextmanager
def mlx(folder: Path) -> Iterator[str]:
    """The address of mlx_lm.server with the checkpoint in ``folder``."""
    if importlib.util.find_spec("mlx_lm") is None:
        pytest.skip("the package mlx_lm is not installed")
    port = llama_server.free_port()
    command = [sys.executable, "-m", "mlx_lm", "server", "--model", str(folder), "--port", str(port)]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder.parent / "hub"), "PYTHONWARNINGS": "ignore"}
    (folder.parent / "hub" / "hub").mkdir(parents=True, exist_ok=True)
    with (folder.parent / "mlx.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health", process)
        yield address
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise RuntimeError("the server did not start")


class Told(ThreadingHTTPServer):
    """Answers by path, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, path: str) -> list[Any]:
        """The bodies that were sent to a path."""
        return [body for where, _, body in self.asked if where == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Told

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))

    def version_string(self) -> str:
        return "told"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, body: Any) -> None:
        self.server.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        found = self.server.answers.get(self.path, 404)
        if isinstance(found, Callable):  # type: ignore[arg-type]
            found = found(body)
        if isinstance(found, int):
            self._send(found, "application/json", json.dumps({"error": {"message": f"status {found}"}}).encode())
        elif isinstance(found, list):
            events = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in found)
            self._send(200, "text/event-stream", events + b"data: [DONE]\n\n")
        else:
            self._send(200, "application/json", json.dumps(found).encode())

    def _send(self, status: int, kind: str, raw: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextlib.contextmanager
def told(answers: Answers) -> Iterator[Told]:
    """A server of ours with these answers."""
    server = Told(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(text: str = "42", **more: Any) -> dict[str, Any]:
    """A whole chat completion; ``more`` goes into message (thinking), choice (finish_reason) and usage."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **more.pop("usage", {})}
    return {"model": "m-1", "choices": [{"message": message, "finish_reason": "stop", **more}], "usage": usage}
