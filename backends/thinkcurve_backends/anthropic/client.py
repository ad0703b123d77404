"""The official SDK on our wire: its authentication, headers and paths; our connections, limits, cassettes and retries.

Requests go through its `post` and `get` as bytes and come back as bytes: with a check of every event by pydantic an
answer in 50 pieces took 5.4 ms of CPU time, and takes 2.0 ms without (SDK 2.12, one core), and `messages.create` warns
of models by name. The SDK's own retries are off: retrying is the run's, in one place for all providers.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import httpx2

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.anthropic.options import AnthropicOptions
from thinkcurve_backends.endpoint.api import Api
from thinkcurve_backends.endpoint.keys import Key
from thinkcurve_backends.endpoint.sdk import cause_of, transport

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

EVENTS = "text/event-stream"
MESSAGES = "/v1/messages"
ABSENT = frozenset({400, 404, 405, 501})
"""What servers say to a path that they do not have."""


class Client:
    """One `anthropic.AsyncAnthropic`. Its coroutines are to be run in the loop of ``api``."""

    def __init__(self, api: Api, key: Key, options: AnthropicOptions) -> None:
        self._api = api
        self._key = key
        self._options = options
        self._sdk: AsyncAnthropic | None = None

    @contextlib.asynccontextmanager
    async def opened(self, method: str, path: str, content: bytes = b"") -> AsyncIterator[httpx2.Response]:
        """The response to one request, its body still to be read. Raises `BackendError` for every other end."""
        import anthropic

        try:
            response = await self._sent(method, path, content)
        except anthropic.AnthropicError as error:
            raise self._fault_of(error, path) from None
        try:
            yield response
        finally:
            await response.aclose()

    async def whole(self, method: str, path: str, content: bytes = b"") -> bytes:
        """The body of the answer to one request."""
        async with self.opened(method, path, content) as response:
            return await response.aread()

    async def look(self, path: str) -> bytes | None:
        """What stands at a path; ``None`` where nothing does."""
        import anthropic

        try:
            response = await self._sent("GET", path, b"")
        except anthropic.APIStatusError as error:
            if error.status_code in ABSENT:
                return None
            raise self._fault_of(error, path) from None
        except anthropic.AnthropicError as error:
            raise self._fault_of(error, path) from None
        try:
            return await response.aread()
        finally:
            await response.aclose()

    async def _sent(self, method: str, path: str, content: bytes) -> httpx2.Response:
        from anthropic import AsyncStream

        sdk = self._opened()
        ask: Any = sdk.get if method == "GET" else sdk.post
        more: dict[str, Any] = {"content": content} if content else {}
        headers = {"content-type": "application/json"} if content else {}
        response: httpx2.Response = await ask(
            path,
            cast_to=httpx2.Response,
            options={"headers": headers},
            stream=True,
            stream_cls=AsyncStream[Any],
            **more,
        )
        return response

    def _fault_of(self, error: Exception, path: str) -> BackendError:
        """What the SDK raised, as an error of ours: by its status, or what the network did."""
        import anthropic

        if isinstance(error, anthropic.APIStatusError):
            response = error.response
            headers = {name.lower(): value for name, value in response.headers.items()}
            return self._api.fault(response.status_code, headers, response.content, path)
        return cause_of(error) or BackendError(
            f"{self._api.base_url} was not asked: {self._api.line(str(error))}", is_retryable=True
        )

    def _opened(self) -> AsyncAnthropic:
        if self._sdk is None:
            from anthropic import AsyncAnthropic, Omit

            headers: dict[str, str | Omit] = dict(self._options.headers)
            if not self._key:
                headers["Authorization"] = Omit()
            self._sdk = AsyncAnthropic(
                api_key=self._key.value or "none",  # without one the SDK would look for others
                base_url=self._api.base_url,
                max_retries=0,
                timeout=httpx2.Timeout(self._options.idle_s or None, connect=self._options.connect_s or None),
                default_headers=cast(Mapping[str, str], headers),
                http_client=httpx2.AsyncClient(transport=transport(self._api), trust_env=False),
            )
        return self._sdk


def version_of_api() -> str:
    """The version of the API that the installed SDK speaks. Raises `UsageError` where there is none."""
    try:
        from anthropic._constants import ANTHROPIC_API_VERSION
    except ImportError as error:
        try:
            found = version("anthropic")
        except ImportError:
            raise UsageError('anthropic:NAME needs the SDK of Anthropic: pip install "thinkcurve[apis]"') from error
        raise UsageError(
            f'anthropic {found} is too old for anthropic:NAME, 2.0 is needed: pip install -U "thinkcurve[apis]"'
        ) from error
    return ANTHROPIC_API_VERSION
