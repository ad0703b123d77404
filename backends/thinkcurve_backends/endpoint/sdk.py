"""Providers' SDKs on our wire: the same connections, limits and cassettes as our own calls.

The SDKs of OpenAI, Anthropic and Google speak HTTP through httpx2, whose transport can be given::

    openai.AsyncOpenAI(api_key=..., max_retries=0, http_client=httpx2.AsyncClient(transport=transport(api)))

A client is made and used inside of ``api.run(...)``. What the network does is raised as `BackendError` by the
transport; where an SDK wraps it in an error of its own, `cause_of` takes it out again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.wire import Answer, Call

OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Request headers that the wire writes itself."""
LONGEST_START = 64
"""An error in an answer of status 200 is named in so many bytes."""
DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Response headers that are no longer true of a body as the wire hands it on."""


def transport(api: Api) -> httpx2.AsyncBaseTransport:
    """The transport of an ``httpx2.AsyncClient`` that an SDK is given."""
    return _Transport(api)


def cause_of(error: BaseException) -> BackendError | None:
    """The `BackendError` of the wire in what an SDK raised; ``None`` where it is an error of another kind."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, BackendError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


class _Transport(httpx2.AsyncBaseTransport):
    def __init__(self, api: Api) -> None:
        self._api = api

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in OURS}
        answer = await self._api.wire.send(Call(request.method, str(request.url), headers, await request.aread()))
        kept = [(name, value) for name, value in answer.headers.items() if name not in DECODED]
        note = self._api.note_answer if request.method == "POST" and answer.status == 200 else None
        return httpx2.Response(answer.status, headers=kept, stream=_Body(answer, note), request=request)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: Answer, note: Callable[[], None] | None) -> None:
        self._answer = answer
        self._note = note

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.chunks():
            if self._note and b"error" not in part[:LONGEST_START]:  # which may stand in an answer of status 200
                self._note()
            self._note = None
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
