"""A server of ours that answers as OpenAI does, for what no real server on a test machine has.

Reasoning items with summaries or encrypted content, refusals, filters, OpenAI's errors, batches with their files. It is
ours, not OpenAI's: every answer is built of the types of OpenAI's SDK (`openai.types`), so that shapes are right, and
what it says when it refuses are OpenAI's own sentences as users have quoted them.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai.types import Batch, BatchRequestCounts, FileObject, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseCreatedEvent,
    ResponseFailedEvent,
    ResponseIncompleteEvent,
    ResponseOutputItemDoneEvent,
    ResponseTextDeltaEvent,
)

KEY = "sk-proj-Vq3nWm8ZsYtR2uXb"
MODELS = ("gpt-5.1", "gpt-5.1-mini", "o4-mini")
SNAPSHOT = "gpt-5.1-2025-11-13"


@dataclass
class Reply:
    """What is said to one request: a document, or events with ``kind`` text/event-stream."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] | None = None
    raw: bytes | None = None
    kind: str = "application/json"
    wait_s: float = 0.0


def error(status: int, message: str, code: str | None = None, param: str | None = None, **headers: str) -> Reply:
    """A refusal in OpenAI's shape."""
    said = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Reply({"error": said}, status, {name.replace("_", "-"): value for name, value in headers.items()})


def message(*parts: dict[str, Any], phase: str | None = None) -> dict[str, Any]:
    """An output message of text and refusal parts."""
    return {
        "type": "message",
        "id": "m1",
        "role": "assistant",
        "status": "completed",
        "content": [*parts],
        "phase": phase,
    }


def text(what: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "output_text", "text": what, "annotations": []}


def refused(what: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "refusal", "refusal": what}


def reasoning(*summary: str, encrypted: str | None = None, raw: str = "") -> dict[str, Any]:
    """A reasoning item."""
    content = [{"type": "reasoning_text", "text": raw}] if raw else None
    parts = [{"type": "summary_text", "text": part} for part in summary]
    return {"type": "reasoning", "id": "r1", "summary": parts, "content": content, "encrypted_content": encrypted}


