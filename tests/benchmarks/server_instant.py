"""A model server that answers after a fixed time: ``server_instant.py SECONDS`` prints its port and serves.

It speaks completions, chats and responses of the OpenAI API over connections that stay open, whole or streamed, and
gives the reply of the sample that is asked (`samples`), with usage. A stream's parts are spread over the same time that
a whole answer takes. The least that does this, so that the machine's time goes to those who ask; it serves until its
standard input ends. ``/counts`` says what was asked so far.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samples import index_of, sample

MODEL = "instant"
N_PARTS = 5
Document = dict[str, Any]


class Served:
    """A server that was started; ``address`` is where its API is."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.address = f"{self.root}/v1"

    def counts(self) -> Document:
        """How often each path was posted to, the samples asked, what else was asked, and the most open at once."""
        with urllib.request.urlopen(f"{self.root}/counts", timeout=10) as answer:
            found: Document = json.load(answer)
        return found


@contextmanager
def served(latency_s: float) -> Iterator[Served]:
    """A server in a process of its own, whose CPU time nobody is charged with."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(latency_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield Served(int(process.stdout.readline()))
        process.stdin.close()


class Counts:
    """What was asked so far."""

    def __init__(self) -> None:
        self.by_path: Counter[str] = Counter()
        self.streamed = 0
        self.by_sample: Counter[int] = Counter()
        self.others = 0
        self.open = 0
        self.most_open = 0

    def enter(self, path: str, index: int | None, *, stream: bool) -> None:
        """A request came, for a sample or for something else."""
        self.open += 1
        if index is None:
            self.others += 1
            return
        self.by_path[path] += 1
        self.streamed += stream
        self.by_sample[index] += 1
        self.most_open = max(self.most_open, self.open)

    def said(self) -> Document:
        """All of it."""
        asked = self.by_sample.values()
        return {
            "by_path": self.by_path,
            "streamed": self.streamed,
            "n": sum(asked),
            "samples": len(asked),
            "others": self.others,
            "most_open": self.most_open,
        }


class Connection(asyncio.Protocol):
    """One connection, its requests one after another."""

    def __init__(self, latency_s: float, counts: Counts) -> None:
        self.latency_s = latency_s
        self.counts = counts
        self.loop = asyncio.get_running_loop()
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1")
            first, *fields = head.split("\r\n")
            size = next((int(f.partition(":")[2]) for f in fields if f.lower().startswith("content-length:")), 0)
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            method, target, _ = first.split(" ", 2)
            self.asked(method, target, body)

    def asked(self, method: str, path: str, body: bytes) -> None:
        """Answer a request, one that is posted after a while."""
        reply = REPLIES.get(path)
        if method == "GET" and path in ("/counts", "/v1/models"):
            listed = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "nobody"}]}
            self.say(self.counts.said() if path == "/counts" else listed)
        elif method != "POST" or reply is None:
            self.say({"error": {"message": "no such path"}}, "404 Not Found")
        else:
            request = json.loads(body)
            text = body.decode()
            stream = bool(request.get("stream"))
            index = index_of(text) if "Crate " in text else None
            self.counts.enter(path, index, stream=stream)
            said = "hello, world" if index is None else sample(index).reply
            if stream:
                self.stream(list(EVENTS[path](said)))
            else:
                self.loop.call_later(self.latency_s, self.answer, reply(said))

    def answer(self, document: Document) -> None:
        """A whole answer."""
        self.counts.open -= 1
        self.say(document)

    def stream(self, events: list[bytes]) -> None:
        """An answer in parts, the last of them when a whole one would have come."""
        last = len(events) - 1
        for number, event in enumerate(events):
            self.loop.call_later(self.latency_s * (number + 1) / len(events), self.part, event, number, number == last)

    def part(self, event: bytes, number: int, is_last: bool) -> None:
        """One event of a stream, with what stands before the first and after the last."""
        if self.transport.is_closing():
            return
        written = b"%x\r\n%b\r\n" % (len(event), event)
        if number == 0:
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            written = head + written
        if is_last:
            self.counts.open -= 1
            written += b"0\r\n\r\n"
        self.transport.write(written)

    def say(self, document: Document, status: str = "200 OK") -> None:
        """A document, now."""
        raw = json.dumps(document).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + raw)


def usage(said: str) -> Document:
    """A token for every four characters; nobody looks."""
    prompt, generated = 60, len(said) // 4
    return {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated}


def completion(said: str) -> Document:
    """The answer of ``/v1/completions``."""
    choice = {"index": 0, "text": said, "logprobs": None, "finish_reason": "stop"}
    about = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": MODEL}
    return {**about, "choices": [choice], "usage": usage(said)}


def chat(said: str) -> Document:
    """The answer of ``/v1/chat/completions``."""
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    about = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
    return {**about, "choices": [choice], "usage": usage(said)}


def response(said: str) -> Document:
    """The answer of ``/v1/responses``."""
    generated = len(said) // 4
    part = {"type": "output_text", "text": said, "annotations": []}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    used = {
        "input_tokens": 60,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": generated,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 60 + generated,
    }
    about = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": MODEL}
    rest: Document = {
        "error": None,
        "incomplete_details": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return {**about, **rest, "output": [message], "usage": used}


def chat_events(said: str) -> Iterator[bytes]:
    """The same chat in a stream: a role, five parts, an end, the usage, each written on its own."""
    about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    size = -(-len(said) // N_PARTS)
    deltas: list[Document] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": said[at : at + size]} for at in range(0, len(said), size)]
    for delta in deltas:
        yield _event({**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**about, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _event({**about, "choices": [], "usage": usage(said)}) + b"data: [DONE]\n\n"


def _event(document: Document) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


REPLIES: dict[str, Callable[[str], Document]] = {
    "/v1/completions": completion,
    "/v1/chat/completions": chat,
    "/v1/responses": response,
}
EVENTS: dict[str, Callable[[str], Iterator[bytes]]] = {"/v1/chat/completions": chat_events}
"""What is streamed; no harness asks the others so."""


async def main(latency_s: float) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency_s, counts), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    asyncio.run(main(float(sys.argv[1])))
