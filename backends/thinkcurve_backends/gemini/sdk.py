"""What is used of google-genai, imported here and nowhere else.

The SDK writes and sends requests and reads models, batches and files. What a generation is answered with is taken from
under it (`Sdk.answer`) and read by us: the SDK takes 0.45 ms of CPU time for each piece of a stream, most of it in
checks written in Python, against 0.02 ms; and it reads what is no object as an empty piece, without a word.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any

try:
    import httpx2
    from google import genai
    from google.auth.exceptions import GoogleAuthError
    from google.genai import errors, types
    from google.genai.version import __version__ as VERSION
except ImportError as missing:
    from thinkcurve.errors import UsageError

    raise UsageError('gemini needs the package google-genai, 3.4 or newer: pip install "thinkcurve[apis]"') from missing

from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.sdk import transport
from thinkcurve_backends.gemini.options import GeminiOptions

__all__ = ["VERSION", "GoogleAuthError", "Sdk", "Taken", "address_of", "errors", "types"]

HOST = "https://generativelanguage.googleapis.com"
REPLAYED = "replayed"
"""Stands for the key where a cassette is played: the SDK wants one."""


class Taken:
    """The answer to a generation, as `thinkcurve_backends.endpoint.wire.Answer`."""

    def __init__(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        return aiter(self._stream)

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._stream.aclose()


_TAKEN: ContextVar[list[Taken] | None] = ContextVar("_TAKEN", default=None)
"""Where a good answer goes in place of the SDK; ``None`` where the SDK reads it itself."""


class _Tap(httpx2.AsyncBaseTransport):
    """A transport that keeps the bodies of generations for us, and shows the SDK empty ones."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        taken = _TAKEN.get()
        if taken is None or response.status_code != 200:
            return response
        taken.append(Taken(response))
        return httpx2.Response(200, request=request)


class Sdk:
    """The SDK's client on the wire of an `Api`, in whose loop it lives and must be closed."""

    def __init__(self, api: Api, key: str, options: GeminiOptions) -> None:
        quiet()
        self._http = httpx2.AsyncClient(transport=_Tap(transport(api)), timeout=None)
        # Nothing is asked without asyncio, but the SDK would load certificates for a second client of its own.
        self._unused = httpx2.Client(transport=httpx2.MockTransport(_refuse))
        self._client = genai.Client(
            vertexai=options.vertex,
            api_key=None if options.vertex else key or REPLAYED,
            project=options.project or None,
            location=location_of(options) if options.vertex else None,
            http_options=types.HttpOptions(
                base_url=api.base_url,
                api_version=options.api_version or None,
                httpx_client=self._unused,
                httpx_async_client=self._http,
            ),
        )

    @property
    def aio(self) -> genai.client.AsyncClient:
        """The SDK's interface."""
        return self._client.aio

    async def answer(self, model: str, contents: list[Any], config: Any, *, stream: bool) -> Taken:
        """The answer to a generation, its body still to be read. Raises what the SDK does for every other end."""
        taken: list[Taken] = []
        token = _TAKEN.set(taken)
        try:
            models = self._client.aio.models
            if stream:
                async for _ in await models.generate_content_stream(model=model, contents=contents, config=config):
                    pass  # nothing comes: the body is taken
            else:
                await models.generate_content(model=model, contents=contents, config=config)
        except BaseException:
            for one in taken:
                await one.aclose()
            raise
        finally:
            _TAKEN.reset(token)
        return taken[0]

    async def aclose(self) -> None:
        """Let go of the SDK's client; the wire stays."""
        await self._client.aio.aclose()
        self._client.close()
        await self._http.aclose()
        self._unused.close()


def address_of(options: GeminiOptions) -> str:
    """Where Google listens, as the SDK itself would find it."""
    if options.base_url or not options.vertex:
        return options.base_url or HOST
    where = location_of(options)
    if where == "global":
        return "https://aiplatform.googleapis.com"
    if where in ("us", "eu"):
        return f"https://aiplatform.{where}.rep.googleapis.com"
    return f"https://{where}-aiplatform.googleapis.com"


def location_of(options: GeminiOptions) -> str:
    """Where Google Cloud is asked."""
    return options.location or "global"


def quiet() -> None:
    """Keep the SDK from saying what is of no use.

    It warns of each value that it does not know, where those that matter are judged in `reply`, and says that it takes
    the key in GOOGLE_API_KEY where there are two, though it is given one.
    """
    logging.getLogger("google_genai._api_client").addFilter(_is_of_use)
    warnings.filterwarnings("ignore", message=r"(?s).* is not a valid ", module=r"google\.genai\._common")


def _is_of_use(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Both GOOGLE_API_KEY and GEMINI_API_KEY")


def _refuse(request: httpx2.Request) -> httpx2.Response:
    raise RuntimeError("everything is asked through asyncio")
