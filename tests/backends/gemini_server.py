"""A server that speaks Google's Gemini API, for tests. It is ours: Google's own was not reached when it was written.

What it takes and gives is checked and written by the types of the google-genai SDK, so a field that Google does not
have is refused as there. Its rules (a key in the header ``x-goog-api-key``, 400 for a wrong one, ranges of budgets by
model, thoughts that count towards ``maxOutputTokens``, zeros left out, the states of a batch) are those of Google's
documentation. Words stand for tokens, unless a real model writes (`tiny_writer`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pydantic
from aiohttp import web
from gemini_replies import Asked, Written, pieces, whole
from google.genai import types

from thinkcurve.backend import Chat, Continuation, Request
from thinkcurve.problem import Message
from thinkcurve_backends.gemini.backend import Gemini, open_backend
from thinkcurve_backends.llamacpp.backend import LlamaCpp
from thinkcurve_backends.own_loop import OwnLoop

KEY = "AIza-test-0123456789-not-a-real-key"
BUDGETS = {"gemini-2.5-pro": (128, 32_768), "gemini-2.5-flash": (0, 24_576), "gemini-2.5-flash-lite": (512, 24_576)}
LEVELS = {
    "gemini-3-pro-preview": ("LOW", "HIGH"),
    "gemini-3-flash-preview": ("MINIMAL", "LOW", "MEDIUM", "HIGH"),
}
PLAIN = ("gemini-2.0-flash", "gemini-embedding-001")
SHARES = {"MINIMAL": 1, "LOW": 3, "MEDIUM": 6, "HIGH": 12}
"""Twelfths of the most that a model thinks."""


Writer = Callable[[Asked], Awaitable[Written]]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def words_writer(natural: int = 12) -> Writer:
    """Thoughts as long as they may be, at most ``natural`` words, and an answer that repeats the question."""

    async def write(asked: Asked) -> Written:
        level = asked.config.thinking_config and asked.config.thinking_config.thinking_level
        most = natural if level is None else natural * SHARES[level.value] // 12
        length = most if asked.budget is None else min(most, asked.budget)
        return Written([f"t{i} " for i in range(length)], [f"{word} " for word in asked.prompt.split()])

    return write


def tiny_writer(model: LlamaCpp) -> Writer:
    """The model that ships with thinkcurve, through xllamacpp: a budget really ends its thinking."""
    form = model.model.thinking
    assert form is not None

    async def write(asked: Asked) -> Written:
        close = model.tokenizer.encode(form.close)
        prompt = model.tokenizer.render([Message("user", asked.prompt)])
        thinking: tuple[int, ...] = ()
        if asked.budget != 0:
            most = asked.budget or 400
            trace = await model.generate(Request(Continuation(prompt), most, stop_ids=close))
            thinking = trace.token_ids or ()
        answer = await model.generate(Request(Continuation(prompt + thinking + close), 32))
        return Written(
            [model.tokenizer.decode([token]) for token in thinking],
            [model.tokenizer.decode([token]) for token in answer.token_ids or ()],
            prompt_tokens=len(prompt),
        )

    return write


class Refused(Exception):
    """A refusal in Google's form."""

    def __init__(self, code: int, status: str, message: str, *details: dict[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.error = {"code": code, "message": message, "status": status, "details": list(details)}

    @property
    def response(self) -> web.Response:
        """As it goes out."""
        return web.json_response({"error": self.error}, status=self.code)


@dataclass
class GeminiServer:
    """``write`` is the model; each of ``instead`` answers one generation in its place; ``calls`` are all that came."""

    write: Writer = field(default_factory=words_writer)
    instead: list[Answer] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    hung_up: int = 0
    pause_s: float = 0.0
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    batch_end: str = "BATCH_STATE_SUCCEEDED"
    refused_in_batch: str = ""
    url: str = ""

    def __enter__(self) -> GeminiServer:
        self._loop = OwnLoop("the Gemini server")
        self._loop.run_now(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close(self._runner.cleanup())

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Every generation that was asked for, as JSON."""
        return [json.loads(body) for _, path, _, body in self.calls if "enerateContent" in path]

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = site.name if ":0" not in site.name else f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls.append((request.method, request.path_qs, dict(request.headers), body))
        try:
            return await self._route(request, body)
        except Refused as refused:
            return refused.response
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up += 1
            raise

    async def _route(self, request: web.Request, body: bytes) -> web.StreamResponse:
        path = request.path
        if path.startswith("/resumable/"):
            return self._store(path.rpartition("/")[2], body, request.headers["X-Goog-Upload-Command"])
        check_key(request)
        if match := re.fullmatch(r"/v1/models/([^:]+):(\w+)", path):
            return await self._generate(request, match[1], match[2], body)
        if path == "/v1/models":
            return web.json_response({"models": [model_json(name) for name in (*BUDGETS, *LEVELS, *PLAIN)]})
        if match := re.fullmatch(r"/v1/models/([^:/]+)", path):
            return web.json_response(model_json(known(match[1])))
        if path == "/upload/v1/files":
            name = f"in{len(self.files)}"
            return web.json_response({}, headers={"X-Goog-Upload-URL": f"{self.url}/resumable/{name}"})
        if match := re.fullmatch(r"/v1/files/(\w+):download", path):
            return web.Response(body=self.files[match[1]])
        if match := re.fullmatch(r"/v1/(batches/\w+)", path):
            return await self._batch(match[1])
        raise Refused(404, "NOT_FOUND", f"no such path {path}")

    def _store(self, name: str, body: bytes, command: str) -> web.Response:
        self.files[name] = self.files.get(name, b"") + body
        if "finalize" not in command:
            return web.json_response({}, headers={"X-Goog-Upload-Status": "active"})
        return web.json_response({"file": {"name": f"files/{name}"}}, headers={"X-Goog-Upload-Status": "final"})

    async def _generate(self, request: web.Request, name: str, verb: str, body: bytes) -> web.StreamResponse:
        if verb == "batchGenerateContent":
            return self._submit(known(name), json.loads(body))
        if self.instead:
            return await self.instead.pop(0)(request)
        asked = checked(known(name), json.loads(body))
        written = await self.write(asked)
        if verb == "generateContent":
            return web.Response(body=whole(asked, written), content_type="application/json")
        assert verb == "streamGenerateContent"
        assert request.query.get("alt") == "sse"
        return await self.stream(request, [piece async for piece in pieces(asked, written)])

    async def stream(self, request: web.Request, events: list[bytes]) -> web.StreamResponse:
        """Server-sent events, a pause before each."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await asyncio.sleep(self.pause_s)
            await response.write(b"data: " + event + b"\r\n\r\n")
        await response.write_eof()
        return response

    def _submit(self, model: str, body: dict[str, Any]) -> web.Response:
        source = body["batch"]["inputConfig"]
        if "fileName" in source:
            lines = self.files[source["fileName"].removeprefix("files/")].splitlines()
            asked = [(line["key"], line["request"]) for line in map(json.loads, lines)]
        else:
            asked = [(one["metadata"]["key"], one["request"]) for one in source["requests"]["requests"]]
        name = f"batches/b{len(self.batches)}"
        self.batches[name] = {"model": model, "asked": asked, "file": "fileName" in source, "looks": 0}
        return self._operation(name, "BATCH_STATE_PENDING", {})

    async def _batch(self, name: str) -> web.Response:
        batch = self.batches.get(name)
        if batch is None:
            raise Refused(404, "NOT_FOUND", f"no batch {name}")
        batch["looks"] += 1
        if batch["looks"] < 3:
            return self._operation(name, ("BATCH_STATE_PENDING", "BATCH_STATE_RUNNING")[batch["looks"] - 1], {})
        answers = [await self._batched(batch["model"], key, body) for key, body in batch["asked"]]
        if self.batch_end != "BATCH_STATE_SUCCEEDED":
            return self._operation(name, self.batch_end, {})
        if batch["file"]:
            self.files[f"out{name[9:]}"] = b"\n".join(json.dumps(flat(answer)).encode() for answer in answers)
            return self._operation(name, self.batch_end, {"responsesFile": f"files/out{name[9:]}"})
        return self._operation(name, self.batch_end, {"inlinedResponses": {"inlinedResponses": answers}})

    async def _batched(self, model: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        labels = {"metadata": {"key": key}}
        try:
            if key == self.refused_in_batch:
                raise Refused(3, "INVALID_ARGUMENT", "this one is refused")
            asked = checked(model, body)
            return labels | {"response": json.loads(whole(asked, await self.write(asked)))}
        except Refused as refused:
            return labels | {"error": {"code": refused.code, "message": refused.error["message"]}}

    def _operation(self, name: str, state: str, output: dict[str, Any]) -> web.Response:
        metadata = {"@type": "type.googleapis.com/GenerateContentBatch", "name": name, "state": state}
        return web.json_response({"name": name, "metadata": metadata | ({"output": output} if output else {})})


def check_key(request: web.Request) -> None:
    """Google wants the key in a header (or the address, which the SDK must not use), and answers 400 to a wrong one."""
    key = request.headers.get("x-goog-api-key")
    if key is None:
        raise Refused(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers. Please use API Key.")
    if key != KEY:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        message = f"API key not valid. Please pass a valid API key. You sent {key}"  # Google does not; others do
        raise Refused(400, "INVALID_ARGUMENT", message, info)


def known(name: str) -> str:
    """A name that is there."""
    if name not in (*BUDGETS, *LEVELS, *PLAIN):
        raise Refused(404, "NOT_FOUND", f"models/{name} is not found for API version v1beta")
    return name


def model_json(name: str) -> dict[str, Any]:
    """A model as the API describes it; ``supportedGenerationMethods`` is the SDK's ``supported_actions``."""
    model = types.Model(
        name=f"models/{name}",
        version="001",
        input_token_limit=1_048_576,
        output_token_limit=65_536,
        thinking=None if name in PLAIN else True,
        **({} if "embedding" in name else {"temperature": 1.0, "top_p": 0.95, "top_k": 64, "max_temperature": 2.0}),
    )
    verb = "embedContent" if "embedding" in name else "generateContent"
    plain: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain | {"supportedGenerationMethods": [verb, "countTokens"]}


def checked(model: str, body: dict[str, Any]) -> Asked:
    """A request that every type of the SDK takes, and the model too."""
    body = dict(body)
    try:
        contents = [types.Content.model_validate(content) for content in body.pop("contents")]
        config = types.GenerationConfig.model_validate(body.pop("generationConfig", {}))
        system = types.Content.model_validate(body.pop("systemInstruction", {}))
        for setting in body.pop("safetySettings", []):
            types.SafetySetting.model_validate(setting)
    except pydantic.ValidationError as error:
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid JSON payload received: {error.errors()[0]['loc']}") from error
    if body.pop("model", f"models/{model}") != f"models/{model}" or body:
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. Unknown name {[*body]}")
    text = " ".join(part.text or "" for part in system.parts or [])
    return Asked(model, contents, text, config, _budget(model, config.thinking_config))


def _budget(model: str, thinking: types.ThinkingConfig | None) -> int | None:
    def refuse(message: str) -> None:
        raise Refused(400, "INVALID_ARGUMENT", message)

    budget, level = (thinking.thinking_budget, thinking.thinking_level) if thinking else (None, None)
    if thinking and model in PLAIN:
        refuse("Thinking is not supported by this model.")
    if budget is not None and level is not None:
        refuse("You can only set only one of thinking budget and thinking level.")
    if level is not None and level.value not in LEVELS.get(model, ()):
        refuse(f"Thinking level {level.value} is not supported for this model.")
    least, most = BUDGETS.get(model, (0, 32_768))
    if budget not in (None, -1, *((0,) if model != "gemini-2.5-pro" else ())) and not least <= budget <= most:
        refuse(f"The thinking budget {budget} is invalid. Please choose a value between {least} and {most}.")
    if budget == 0 and thinking and thinking.include_thoughts:
        refuse("Unable to include thoughts: thinking is disabled.")
    if model in PLAIN or (model == "gemini-2.5-flash-lite" and budget is None):
        return 0
    return None if budget == -1 else budget


def flat(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer of a batch as a line of its file."""
    return {"key": answer["metadata"]["key"], **{name: answer[name] for name in answer if name != "metadata"}}


@contextlib.asynccontextmanager
async def opened(server: GeminiServer, name: str = "gemini-2.5-flash", **options: Any) -> AsyncIterator[Gemini]:
    """A model of ``server``; the key has to be in the environment."""
    backend = await asyncio.to_thread(open_backend, name, **({"base_url": server.url} | options))
    try:
        yield backend
    finally:
        await backend.aclose()


def asks(text: str = "two plus two", budget: int | None = None, effort: str | None = None, **fields: Any) -> Request:
    """A request of one message."""
    chat = Chat((Message("user", text),), budget, effort)
    return Request(chat, **({"max_tokens": 0, "seed": 5} | fields))
