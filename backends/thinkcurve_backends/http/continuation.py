"""Going on with text exactly where a prefix ends: by plain completions of a prompt that is rendered here, by Ollama's
raw mode, or by a chat whose last message is the beginning of the reply.

The server counts what it generates; without its count there is no control ``truncate``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from thinkcurve.backend import Chat, Generation, Request, Stop, Visibility
from thinkcurve.budget import ThinkingFormat
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.chat.body import SEEDS, chat_body, draw, end, limit, merge
from thinkcurve_backends.chat.dialect import Dialect
from thinkcurve_backends.chat.reply import read_reply, read_stream
from thinkcurve_backends.chat.thinking import Habits, count_thinking, split
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.idempotency import HEADER, idempotency_key
from thinkcurve_backends.json_body import json_body

Encode = Callable[[str], Sequence[int]]
Render = Callable[[tuple[Message, ...]], str]


class Continues(Protocol):
    """A way to go on with text."""

    async def go_on(self, request: Request) -> Generation:
        """What comes after the prefix of a request's chat, or after its prompt where it has none."""
        ...


class Asker:
    """One endpoint of an API that is posted to, in a stream where it has one."""

    def __init__(self, api: Api, path: str, dialect: Dialect, extra: dict[str, Any], *, stream: bool) -> None:
        self._stream = stream and dialect.has_stream
        self._api = api
        self._path = path
        self._dialect = dialect
        self._extra = extra
        self._habits = Habits()
        self._nonce = secrets.token_bytes(16)

    def streams(self, request: Request) -> bool:
        """Whether the reply to a request comes in a stream."""
        return self._stream and (self._dialect.stops_in_stream or not request.stop)

    async def ask(self, body: dict[str, Any], request: Request) -> Generation:
        """The reply to a body, read in the endpoint's dialect."""
        merge(body, self._extra)
        content = msgspec.Raw(json_body(body))
        key = {HEADER: idempotency_key(self._nonce, bytes(content), request.seed)}
        how: Any = {"fault": lambda said: self._api.fault_inside(said, self._path), "habits": self._habits}
        try:
            if body.get("stream"):
                return await self._api.stream(
                    self._path,
                    content,
                    lambda events: read_stream(events, self._dialect, request, **how),
                    more_headers=key,
                )
            reply = await self._api.post(self._path, content, more_headers=key)
            return read_reply(reply, self._dialect, request, **how)
        except BackendError as error:
            error.args = (self._api.line(str(error)),)  # what a server says in a reply may hold the key
            raise error from None


class Rendered:
    """Prompts in a chat template that is applied here, for models that are given plain text."""

    def __init__(self, render: Render, form: ThinkingFormat | None, encode: Encode | None, bos: str = "") -> None:
        self.form = form
        self.encode = encode
        self.bos = bos
        """What the server itself writes before a prompt, and is taken out of ours."""
        self._render = lru_cache(maxsize=1024)(render)

    async def prompt(self, chat: Chat) -> str:
        """All that the model is given: messages as the template renders them, and the beginning of the reply."""
        text = await asyncio.to_thread(self._render, chat.messages)
        return text.removeprefix(self.bos) + (chat.prefix or "")

    def apart(self, generation: Generation) -> Generation:
        """The reply to a chat without prefix, thinking and answer taken apart at the markers of the model."""
        if self.form is None:
            return msgspec.structs.replace(generation, visibility=Visibility.FULL, thinking="")
        markers = Dialect(open=self.form.open, close=self.form.ends_with, opens_unseen=self.form.template_opens)
        is_cut = generation.stop in (Stop.LENGTH, Stop.CONTEXT)
        thinking, answer = split(generation.text, markers, is_cut=is_cut)
        found = msgspec.structs.replace(generation, text=answer, thinking=thinking, visibility=Visibility.FULL)
        return count_thinking(found, self.encode) if self.encode else found


