"""A stand-in for Anthropic's API on this machine, made by us and not by Anthropic: for what no real server here has.

Its answers are built out of the SDK's own types, its requests are checked against the SDK's own parameters and the
rules in the documentation (budgets, levels of effort, sampling by version of the API). What it does with a question is
asked for in the question: a word such as ``refuse`` or ``overloaded-midway`` stands for the case of that name.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pydantic
from aiohttp import web
from anthropic import types
from anthropic.types import message_create_params, messages

KEY = "sk-ant-test-3f9d1c77b2e84a60"
THINKING = "Six and four are ten. Ten times three is thirty."
ANSWER = "It is $30$."
NATURAL_TOKENS = 300
OVERSHOOT = 37
"""Budgets are overshot a little, as the documentation warns."""
TOKENS_BY_EFFORT = {"low": 40, "medium": 120, "high": NATURAL_TOKENS, "xhigh": 900, "max": 2400}
ANSWER_TOKENS = 9
ENDS = {"window": "model_context_window_exceeded", "pause": "pause_turn", "novel": "something_new"}
ERRORS = {
    "bad": (400, "invalid_request_error"),
    "unpaid": (402, "billing_error"),
    "forbidden": (403, "permission_error"),
    "too-large": (413, "request_too_large"),
    "rate-limited": (429, "rate_limit_error"),
    "broken": (500, "api_error"),
    "overloaded": (529, "overloaded_error"),
}
MIDWAY = {f"{name}-midway": kind for name, (_, kind) in ERRORS.items()}
TYPED = pydantic.TypeAdapter[Any](message_create_params.MessageCreateParamsBase)
KNOWN = frozenset(message_create_params.MessageCreateParamsBase.__annotations__) | {"stream"}


def _model(name: str, efforts: tuple[str, ...], *thinking: str, most: int = 64_000, **more: Any) -> types.ModelInfo:
    yes, no = {"supported": True}, {"supported": False}
    kinds = ("adaptive", "between_tools", "disabled", "enabled")
    others = dict.fromkeys(("citations", "code_execution", "image_input", "pdf_input", "structured_outputs"), no)
    return types.ModelInfo.model_validate(
        {
            "id": name,
            "type": "model",
            "display_name": name.title(),
            "created_at": "2026-06-01T00:00:00Z",
            "lifecycle": "active",
            "max_tokens": most,
            "max_input_tokens": 200_000,
            "capabilities": {
                **others,
                "batch": yes,
                "context_management": no,
                "server_tools": {**no, "code_execution": no, "web_search": no},
                "effort": {
                    "supported": bool(efforts),
                    **{level: yes if level in efforts else no for level in TOKENS_BY_EFFORT},
                },
                "thinking": {
                    "supported": bool(thinking),
                    "types": {kind: yes if kind in thinking else no for kind in kinds},
                },
            },
            **more,
        }
    )


LEVELS = tuple(TOKENS_BY_EFFORT)
MODELS = {
    model.id: model
    for model in (
        _model("budgeted-1", (), "enabled", "disabled"),
        _model("both-1", LEVELS[:3], "enabled", "adaptive", "disabled"),
        _model("adaptive-1", LEVELS, "adaptive", "between_tools", most=128_000),
        _model("always-1", LEVELS, "adaptive"),
        _model("plain-1", (), "disabled", most=8_192),
        _model("old-1", (), "enabled", "disabled", lifecycle="deprecated", retires_at="2027-01-01T00:00:00Z"),
        _model("gone-1", (), "enabled", lifecycle="retired"),
    )
}


class Refused(Exception):
    """An error of the API."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        self.status = status
        self.body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


