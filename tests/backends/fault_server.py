"""A server of OpenAI's shapes that fails by a seeded script, and counts what it served whole. It is ours, for tests.

It runs in a process of its own, so that a test can measure the CPU time of the client alone. Each request holds ``#N#``
in its last message; N and how often it was asked before decide what happens: first faults, at most ``most_faults`` of
them, then the outcome of N, which is always the same. ``GET /counts`` tells what was served.
"""

import asyncio
import hashlib
import json
import re
import socket
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

FAULTS = (
    "429",
    "429 and when",
    "500",
    "502",
    "529",
    "reset",
    "truncated",
    "wrong type",
    "silence",
    "no choices",
    "no end",
    "error event",
)
FINAL = ("filtered", "refused", "bad request", "cut in thinking")
MOST_TOKENS = 100
"""What every request is taken to have as ``max_tokens``."""
NUMBER = re.compile(rb"#(\d+)#")


class Script(msgspec.Struct, frozen=True):
    """What happens how often. ``capacity`` requests at once are served, more are told 429; 0 is any number."""

    seed: int = 0
    fault_rate: float = 0.25
    most_faults: int = 3
    faults: tuple[str, ...] = FAULTS
    final_rate: float = 0.08
    doubled_rate: float = 0.1
    """How many streams say their last events twice."""
    silence_s: float = 0.0
    """How long a silent server is silent before it hangs up; 0 is for ever."""
    delay_s: float = 0.0
    retry_after: str = "0.05"
    capacity: int = 0

    def draw(self, *what: object) -> float:
        """A number in [0, 1) that is always the same for ``what``."""
        digest = hashlib.blake2b(repr((self.seed, *what)).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def outcome(self, number: int) -> str:
        """What request ``number`` comes to in the end: ``right``, or one of `FINAL`."""
        drawn = self.draw("final", number)
        return FINAL[int(drawn / self.final_rate * len(FINAL))] if drawn < self.final_rate else "right"

    def fault(self, number: int, asked: int) -> str:
        """What goes wrong when ``number`` is asked for the ``asked``-th time (from 0), or an empty text."""
        if asked >= self.most_faults or self.draw("fault", number, asked) >= self.fault_rate:
            return ""
        return self.faults[int(self.draw("kind", number, asked) * len(self.faults))]


class Counts(msgspec.Struct):
    """What was served: for each number, how often whole, with which idempotency keys; how often which fault."""

    whole: dict[str, int] = {}
    keys: dict[str, list[str]] = {}
    faults: dict[str, int] = {}
    n_requests: int = 0
    n_connections: int = 0
    most_at_once: int = 0


def answer_to(number: int) -> str:
    """The one right answer to ``number``."""
    return f"The answer is {number * 7 + 1}. ü"


def thinking_about(number: int) -> str:
    """What is thought on the way to it."""
    return f"Thinking about {number}, \U0001f600 at length."


class State:
    """What all connections share."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: Counter[int] = Counter()
        self.whole: Counter[int] = Counter()
        self.keys: defaultdict[int, set[str]] = defaultdict(set)
        self.faults: Counter[str] = Counter()
        self.n_connections = self.n_open = self.most_at_once = 0

    def counts(self) -> bytes:
        return msgspec.json.encode(
            {
                "whole": {str(number): n for number, n in self.whole.items()},
                "keys": {str(number): sorted(keys) for number, keys in self.keys.items()},
                "faults": self.faults,
                "n_requests": self.asked.total(),
                "n_connections": self.n_connections,
                "most_at_once": self.most_at_once,
            }
        )


class Connection(asyncio.Protocol):
    """One connection, one request after another."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.state.n_connections += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            size = int(found[1]) if found else 0
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            self.take(head, rest[:size])

    def take(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self.tell(head.split()[1])
            return
        state = self.state
        found = NUMBER.findall(body)
        if not found:  # somebody looks what we are
            self.say(404, _error("not_found_error"))
            return
        number = int(found[-1])
        key = re.search(rb"(?i)\r\nidempotency-key: *(\S+)", head)
        state.keys[number] |= {key[1].decode()} if key else set()
        asked = state.asked[number]
        state.asked[number] += 1
        state.n_open += 1
        state.most_at_once = max(state.most_at_once, state.n_open)
        if state.script.capacity and state.n_open > state.script.capacity:
            what = "429 of capacity"
            state.asked[number] -= 1
        else:
            what = state.script.fault(number, asked)
        job = Job(self, number, body, what)
        if state.script.delay_s and "capacity" not in what:
            asyncio.get_running_loop().call_later(state.script.delay_s, job.run)
        else:
            job.run()

    def tell(self, path: bytes) -> None:
        if path.endswith(b"/counts"):
            self.say(200, self.state.counts())
        elif path.endswith(b"/v1/models"):
            self.say(200, b'{"object": "list", "data": [{"id": "faulty", "object": "model"}]}')
        else:
            self.say(404, _error("not_found_error"))

    def say(self, status: int, body: bytes, kind: str = "application/json", more: str = "", size: int = -1) -> None:
        length = len(body) if size < 0 else size
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n"
        self.transport.write(head.encode() + body)

    def reset(self) -> None:
        raw = self.transport.get_extra_info("socket")
        if raw is not None and not self.transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()


class Job:
    """The answer to one request."""

    def __init__(self, connection: Connection, number: int, body: bytes, fault: str) -> None:
        self.connection = connection
        self.state = connection.state
        self.number = number
        self.fault = fault
        self.is_stream = re.search(rb'"stream": ?true', body) is not None
        self.is_chat = b'"messages"' in body
        self.outcome = self.state.script.outcome(number)

    def run(self) -> None:
        self.state.n_open -= 1
        if self.connection.transport.is_closing():
            return
        if self.fault:
            self.state.faults[self.fault] += 1
            self.fail()
        elif self.outcome == "bad request":
            self.count()
            self.connection.say(400, _error("invalid_request_error", f"bad {self.number}"))
        else:
            self.count()
            self.answer()

    def count(self) -> None:
        self.state.whole[self.number] += 1

    def fail(self) -> None:
        connection, script = self.connection, self.state.script
        match self.fault:
            case "429 and when":
                connection.say(429, _error("rate_limit_error"), more=f"Retry-After: {script.retry_after}\r\n")
            case "500" | "502" | "529" | "429":
                connection.say(int(self.fault), _error("overloaded_error" if self.fault == "529" else "server_error"))
            case "429 of capacity":
                connection.say(429, _error("rate_limit_error"))
            case "wrong type":
                connection.say(200, b"<html>data: Log in first</html>", "text/html")
            case "silence":
                if script.silence_s:
                    asyncio.get_running_loop().call_later(script.silence_s, connection.transport.close)
            case "no choices":
                self.send([{**self.document(), "choices": []}])
            case "reset" if self.is_stream:
                self.send(self.chunks()[:2], is_whole=False)
                asyncio.get_running_loop().call_later(0.002, connection.reset)
            case "reset":
                connection.say(200, b'{"id": ', size=1000)
                asyncio.get_running_loop().call_later(0.002, connection.reset)
            case "truncated" if self.is_stream:
                self.send(self.chunks()[:2], tail=b'data: {"choices": [{"delta": {"con', is_whole=False, ends=True)
            case "truncated":
                connection.say(200, msgspec.json.encode(self.document())[:-20])
            case "error event" if self.is_stream:
                tail = b"data: " + _error("server_error") + b"\n\n"
                self.send(self.chunks()[:2], tail, is_whole=False, ends=True)
            case "no end" if self.is_stream:
                self.send(self.chunks()[:2], is_whole=False, ends=True)
            case _:
                connection.say(500, b"")

    def answer(self) -> None:
        if not self.is_stream:
            self.send([self.document()])
            return
        chunks = self.chunks()
        if self.state.script.draw("doubled", self.number) < self.state.script.doubled_rate:
            chunks = [*chunks[:-2], chunks[-2], chunks[-2], chunks[-1], chunks[-1]]
        self.send(chunks)

    def send(
        self, documents: list[dict[str, Any]], tail: bytes = b"", is_whole: bool = True, ends: bool = False
    ) -> None:
        """One document as JSON, or all as events, which end as they should or, ``ends``, at least end."""
        write = self.connection.transport.write
        if not self.is_stream:
            self.connection.say(200, msgspec.json.encode(documents[0]))
            return
        body = b"".join(b"data: " + msgspec.json.encode(one) + b"\n\n" for one in documents) + tail
        if is_whole:
            body += b"data: [DONE]\n\n"
        border = int(self.state.script.draw("border", self.number) * len(body))
        write(b"HTTP/1.1 200 Said\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        write(b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:border], body[border:]) if part))
        if is_whole or ends:
            write(b"0\r\n\r\n")

    def document(self) -> dict[str, Any]:
        finish, text, more = self.said()
        message = {"role": "assistant", "content": text, "reasoning_content": thinking_about(self.number), **more}
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        choice |= {"message": message} if self.is_chat else {"text": text}
        return {**self.frame("" if self.is_chat else "text"), "choices": [choice], "usage": self.usage()}

    def chunks(self) -> list[dict[str, Any]]:
        finish, text, more = self.said()
        thinking = thinking_about(self.number)
        deltas: list[dict[str, Any]] = [
            {"role": "assistant", "content": ""},
            {"reasoning_content": thinking[:9]},
            {"reasoning_content": thinking[9:]},
            *({"content": part} for part in (text[:5], text[5:])),
            *([more] if more else []),
        ]
        frame = self.frame(".chunk")
        events = [{**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        events.append({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        return [*events, {**frame, "choices": [], "usage": self.usage()}]

    def frame(self, kind: str) -> dict[str, Any]:
        name = "text_completion" if kind == "text" else f"chat.completion{kind}"
        return {"id": f"c-{self.number}", "object": name, "created": 1, "model": "faulty"}

    def said(self) -> tuple[str, str, dict[str, Any]]:
        """How it ends, the text, and what else the message holds."""
        match self.outcome:
            case "filtered":
                return "content_filter", "", {}
            case "refused":
                return "stop", "", {"refusal": "I will not."}
            case "cut in thinking":
                return "length", "", {}
            case _:
                return "stop", answer_to(self.number), {}

    def usage(self) -> dict[str, Any]:
        n = MOST_TOKENS if self.outcome == "cut in thinking" else 30
        counted = {"prompt_tokens": 11, "completion_tokens": n, "total_tokens": n + 11}
        return {**counted, "completion_tokens_details": {"reasoning_tokens": 20 if n == 30 else n}}


def _error(kind: str, message: str = "Not now.") -> bytes:
    return msgspec.json.encode({"error": {"type": kind, "message": message, "code": None}})


@contextmanager
def fault_server(script: Script) -> Iterator[str]:
    """The address of a fault server that runs in a process of its own."""
    command = [sys.executable, __file__, msgspec.json.encode(script).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


async def _serve(script: Script) -> None:
    state = State(script)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(msgspec.convert(json.loads(sys.argv[1]), Script)))
