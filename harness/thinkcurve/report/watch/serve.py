"""The live page on this machine's own loopback address: two paths, read only, nobody else's name.

Requests under another name than the loopback's are refused, so that no page of the web reads it by making its own name
point here (DNS rebinding). It shows counts and the words of failures; no question, no answer.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.report.watch.data import state_of
from thinkcurve.report.watch.follow import Follower
from thinkcurve.report.watch.page import watch_page

HOST = "127.0.0.1"


class WatchServer(ThreadingHTTPServer):
    """Serves the page of one run; ``port`` 0 takes a free one. Raises `UsageError` where the port is taken."""

    daemon_threads = True

    def __init__(self, follower: Follower, port: int = 0) -> None:
        self.follower = follower
        self._lock = threading.Lock()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UsageError(f"cannot serve on port {port}: {error.strerror}; --port 0 takes a free one") from error

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def state(self) -> dict[str, Any]:
        """The state of the run now; one reader at a time."""
        with self._lock:
            self.follower.look()
            return state_of(self.follower)


class _Handler(BaseHTTPRequestHandler):
    @property
    def watched(self) -> WatchServer:
        """The server, as what it is."""
        assert isinstance(self.server, WatchServer)
        return self.server

    def do_GET(self) -> None:  # the name that http.server calls
        """The page, its state, or a refusal."""
        hosts = {f"{name}:{self.watched.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host", "") not in hosts:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"ask for this page by its own address")
        elif self.path == "/state.json":
            self._state()
        elif self.path == "/":
            self._page()
        elif self.path == "/favicon.ico":
            self._send(HTTPStatus.NO_CONTENT, "image/x-icon", b"")
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there are / and /state.json")

    def _state(self) -> None:
        try:
            status, found = HTTPStatus.OK, self.watched.state()
        except ThinkcurveError as error:
            status, found = HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}
        self._send(status, "application/json", json.dumps(found, allow_nan=False).encode("ascii"))

    def _page(self) -> None:
        try:
            state = self.watched.state()
        except ThinkcurveError as error:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", str(error).encode())
            return
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", watch_page(state["name"], state).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # the name that http.server gives it
        """Say nothing of requests."""