@dataclass
class Server:
    """What has been asked so far: ``bodies`` of messages in order, ``headers`` of all requests."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    n_hung_up: int = 0
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    """Batches that are through; one is by itself when its status is asked for a third time."""
    asked: dict[str, int] = field(default_factory=dict)


SERVER = web.AppKey("server", Server)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """The server, in a thread of its own."""
    server, loop = Server(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(server), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(server: Server) -> web.AppRunner:
    app = web.Application(middlewares=[_guard], client_max_size=1 << 30)
    app[SERVER] = server
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/v1/models/{name}", _retrieve)
    app.router.add_post("/v1/messages", _messages)
    app.router.add_post("/v1/messages/batches", _create_batch)
    app.router.add_get("/v1/messages/batches/{id}", _retrieve_batch)
    app.router.add_get("/v1/messages/batches/{id}/results", _batch_results)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


@web.middleware
async def _guard(request: web.Request, handler: Any) -> web.StreamResponse:
    server: Server = request.app[SERVER]
    server.headers.append({name.lower(): value for name, value in request.headers.items()})
    try:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise Refused("authentication_error", f"invalid key {request.headers.get('authorization')}", 401)
        if "anthropic-version" not in request.headers:
            raise Refused("invalid_request_error", "anthropic-version: header is required")
        found: web.StreamResponse = await handler(request)
        return found
    except Refused as refused:
        headers = {"retry-after": "0.25"} if refused.status == 429 else {}
        return web.json_response(refused.body, status=refused.status, headers=headers)


async def _models(request: web.Request) -> web.Response:
    data = [model.to_dict() | {"created_at": "2026-06-01T00:00:00Z"} for model in MODELS.values()]
    return web.json_response({"data": json.loads(json.dumps(data, default=str)), "has_more": False})


async def _retrieve(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in MODELS:
        raise Refused("not_found_error", f"model: {name}", 404)
    return web.Response(text=MODELS[name].to_json(), content_type="application/json")


def checked(body: dict[str, Any], version: str) -> types.ModelInfo:
    """The model of a request that obeys the rules; raises `Refused` for one that does not."""
    if version > "2023-06-01" and (extra := sorted(set(body) - KNOWN)):
        raise Refused("invalid_request_error", f"{extra[0]}: Extra inputs are not permitted")
    try:
        TYPED.validate_python(body)
    except pydantic.ValidationError as error:
        raise Refused("invalid_request_error", str(error.errors()[0]["loc"])) from None
    model = MODELS.get(body["model"])
    if model is None or model.capabilities is None or model.max_tokens is None:
        raise Refused("not_found_error", f"model: {body['model']}", 404)
    if body["max_tokens"] > model.max_tokens:
        raise Refused("invalid_request_error", f"max_tokens: {body['max_tokens']} > {model.max_tokens}")
    thinking = body.get("thinking", {"type": None})
    kind = thinking["type"]
    if kind is not None and not getattr(model.capabilities.thinking.types, kind).supported:
        raise Refused("invalid_request_error", f'"thinking.type.{kind}" is not supported for this model.')
    if kind == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        raise Refused("invalid_request_error", "thinking.enabled.budget_tokens: at least 1024, less than max_tokens")
    effort = body.get("output_config", {}).get("effort")
    if effort and not getattr(model.capabilities.effort, effort).supported:
        raise Refused("invalid_request_error", f"output_config.effort: {effort} is not supported")
    if kind in ("enabled", "adaptive") and (body.get("temperature", 1) != 1 or "top_k" in body):
        raise Refused("invalid_request_error", "`temperature` may only be set to 1 when thinking is enabled.")
    if not body["messages"] or any(turn["role"] not in ("user", "assistant") for turn in body["messages"]):
        raise Refused("invalid_request_error", "messages: at least one, of users and assistants, is required")
    if body["messages"][-1]["role"] == "assistant":
        raise Refused("invalid_request_error", "This model does not support assistant message prefill.")
    return model


def answered(body: dict[str, Any]) -> types.Message:
    """The message that a request is answered with, by what its question asks for."""
    question = body["messages"][-1]["content"]
    n_thinking = _thinking_tokens(body)
    shown = THINKING if body.get("thinking", {}).get("display") == "summarized" else ""
    content: list[dict[str, Any]] = [{"type": "text", "text": ANSWER}]
    if "redacted" in question:
        content.insert(0, {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"})
    elif n_thinking or "disobedient" in question:
        content.insert(0, {"type": "thinking", "thinking": shown, "signature": "EqQBCgIYAhIM"})
    reason, detail, sequence, n = "end_turn", None, None, n_thinking + ANSWER_TOKENS
    if "refuse" in question:
        reason, content, n = "refusal", [], n_thinking
        detail = {"type": "refusal", "category": "cyber", "explanation": "no"}
    elif "cut" in question or n > body["max_tokens"]:
        reason, n = "max_tokens", body["max_tokens"]
        n_thinking = min(n, n_thinking) if "cut" not in question else n
        content = content[:1] if n_thinking else [{"type": "text", "text": ANSWER[:3]}]
    elif body.get("stop_sequences"):
        reason, sequence = "stop_sequence", body["stop_sequences"][0]
    else:
        reason = next((end for word, end in ENDS.items() if word in question), reason)
    usage = {
        "input_tokens": sum(len(turn["content"].split()) for turn in body["messages"]),
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "output_tokens": n,
        "output_tokens_details": {"thinking_tokens": n_thinking},
    }
    return types.Message.construct(
        id="msg_1",
        type="message",
        role="assistant",
        model=f"{body['model']}-20261001",
        content=content,
        stop_reason=reason,
        stop_sequence=sequence,
        stop_details=detail,
        usage=usage,
    )


def _thinking_tokens(body: dict[str, Any]) -> int:
    thinking = body.get("thinking", {"type": "disabled"})
    if thinking["type"] == "enabled":
        return int(thinking["budget_tokens"]) + OVERSHOOT
    if thinking["type"] != "adaptive":
        return 0
    return TOKENS_BY_EFFORT[body.get("output_config", {}).get("effort", "high")]


async def _messages(request: web.Request) -> web.StreamResponse:
    server: Server = request.app[SERVER]
    body = await request.json()
    server.bodies.append(body)
    checked(body, request.headers["anthropic-version"])
    question = body["messages"][-1]["content"]
    for word, (status, kind) in ERRORS.items():
        if word in question.split():
            raise Refused(kind, f"{word}, said the server to {request.headers['authorization']}", status)
    if not body.get("stream"):
        return web.Response(text=answered(body).to_json(), content_type="application/json")
    reply = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    try:
        await reply.prepare(request)
        async for name, data in _events(answered(body), question):
            await reply.write(f"event: {name}\ndata: {data}\n\n".encode())
        await reply.write_eof()
    except (ConnectionError, asyncio.CancelledError):
        server.n_hung_up += 1
    return reply


async def _events(message: types.Message, question: str) -> AsyncIterator[tuple[str, str]]:
    """The events of a message, and what goes wrong in the middle of them."""
    whole = message.to_dict()
    started = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield "message_start", json.dumps({"type": "message_start", "message": started})
    yield "ping", '{"type": "ping"}'
    for index, block in enumerate(whole["content"]):
        empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}}.get(block["type"], {})
        start = {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        yield "content_block_start", json.dumps(start)
        if "begins-twice" in question:
            yield "content_block_start", json.dumps(start)
        for delta in _deltas(block):
            yield "content_block_delta", json.dumps({"type": "content_block_delta", "index": index, "delta": delta})
        if "hangs" in question:
            await asyncio.sleep(3600)
        for word in question.split():
            if word in MIDWAY:
                error = {"type": "error", "error": {"type": MIDWAY[word], "message": word}}
                yield "error", json.dumps(error)
                return
        yield "content_block_stop", json.dumps({"type": "content_block_stop", "index": index})
    if "unended" in question:
        return
    if "garbled" in question:
        yield "message_delta", '{"type": "message_delta", "del'
    end = {name: whole[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    usage = {name: whole["usage"][name] for name in ("output_tokens", "output_tokens_details")}
    yield "message_delta", json.dumps({"type": "message_delta", "delta": end, "usage": usage})
    yield "message_stop", '{"type": "message_stop"}'


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text = block.get(block["type"], "")
    for at in range(0, len(text), 7):
        yield {"type": f"{block['type']}_delta", block["type"]: text[at : at + 7]}
    if "signature" in block:
        yield {"type": "signature_delta", "signature": block["signature"]}


async def _create_batch(request: web.Request) -> web.Response:
    server: Server = request.app[SERVER]
    found = f"msgbatch_{len(server.batches) + 1}"
    server.batches[found] = (await request.json())["requests"]
    return _batch(server, found)


async def _retrieve_batch(request: web.Request) -> web.Response:
    server, found = request.app[SERVER], request.match_info["id"]
    server.asked[found] = server.asked.get(found, 0) + 1
    if server.asked[found] == 3:
        server.ended.add(found)
    return _batch(server, found)


def _batch(server: Server, found: str) -> web.Response:
    if found not in server.batches:
        raise Refused("not_found_error", f"batch {found}", 404)
    n, is_ended = len(server.batches[found]), found in server.ended
    counts = {"processing": 0 if is_ended else n, "succeeded": n if is_ended else 0}
    batch = messages.MessageBatch.model_validate(
        {
            "id": found,
            "type": "message_batch",
            "processing_status": "ended" if is_ended else "in_progress",
            "created_at": "2026-11-01T00:00:00Z",
            "expires_at": "2026-11-02T00:00:00Z",
            "request_counts": {"canceled": 0, "errored": 0, "expired": 0, **counts},
            "results_url": "https://elsewhere.example/results" if is_ended else None,
        }
    )
    return web.Response(text=batch.to_json(), content_type="application/json")


async def _batch_results(request: web.Request) -> web.Response:
    """One line a request, not in their order; each obeys the rules or is errored."""
    lines = []
    for one in reversed(request.app[SERVER].batches[request.match_info["id"]]):
        question = one["params"]["messages"][-1]["content"]
        result: dict[str, Any] = {"type": next((word for word in ("expired", "canceled") if word in question), "")}
        try:
            checked(one["params"], request.headers["anthropic-version"])
            if "overloaded" in question:
                raise Refused("overloaded_error", "overloaded")
            if not result["type"]:
                result = {"type": "succeeded", "message": answered(one["params"]).to_dict()}
        except Refused as refused:
            result = {"type": "errored", "error": refused.body}
        lines.append(json.dumps({"custom_id": one["custom_id"], "result": result}))
    return web.Response(text="\n".join(lines) + "\n", content_type="application/x-jsonl")
