"""A remote API: JSON out, JSON or server-sent events back, and every fault as one clear `BackendError`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.events import Body
from thinkcurve_backends.endpoint.faults import Faults
from thinkcurve_backends.endpoint.keys import all_writings, is_secret_name, secrets_of
from thinkcurve_backends.endpoint.wire import Answer, Call, Network, Wire
from thinkcurve_backends.json_body import json_body
from thinkcurve_backends.own_loop import OwnLoop

T = TypeVar("T")
DRAIN_S = 0.5
"""How long the end of a stream is waited for, whose last event was read: it mostly is there already."""


class Api:
    """One remote API, for coroutines of any event loop and (``_now``) for plain functions.

    Paths begin with a slash and are appended to ``base_url``. ``headers`` go with every call and may hold a key, which
    appears in no error, log or cassette, and neither do ``secrets``; ``key_variable`` says in errors where the key
    comes from. Cancelling a call hangs up, which makes model servers drop the request. ``content`` is encoded as JSON.
    ``more_headers`` go with one call.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        key_variable: str = "",
        secrets: Iterable[str] = (),
        wire: Wire | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        own = {name.lower(): value for name, value in (headers or {}).items()}
        self._headers = {"content-type": "application/json", **own}
        secrets = tuple(secrets)
        has_key = any(secrets) or any(is_secret_name(name) for name in own)
        hidden = (*all_writings(secrets), *secrets_of(self._headers))
        self._faults = Faults(self.base_url, key_variable=key_variable, has_key=has_key, secrets=hidden)
        self._loop = OwnLoop(f"the connection to {self.base_url}")
        self.wire: Wire = wire or Network()

    async def post(self, path: str, content: object, *, more_headers: Mapping[str, str] | None = None) -> Any:
        """The decoded answer to JSON ``content``."""
        return await self._loop.run(self.exchange("POST", path, content, more_headers))

    async def get(self, path: str) -> Any:
        """The decoded answer to a GET."""
        return await self._loop.run(self.exchange("GET", path))

    def post_now(self, path: str, content: object) -> Any:
        """`post`, blocking."""
        return self._loop.run_now(self.exchange("POST", path, content))

    def get_now(self, path: str) -> Any:
        """`get`, blocking."""
        return self._loop.run_now(self.exchange("GET", path))

    async def stream(
        self,
        path: str,
        content: object,
        read: Callable[[AsyncIterator[Any]], Awaitable[T]],
        *,
        more_headers: Mapping[str, str] | None = None,
        needs_done: bool = False,
    ) -> T:
        """What ``read`` makes of the server-sent events that JSON ``content`` is answered with, each decoded.

        An event ``[DONE]`` ends them; a stream that ends without it is a fault where it ``needs_done``. Where the
        server answers with one JSON document instead, that is the only event. An event that is an error is raised.
        ``read`` runs in the loop of this API.
        """
        return await self._loop.run(self._stream(path, content, read, more_headers, needs_done))

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work`` in the loop of this API, where an SDK's client on its wire has to live."""
        return await self._loop.run(work)

    def run_now(self, work: Coroutine[Any, Any, T]) -> T:
        """`run`, blocking."""
        return self._loop.run_now(work)

    async def aclose(self) -> None:
        """`close`; it does not wait for any server, so it may stand in a coroutine."""
        self.close()

    def close(self) -> None:
        """Hang up everywhere; calls that are open, or come later, end with a fatal `BackendError`."""
        self._loop.close(self.wire.aclose())

    def note_answer(self) -> None:
        """A request was answered well: a 404 from now on is about another one alone, not about address or model."""
        self._faults.has_answered = True

    def fault(self, status: int, headers: Mapping[str, str], raw: bytes, path: str) -> BackendError:
        """The error that an answer with ``status`` 300 and above is."""
        return self._faults.refusal(status, headers, raw, path)

    def fault_inside(self, document: Mapping[str, Any], path: str) -> BackendError:
        """The error that stands in a decoded answer of status 200, or in an event of one, by its type or code."""
        return self._faults.inside(document, path)

    def line(self, text: str) -> str:
        """``text`` of a stranger as one short line without secrets, for errors."""
        return self._faults.line(text)

    async def exchange(
        self, method: str, path: str, content: object = None, more_headers: Mapping[str, str] | None = None
    ) -> Any:
        """The decoded answer, for coroutines that are in the loop of this API already. ``None`` sends no body."""
        async with self._body(method, path, content, more_headers) as body:
            return await body.whole()

    async def _stream(
        self,
        path: str,
        content: object,
        read: Callable[[AsyncIterator[Any]], Awaitable[T]],
        more_headers: Mapping[str, str] | None,
        needs_done: bool,
    ) -> T:
        async with self._body("POST", path, content, more_headers) as body:
            async with contextlib.aclosing(await body.events(needs_done)) as events:
                result = await read(events)
            if not body.is_read:
                with contextlib.suppress(TimeoutError, BackendError):
                    async with asyncio.timeout(DRAIN_S):
                        await body.drain()
            return result

    @contextlib.asynccontextmanager
    async def _body(
        self, method: str, path: str, content: object, more_headers: Mapping[str, str] | None
    ) -> AsyncIterator[Body]:
        """The body of a good answer; raises what a bad one is."""
        sent = b"" if content is None else json_body(content)
        headers = {**self._headers, **more_headers} if more_headers else self._headers
        answer = await self.wire.send(Call(method, self.base_url + path, headers, sent))
        try:
            if answer.status >= 300:
                raise self.fault(answer.status, answer.headers, await _raw(answer), path)
            yield Body(answer, self._faults, self.base_url, path)
            if method == "POST":  # and read well: an error may stand in an answer of status 200
                self.note_answer()
        finally:
            await answer.aclose()


async def _raw(answer: Answer) -> bytes:
    return b"".join([part async for part in answer.chunks()])
