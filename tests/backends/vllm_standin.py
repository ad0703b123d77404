"""Our stand-in for ``vllm serve``: its endpoints and their shapes, over the embedded model, for tests of the wire.

It is not vLLM. What it answers was read off vLLM 0.32 (and is compared with the real one by the slow suite); the
tokens come from llama.cpp in this process. ``budgets`` says how it takes a ``thinking_token_budget``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from thinkcurve.backend import Continuation, Request, Sampling, Stop
from thinkcurve.problem import Message
from thinkcurve_backends.embedded import open_backend
from thinkcurve_backends.own_loop import OwnLoop

BUDGETS = ("honoured", "refused", "ignored", "phrased")
NAME = "tiny"
NEEDED = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "max_tokens",
    "min_tokens",
    "ignore_eos",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "include_stop_str_in_output",
    "return_token_ids",
    "stream",
)
"""What a request must say so that nothing is left to the server's own defaults."""


class Refused(Exception):
    """Status and reason of an answer that is an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Standin(ThreadingHTTPServer):
    """The server. ``names`` are the models that it says it serves; ``delay_s`` is added to each token."""

    request_queue_size = 512
    daemon_threads = True

    def __init__(
        self,
        port: int = 0,
        *,
        budgets: str = "honoured",
        names: tuple[str, ...] = (NAME,),
        key: str = "",
        tells_counts: bool = True,
        gives_ids: bool = True,
        is_vllm: bool = True,
        has_template: bool = True,
        most_tokens: int = 1 << 30,
        delay_s: float = 0.0,
    ) -> None:
        super().__init__(("127.0.0.1", port), Endpoints)
        self.budgets, self.names, self.key = budgets, names, key
        self.tells_counts, self.gives_ids, self.is_vllm = tells_counts, gives_ids, is_vllm
        self.most_tokens, self.delay_s, self.has_template = most_tokens, delay_s, has_template
        self.asked: list[dict[str, Any]] = []
        self.model = open_backend(slots=8)
        self.loop = OwnLoop("the stand-in")
        self.close_ids = self.encode("</think>")
        self.open_ids = self.encode("<think>")
        self.end_ids = self.encode("<|end|>")

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def encode(self, text: str) -> tuple[int, ...]:
        """``text`` as ids."""
        return self._one_at_a_time(self.model.tokenizer.encode, text)

    def render(self, messages: list[Message]) -> tuple[int, ...]:
        """The chat prompt as ids."""
        return self._one_at_a_time(self.model.tokenizer.render, messages)

    def decode(self, ids: list[int]) -> str:
        """The text of ``ids``."""
        return self._one_at_a_time(self.model.tokenizer.decode, ids)

    def _one_at_a_time(self, do: Any, what: Any) -> Any:
        async def done() -> Any:
            return do(what)

        return self.loop.run_now(done())

    def handle_error(self, *_: Any) -> None:
        """Clients may hang up."""

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer of ``/v1/completions``."""
        self.asked.append(body)
        missing = [name for name in NEEDED if name not in body]
        if missing:
            raise Refused(400, f"the stand-in has no defaults: {missing}")
        if body["model"] not in self.names:
            raise Refused(404, f"The model `{body['model']}` does not exist.")
        prompt = tuple(body["prompt"])
        room = self.model.model.context_tokens - len(prompt)
        if body["max_tokens"] > room:
            raise Refused(400, f"This model's maximum context length is {self.model.model.context_tokens} tokens.")
        time.sleep(self.delay_s * body["max_tokens"])
        ids, odds, cached, is_end = self._ids(prompt, body, min(body["max_tokens"], self.most_tokens))
        kept, text, finish, reason = self._stopped(ids, body, is_end)
        choice: dict[str, Any] = {"index": 0, "text": text, "finish_reason": finish, "stop_reason": reason}
        if self.gives_ids:
            choice["token_ids"] = kept
        if body.get("logprobs") is not None:
            choice["logprobs"] = {
                "token_logprobs": [own for own, _ in odds[: len(kept)]],
                "top_logprobs": [{f"token_id:{i}": p for i, p in top.items()} for _, top in odds[: len(kept)]],
            }
        usage: dict[str, Any] = {"prompt_tokens": len(prompt), "completion_tokens": len(kept)}
        if self.tells_counts:
            usage["prompt_tokens_details"] = {"cached_tokens": cached}
        return {"id": "cmpl-1", "object": "text_completion", "choices": [choice], "usage": usage}

    def _ids(self, prompt: tuple[int, ...], body: dict[str, Any], limit: int) -> tuple[list[int], list[Any], int, bool]:
        """All ids up to the limit or the end of the turn, a budget enforced as vLLM does."""
        budget = body.get("thinking_token_budget")
        if budget is None or self.budgets == "ignored":
            return self._free(prompt, body, limit)
        if self.budgets == "refused":
            raise Refused(400, "thinking_token_budget is set but reasoning_config is not configured.")
        opened = max((i for i, token in enumerate(prompt) if (token,) == self.open_ids), default=len(prompt) - 1)
        left = budget - (len(prompt) - opened - 1)
        ids, odds, cached, is_end = self._free(prompt, body, limit)
        if self.close_ids[0] in ids[:left] or len(ids) < left or (is_end and len(ids) <= left):
            return ids, odds, cached, is_end
        forced = list(self.close_ids)
        if self.budgets == "phrased":
            forced = [*self.encode("so "), *forced]
        head = (ids[:left] + forced)[:limit]
        if len(head) == limit:
            return head, odds[:left] + [(-1.0, {head[-1]: -1.0})] * (len(head) - left), cached, False
        rest, more, _, is_end = self._free(prompt + tuple(head), body, limit - len(head))
        return head + rest, odds[:left] + [(-1.0, {0: -0.5})] * len(forced) + more, cached, is_end

    def _free(
        self, prompt: tuple[int, ...], body: dict[str, Any], limit: int
    ) -> tuple[list[int], list[Any], int, bool]:
        rivals = body.get("logprobs")
        request = Request(
            Continuation(prompt),
            limit,
            Sampling(body["temperature"], body["top_p"], body["top_k"], body["min_p"]),
            seed=body["seed"],
            top_logprobs=None if rivals is None else max(1, rivals),
        )
        made = self.loop.run_now(self.model.generate(request))
        ids = list(made.token_ids or ())
        odds = list(zip(made.logprobs or (), made.top_logprobs or (), strict=True))
        if made.stop is Stop.EOS:
            return (
                ids + list(self.end_ids),
                [*odds, (-0.1, {self.end_ids[0]: -0.1})],
                made.usage.cached_tokens or 0,
                True,
            )
        return ids, odds, made.usage.cached_tokens or 0, False

    def _stopped(self, ids: list[int], body: dict[str, Any], is_end: bool) -> tuple[list[int], str, str, Any]:
        """Where vLLM would have stopped: with the stopping token, and with all tokens that a stop text needs."""
        decode = self.decode
        for count, token in enumerate(ids, 1):
            if token in body["stop_token_ids"]:
                return ids[:count], decode(ids[: count - 1]), "stop", token
            if (token,) == self.end_ids:
                break
            if body["stop"]:
                text = decode(ids[:count])
                for stop in body["stop"]:
                    if stop in text:
                        return ids[:count], text[: text.index(stop)], "stop", stop
        return (ids, decode(ids[:-1]), "stop", None) if is_end else (ids, decode(ids), "length", None)


