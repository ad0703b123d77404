"""A server of ours that puts the key it was sent into all that it says: for tests that nothing of it is kept."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-do-not-keep-0123456789abcdef"


@contextlib.contextmanager
def started(mood: str) -> Iterator[str]:
    """Its address. Moods: ``fine`` answers, ``refusing`` says 400, ``locked`` 401, ``broken`` is no JSON."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Echoing", (_Echoing,), {"mood": mood}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Echoing(BaseHTTPRequestHandler):
    mood = "fine"
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""

    def _key(self) -> str:
        return self.headers.get("authorization", "") or self.headers.get("x-api-key", "")

    def _reply(self, status: int, content: object) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-request-id", self.path.rpartition("/")[2])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """The only model; nothing else is known, so that no server's kind is found."""
        if self.mood == "locked":
            self._reply(401, {"error": {"message": f"bad key {self._key()}"}})
        elif self.path.endswith("/models") or "/models/" in self.path:
            card = {"id": "m", "object": "model", "type": "model", "display_name": self._key(), "created": 1}
            card |= {"created_at": "2026-01-01T00:00:00Z", "owned_by": self._key(), "max_tokens": 4096}
            self._reply(200, card if "/models/" in self.path else {"object": "list", "data": [card], "has_more": False})
        else:
            self._reply(404, {"error": {"message": f"nothing here for {self._key()}"}})

    def do_POST(self) -> None:
        """One reply in the shape of the API that is asked, whole."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.mood == "locked":
            self._reply(401, {"error": {"message": f"bad key {self._key()}"}})
        elif self.mood == "refusing":
            self._reply(400, {"error": {"message": f"cannot do this for {self._key()}", "type": "invalid_request"}})
        elif self.mood == "broken":
            self._reply(200, f"<html>{self._key()}".encode())
        elif self.path.endswith("/messages"):
            usage = {"input_tokens": 3, "output_tokens": 2}
            block = {"type": "text", "text": "\\boxed{4}"}
            self._reply(200, _message(block, usage))
        else:
            message = {"role": "assistant", "content": "\\boxed{4}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            known = {"id": self._key(), "object": "chat.completion", "created": 1, "model": "m"}
            self._reply(200, {**known, "choices": [choice], "usage": usage})


def _message(block: dict[str, str], usage: dict[str, int]) -> dict[str, object]:
    return {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [block],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