def response(*output: dict[str, Any], thinking: int = 0, answer: int = 5, **fields: Any) -> dict[str, Any]:
    """A response as OpenAI sends it, checked by the SDK's own type."""
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4},
        "output_tokens": thinking + answer,
        "output_tokens_details": {"reasoning_tokens": thinking},
        "total_tokens": 30 + thinking + answer,
    }
    whole = {
        **{"id": "resp_1", "object": "response", "created_at": 1.0, "model": SNAPSHOT, "status": "completed"},
        **{"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage, "output": list(output)},
        **fields,
    }
    return Response.model_validate(whole).model_dump(mode="json")


def streamed(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a response: begun, each text, each item, the end."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "error": None, "incomplete_details": None}
    events: list[Any] = [ResponseCreatedEvent(type="response.created", response=begun, sequence_number=0)]
    for place, item in enumerate(whole["output"]):
        for part in (item.get("content") or []) if item["type"] == "message" else []:
            for letter in part.get("text") or "":
                events.append(
                    ResponseTextDeltaEvent(
                        **{"type": "response.output_text.delta", "delta": letter, "item_id": "m1", "logprobs": []},
                        **{"content_index": 0, "output_index": place, "sequence_number": len(events)},
                    )
                )
        events.append(
            ResponseOutputItemDoneEvent(
                type="response.output_item.done", item=item, output_index=place, sequence_number=len(events)
            )
        )
    end: Any = {
        "completed": ResponseCompletedEvent,
        "incomplete": ResponseIncompleteEvent,
        "failed": ResponseFailedEvent,
    }[whole["status"]]
    events.append(end(type=f"response.{whole['status']}", response=whole, sequence_number=len(events)))
    return [event.model_dump(mode="json") for event in events]


def completion(content: str | None, *, thinking: int = 0, answer: int = 5, **choice: Any) -> dict[str, Any]:
    """A chat completion as OpenAI sends it, checked by the SDK's own type."""
    said = {"role": "assistant", "content": content, "refusal": choice.pop("refusal", None)}
    usage = {
        **{"prompt_tokens": 30, "completion_tokens": thinking + answer, "total_tokens": 30 + thinking + answer},
        "prompt_tokens_details": {"cached_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": thinking},
    }
    whole = {
        **{"id": "c1", "object": "chat.completion", "created": 1, "model": SNAPSHOT, "system_fingerprint": "fp_1"},
        "choices": [{"index": 0, "message": said, "finish_reason": "stop", "logprobs": None, **choice}],
        "usage": usage,
    }
    return ChatCompletion.model_validate(whole).model_dump(mode="json")


def chunks(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a chat completion, the last with usage alone."""
    choice = whole["choices"][0]
    letters: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    letters += [{"content": letter} for letter in choice["message"]["content"] or ""]
    letters += [{"refusal": choice["message"]["refusal"]}] if choice["message"].get("refusal") else []
    parts = [{"index": 0, "delta": delta, "finish_reason": None} for delta in letters]
    parts.append({"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]})
    frame = {**{name: whole[name] for name in ("id", "created", "model")}, "object": "chat.completion.chunk"}
    frame["system_fingerprint"] = whole["system_fingerprint"]
    found = [{**frame, "choices": [part]} for part in parts] + [{**frame, "choices": [], "usage": whole["usage"]}]
    return [ChatCompletionChunk.model_validate(chunk).model_dump(mode="json") for chunk in found]


Say = Callable[[str, dict[str, Any]], Reply]


@dataclass
class Served:
    """The server's state: ``say`` answers a path and body, ``heard`` is all that came."""

    url: str = ""
    say: Say = lambda path, body: Reply(response(message(text("42"))))
    heard: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    has_models: bool = True
    n_connections: int = 0

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was posted to ``path``."""
        return [body for method, there, _, body in self.heard if method == "POST" and there == path]

    def make_batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Carry a batch out at once, each line by `say`."""
        good, bad = [], []
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        for number, line in enumerate(lines):
            reply = self.say(line["url"].removeprefix("/v1"), line["body"])
            result = {"status_code": reply.status, "request_id": f"q{number}", "body": reply.document}
            kept = good if reply.status == 200 else bad
            kept.append({"id": f"b{number}", "custom_id": line["custom_id"], "response": result, "error": None})
        number = len(self.batches)
        made = {
            **{"id": f"batch_{number}", "object": "batch", "endpoint": asked["endpoint"], "status": "completed"},
            **{"completion_window": "24h", "created_at": 1, "input_file_id": asked["input_file_id"]},
            "request_counts": BatchRequestCounts(completed=len(good), failed=len(bad), total=len(lines)),
        }
        for name, kept in (("output_file_id", good), ("error_file_id", bad)):
            if kept:
                made[name] = f"{name}-{number}"
                self.files[made[name]] = b"".join(json.dumps(line).encode() + b"\n" for line in kept)
        self.batches[made["id"]] = Batch.model_validate(made).model_dump(mode="json")
        return self.batches[made["id"]]


@contextlib.contextmanager
def serving() -> Iterator[Served]:
    """A server on this machine, its ``url`` with ``/v1``."""
    served = Served()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: Served
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.served.n_connections += 1

    def do_GET(self) -> None:
        self._hear("GET", b"")
        if self._lets_in():
            self._send(self._got(self.path.removeprefix("/v1")))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        body = raw if self.headers["content-type"].startswith("multipart/") else json.loads(raw)
        self._hear("POST", body)
        if self._lets_in():
            self._send(self._posted(self.path.removeprefix("/v1"), body))

    def _hear(self, method: str, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.served.heard.append((method, self.path.removeprefix("/v1"), headers, body))

    def _lets_in(self) -> bool:
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        if given != KEY:  # what OpenAI shows of a key is longer than it should be: here, all of it
            self._send(
                error(401, f"Incorrect API key provided: {given}. You can find your API key at ...", "invalid_api_key")
            )
        return given == KEY

    def _got(self, path: str) -> Reply:
        _, kind, *rest = path.split("/")
        models = [Model(id=name, created=1, object="model", owned_by="openai") for name in MODELS]
        if kind == "models" and self.served.has_models:
            if not rest:
                return Reply({"object": "list", "data": [model.model_dump(mode="json") for model in models]})
            for model in models:
                if model.id == rest[0]:
                    return Reply(model.model_dump(mode="json"))
            return error(
                404, f"The model '{rest[0]}' does not exist or you do not have access to it.", "model_not_found"
            )
        if kind == "batches" and rest[0] in self.served.batches:
            return Reply(self.served.batches[rest[0]])
        if kind == "files" and rest[0] in self.served.files:
            return Reply(raw=self.served.files[rest[0]], kind="application/octet-stream")
        return error(404, f"No such object: {path}")

    def _posted(self, path: str, body: Any) -> Reply:
        if path == "/files":
            lines = body.partition(b'filename="')[2].partition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
            name = f"file-{len(self.served.files)}"
            self.served.files[name] = lines
            made = FileObject(
                **{"id": name, "bytes": len(lines), "created_at": 1, "filename": "thinkcurve.jsonl", "object": "file"},
                **{"purpose": "batch", "status": "processed"},
            )
            return Reply(made.model_dump(mode="json"))
        if path == "/batches":
            return Reply(self.served.make_batch(body))
        reply = self.served.say(path, body)
        if body.get("stream") and reply.status == 200 and reply.events is None and reply.raw is None:
            reply.events = streamed(reply.document) if path == "/responses" else chunks(reply.document)
        return reply

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.wait_s)
        kind, raw = reply.kind, json.dumps(reply.document).encode()
        if reply.events is not None:
            kind = "text/event-stream"
            raw = b"".join(
                (f"event: {event['type']}\n".encode() if "type" in event else b"")
                + f"data: {json.dumps(event)}\n\n".encode()
                for event in reply.events
            )
            raw += b"" if self.path.endswith("/responses") else b"data: [DONE]\n\n"
        raw = raw if reply.raw is None else reply.raw
        self.send_response(reply.status)
        for name, value in {"content-type": kind, "content-length": str(len(raw)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
