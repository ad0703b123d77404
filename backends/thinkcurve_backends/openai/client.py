"""OpenAI's own client on our wire: what it sends and refuses is OpenAI's, what carries it and reads answers is ours.

The client builds requests, adds its headers and turns statuses into its exceptions. It does not retry, since retries
are counted and bounded elsewhere, and it does not parse: its models of every chunk took more CPU than all the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any, TypeVar

import httpx2
import msgspec
import openai

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.api import DRAIN_S, Api
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.sdk import transport
from thinkcurve_backends.endpoint.sse import DONE, EventReader
from thinkcurve_backends.json_body import json_body
from thinkcurve_backends.openai.faults import fault_of
from thinkcurve_backends.openai.options import OpenAiOptions

T = TypeVar("T")
Ask = Callable[[openai.AsyncOpenAI], AbstractAsyncContextManager[openai.AsyncAPIResponse[Any]]]
"""A call of the client's ``with_streaming_response``, body still to be read."""
Read = Callable[[httpx2.Response], Awaitable[T]]
"""What is made of an answer with a good status, body still to be read."""
NO_KEY = "EMPTY"
"""What servers without keys are given by those who use OpenAI's client, which wants one."""


class Unreadable(BackendError):
    """An answer of status 200 that is no JSON."""


class Client:
    """The client and the API that it is bound to."""

    def __init__(self, api: Api, key: Key, options: OpenAiOptions) -> None:
        self.api = api
        self._key = key
        self._options = options
        self._client: openai.AsyncOpenAI | None = None

    async def post(self, path: str, body: object, read: Read[T]) -> T:
        """What ``read`` makes of the answer to ``body``, sent as it is. Raises `BackendError`.

        Going through the client's types field by field took as long as all the rest of a call.
        """
        return await self.api.run(self._post(path, json_body(body), read))

    async def run(self, ask: Ask, read: Read[T]) -> T:
        """What ``read`` makes of the answer to ``ask``. Raises `BackendError`."""
        return await self.api.run(self._run(ask, read))

    def run_now(self, ask: Ask, read: Read[T]) -> T:
        """`run`, blocking."""
        return self.api.run_now(self._run(ask, read))

    async def _post(self, path: str, content: bytes, read: Read[T]) -> T:
        how: Any = {"cast_to": httpx2.Response, "stream": True, "stream_cls": openai.AsyncStream[Any]}
        try:
            response: httpx2.Response = await self._sdk().post(path, content=content, **how)
            try:
                return await read(response)
            finally:
                await response.aclose()
        except openai.OpenAIError as error:
            raise fault_of(error, self.api) from None  # what it holds knows the key

    async def _run(self, ask: Ask, read: Read[T]) -> T:
        try:
            async with ask(self._sdk()) as response:
                return await read(response.http_response)
        except openai.OpenAIError as error:
            raise fault_of(error, self.api) from None

    def _sdk(self) -> openai.AsyncOpenAI:
        if self._client is None:
            options = self._options
            bounds = httpx2.Timeout(
                options.total_s or None, connect=options.connect_s or None, read=options.idle_s or None
            )
            self._client = openai.AsyncOpenAI(
                api_key=self._key.value or NO_KEY,
                base_url=self.api.base_url,
                organization=options.organization or None,
                project=options.project or None,
                timeout=bounds,
                max_retries=0,
                http_client=httpx2.AsyncClient(transport=transport(self.api), timeout=bounds, follow_redirects=False),
            )
        return self._client


async def document(response: httpx2.Response) -> Any:
    """The whole body, decoded. Raises a retryable `BackendError` where it is no JSON."""
    return _decoded(await response.aread(), response)


async def streamed(response: httpx2.Response, read: Callable[[AsyncIterator[Any]], Awaitable[T]]) -> T:
    """What ``read`` makes of the server-sent events, each decoded, or of the one document that came in their place."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        return await read(_alone(await document(response)))
    parts = response.aiter_bytes()
    async with aclosing(parts), aclosing(_events(parts, response)) as events:
        result = await read(events)
        with suppress(TimeoutError, BackendError):
            async with asyncio.timeout(DRAIN_S):
                async for _ in parts:
                    pass
        return result


async def _alone(found: Any) -> AsyncIterator[Any]:
    yield found


async def _events(parts: AsyncIterator[bytes], response: httpx2.Response) -> AsyncGenerator[Any]:
    reader = EventReader()
    async for part in parts:
        for event in reader.feed(part):
            if event.data == DONE:
                return
            yield _decoded(event.data, response)
    for event in reader.finish():
        if event.data != DONE:
            yield _decoded(event.data, response)


def _decoded(raw: bytes, response: httpx2.Response) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        kind = "".join(c for c in response.headers.get("content-type", "no type") if c.isprintable())[:80]
        host = response.request.url.host
        raise Unreadable(
            f"{host} answered with {len(raw)} bytes of {kind} that are no JSON", is_retryable=True
        ) from error
