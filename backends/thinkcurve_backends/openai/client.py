"""OpenAI's own client on our wire: what it sends and refuses is OpenAI's, what carries it and reads answers is ours.

The client builds requests, adds its headers and turns statuses into its exceptions. It does not retry, since retries
are counted and bounded elsewhere, and it does not parse: its models of every chunk took more CPU than all the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any, TypeVar

import httpx2
import openai

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.api import DRAIN_S, Api
from thinkcurve_backends.endpoint.events import Body
from thinkcurve_backends.endpoint.faults import Faults
from thinkcurve_backends.endpoint.keys import Key, all_writings
from thinkcurve_backends.endpoint.sdk import transport
from thinkcurve_backends.json_body import decoded, json_body
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
        self._faults = Faults(
            api.base_url, key_variable=key.variable, has_key=bool(key), secrets=all_writings([key.value])
        )
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

    async def streamed(self, response: httpx2.Response, read: Callable[[AsyncIterator[Any]], Awaitable[T]]) -> T:
        """What ``read`` makes of the server-sent events, each decoded, or of the one document in their place."""
        if "json" in response.headers.get("content-type", "").partition(";")[0]:
            return await read(_alone(await document(response)))
        body = Body(_Answer(response), self._faults, self.api.base_url, response.request.url.path)
        async with aclosing(await body.events(needs_done=False)) as events:
            result = await read(events)
        with suppress(TimeoutError, BackendError):
            async with asyncio.timeout(DRAIN_S):
                await body.drain()
        return result

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


class _Answer:
    """A response of the client's as `thinkcurve_backends.endpoint.wire.Answer`."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._parts = response.aiter_bytes()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        return self._parts

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._response.aclose()


async def _alone(found: Any) -> AsyncIterator[Any]:
    yield found


def _decoded(raw: bytes, response: httpx2.Response) -> Any:
    try:
        return decoded(raw)
    except ValueError as error:
        kind = "".join(c for c in response.headers.get("content-type", "no type") if c.isprintable())[:80]
        host = response.request.url.host
        raise Unreadable(
            f"{host} answered with {len(raw)} bytes of {kind} that are no JSON", is_retryable=True
        ) from error