class Endpoints(BaseHTTPRequestHandler):
    """The paths of vLLM that are used."""

    protocol_version = "HTTP/1.1"
    server: Standin

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, body: dict[str, Any]) -> None:
        try:
            status, content = 200, self._content(body)
        except Refused as error:
            status, content = error.status, {"error": {"message": str(error), "code": error.status}}
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _content(self, body: dict[str, Any]) -> dict[str, Any]:
        server = self.server
        if self.path == "/version" and server.is_vllm:
            return {"version": "0.0.0+standin"}
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            raise Refused(401, "Unauthorized")
        if self.path == "/v1/models":
            return {"data": [{"id": name, "max_model_len": server.model.model.context_tokens} for name in server.names]}
        if self.path == "/v1/completions":
            return server.complete(body)
        if self.path == "/detokenize":
            return {"prompt": server.decode(body["tokens"])}
        if self.path == "/tokenize" and "messages" in body:
            if not server.has_template:
                raise Refused(400, "As of transformers v4.44, default chat template is no longer allowed")
            ids = server.render([Message(turn["role"], turn["content"]) for turn in body["messages"]])
            return {"tokens": list(ids)}
        if self.path == "/tokenize":
            return {"tokens": list(server.encode(body["prompt"]))}
        raise Refused(404, "Not Found")


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[Standin]:
    """A stand-in in this process."""
    server = Standin(**settings)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.loop.close()
        asyncio.run(server.model.aclose())


@contextlib.contextmanager
def process(port: int, delay_s: float = 0.0) -> Iterator[subprocess.Popen[bytes]]:
    """A stand-in in a process of its own, which can be killed or stopped; it answers when this returns."""
    command = [sys.executable, __file__, "--port", str(port), "--delay", str(delay_s)]
    with subprocess.Popen(command) as started:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=5).close()
                    break
                time.sleep(0.05)
            yield started
        finally:
            started.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    chosen = parser.parse_args()
    Standin(chosen.port, delay_s=chosen.delay).serve_forever()