class Completions:
    """Plain text completions (``/v1/completions``)."""

    def __init__(self, asker: Asker, model: str, dialect: Dialect, rendered: Rendered) -> None:
        self.rendered = rendered
        self._asker = asker
        self._model = model
        self._dialect = dialect

    async def go_on(self, request: Request) -> Generation:
        """What comes after a prefix, markers included."""
        chat = _chat(request)
        body: dict[str, Any] = {"model": self._model, "prompt": await self.rendered.prompt(chat)}
        merge(body, self._dialect.completions or {})
        limit(body, request, self._dialect)
        body["max_tokens"] = body.pop(self._dialect.max_tokens, request.max_tokens)
        draw(body, request, self._dialect)
        end(body, request, self._dialect)
        if self._asker.streams(request):
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        generation = await self._asker.ask(body, as_continuation(request))
        return _told(generation, request.stop, self._dialect)


class OllamaRaw:
    """Ollama's ``/api/generate`` with ``raw``: no template of its own is applied."""

    def __init__(self, api: Api, model: str, dialect: Dialect, rendered: Rendered, extra: dict[str, Any]) -> None:
        self.rendered = rendered
        self._api = api
        self._model = model
        self._dialect = dialect
        self._extra = extra

    async def go_on(self, request: Request) -> Generation:
        """What comes after a prefix, markers included."""
        chat, drawn = _chat(request), request.sampling
        settings: dict[str, Any] = {"num_predict": request.max_tokens or -1, "seed": request.seed % SEEDS}
        if request.stop:
            settings["stop"] = list(request.stop)
        if not request.leaves_sampling:
            settings |= msgspec.structs.asdict(drawn)
        body = {"model": self._model, "prompt": await self.rendered.prompt(chat), "raw": True, "stream": False}
        body["options"] = settings
        merge(body, self._extra)
        said = await self._api.post("/api/generate", body)
        generation = read_reply(
            _as_completion(said),
            self._dialect,
            as_continuation(request),
            fault=lambda found: self._api.fault_inside(found, "/api/generate"),
        )
        return _told(generation, request.stop, self._dialect)


class Prefilled:
    """A chat whose last message is the beginning of the assistant's turn."""

    def __init__(self, asker: Asker, model: str, dialect: Dialect) -> None:
        self._asker = asker
        self._model = model
        self._dialect = dialect

    async def go_on(self, request: Request) -> Generation:
        """What comes after a prefix, markers included."""
        body = chat_body(self._model, request, self._dialect, stream=self._asker.streams(request))
        generation = await self._asker.ask(body, request)
        prefix = _chat(request).prefix
        if prefix and generation.text.startswith(prefix):
            raise BackendError(f"{self._dialect.name} repeats the text that it is to go on with")
        return _told(generation, request.stop, self._dialect)


def as_continuation(request: Request) -> Request:
    """``request`` with a prefix, so that its reply is read unparsed."""
    chat = _chat(request)
    return (
        request
        if chat.prefix is not None
        else msgspec.structs.replace(request, prompt=msgspec.structs.replace(chat, prefix=""))
    )


def _told(generation: Generation, stops: tuple[str, ...], dialect: Dialect) -> Generation:
    """Servers that do not say which stop text ended a reply: an end before which none is left is taken for one."""
    if dialect.names_stop or not stops or generation.stop is not Stop.EOS:
        return generation
    return msgspec.structs.replace(generation, stop=Stop.STOP)


def _chat(request: Request) -> Chat:
    if not isinstance(request.prompt, Chat):
        raise BackendError("this server is given messages and text; it is not asked with token ids")
    return request.prompt


def _as_completion(said: Any) -> Any:
    """An answer of Ollama's own API in the shape of a completion."""
    if not isinstance(said, dict) or "response" not in said:
        return said
    usage = {"prompt_tokens": said.get("prompt_eval_count", 0), "completion_tokens": said.get("eval_count")}
    choice = {"text": said["response"], "finish_reason": said.get("done_reason") if said.get("done") else None}
    return {"model": said.get("model"), "choices": [choice], "usage": usage}
