"""HTTP exchanges at their lowest: what goes out, what comes back, and who carries it.

Everything that speaks HTTP goes through a `Wire`, our own calls and those of providers' SDKs (`sdk`) alike, so that
limits (`limiter`), cassettes (`cassette`) and timeouts are written once. aiohttp carries it: at 256 connections it took
a fourth of the CPU time of httpx2, whose pool looks at every connection for every request.

Redirects are not followed: a key must not travel to where nobody sent it. Proxies are those of the environment, but
none leads to this machine; a ``.netrc`` is not read.
"""

from __future__ import annotations

import functools
import io
import socket
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import yarl

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.faults import one_line
from thinkcurve_backends.endpoint.keys import secrets_of

KEPT_S = 3.0
"""Idle connections are given up before uvicorn, which closes them after 5 s, pulls one from under a request."""
LARGEST_BODY_BYTES = 1 << 28
"""Far above any real answer (32,000 tokens with 20 rivals each are 40 MB), far below what a machine holds."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LARGEST_PIECE_BYTES = 1 << 20
"""A larger body is sent in pieces, so that others get their turn (aiohttp warns from here on)."""
STALE_S = 0.5
"""A connection that was used before and breaks this soon was closed by the server before the request came: it is sent
again, unless a byte of an answer came. On a new connection the server may have begun to work, so nothing is resent."""
LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
UNREACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. Header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Answer(Protocol):
    """One HTTP response, its body still to be read. Header names are lower case."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        ...

    async def aclose(self) -> None:
        """Let the connection go: back to the pool where the body was read to its end, else hung up."""
        ...


class Wire(Protocol):
    """Carries calls. Raises `BackendError` for what the network does, and nothing for what a server says."""

    async def send(self, call: Call) -> Answer:
        """The response to a call, as soon as its head is there."""
        ...

    async def aclose(self) -> None:
        """Hang up everywhere."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for reaching a server, of its longest silence, and for one whole answer; 0 is no bound."""

    connect_s: float = 10.0
    idle_s: float = 600.0
    total_s: float = 7200.0


@dataclass(slots=True)
class _Way:
    """Whether a request goes over a connection that was used before."""

    is_old: bool = True


_way: ContextVar[_Way] = ContextVar("way")


def _new_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for the request of this context (tracing would tell the same for a tenth of a request's CPU)."""
    family, kind, protocol, *_ = address
    _way.get().is_old = False
    return socket.socket(family, kind, protocol)


@functools.lru_cache(maxsize=256)
def _parsed(url: str) -> yarl.URL:
    return yarl.URL(url, encoded=True)


def _has_begun(error: Exception) -> bool:
    """Whether the head of an answer broke off in its middle."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


class Network:
    """The wire itself. To be used in one event loop."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def send(self, call: Call) -> Answer:
        """The response to a call."""
        url = _parsed(call.url)
        with self._clear(url, call.headers):
            sent_at, way = time.monotonic(), _Way()
            try:
                response = await self._request(call, url, way)
            except LOST as error:
                is_stale = way.is_old and time.monotonic() - sent_at < STALE_S
                if isinstance(error, UNREACHED) or not is_stale or _has_begun(error):
                    raise
                response = await self._request(call, url, _Way())
        return _Received(response, self._clear, url, call.headers)

    async def _request(self, call: Call, url: yarl.URL, way: _Way) -> aiohttp.ClientResponse:
        _way.set(way)
        large = len(call.body) > LARGEST_PIECE_BYTES
        return await self._opened().request(
            call.method,
            url,
            headers={"accept-encoding": "identity", **call.headers},
            data=io.BytesIO(call.body) if large else call.body or None,
            allow_redirects=False,
            proxy=self._proxy(url),
            ssl=_trusted() if url.scheme == "https" else True,
        )

    async def aclose(self) -> None:
        """Hang up everywhere."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            patience = self._patience
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=KEPT_S, ttl_dns_cache=60, socket_factory=_new_socket
                ),
                timeout=aiohttp.ClientTimeout(
                    total=patience.total_s or None,
                    connect=patience.connect_s or None,
                    sock_read=patience.idle_s or None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _proxy(self, url: yarl.URL) -> str | None:
        host, scheme = url.host or "", url.scheme
        if (scheme, host) not in self._proxies:
            known = urllib.request.getproxies()
            is_direct = host in LOOPBACK or urllib.request.proxy_bypass(host)
            proxy = None if is_direct else known.get(scheme) or known.get("all")
            if proxy and "://" not in proxy:
                proxy = f"http://{proxy}"
            if proxy and not proxy.startswith(("http://", "https://")):
                kind = proxy.partition(":")[0]
                raise BackendError(f"the proxy of the environment is one of {kind!r}, not of http", is_fatal=True)
            self._proxies[scheme, host] = proxy
        return self._proxies[scheme, host]

    @contextmanager
    def _clear(self, url: yarl.URL, headers: Mapping[str, str]) -> Iterator[None]:
        """Turns what the network does into clear errors."""
        try:
            yield
        except UNREACHED as error:
            reason = self._line(_reason(error), url, headers)
            raise BackendError(
                f"cannot reach {url.origin()}: {reason}; is the server running there?",
                is_retryable="CERTIFICATE" not in reason.upper(),
                is_fatal=True,
            ) from None
        except aiohttp.SocketTimeoutError:
            silence = f"{url.origin()} said nothing for {self._patience.idle_s:g} s (option idle_s)"
            raise BackendError(silence, is_retryable=True) from None
        except TimeoutError:
            slowness = f"{url.origin()} gave no whole answer in {self._patience.total_s:g} s (option total_s)"
            raise BackendError(slowness, is_retryable=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = self._line(str(error), url, headers) or type(error).__name__
            raise BackendError(f"{url.origin()} broke off an exchange: {reason}", is_retryable=True) from None

    def _line(self, text: str, url: yarl.URL, headers: Mapping[str, str]) -> str:
        proxy = yarl.URL(self._proxy(url) or "")
        return one_line(text, (*secrets_of(headers), *filter(None, (proxy.password,))))


class _Received:
    """A response of aiohttp as an `Answer`."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        clear: Callable[[yarl.URL, Mapping[str, str]], AbstractContextManager[None]],
        url: yarl.URL,
        sent: Mapping[str, str],
    ) -> None:
        self._response = response
        self._clear, self._url, self._sent = clear, url, sent
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        size = 0
        content = self._response.content
        while True:
            with self._clear(self._url, self._sent):
                part = await content.readany()
            if not part:
                return
            size += len(part)
            if size > LARGEST_BODY_BYTES:
                raise BackendError(
                    f"{self._url.origin()} answered with more than {LARGEST_BODY_BYTES >> 20} MiB; given up"
                )
            yield part

    async def aclose(self) -> None:
        """Let the connection go."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The certificates that the SDKs trust, so that what they reach is reached here."""
    import httpx2

    return httpx2.create_ssl_context()


def _reason(error: BaseException) -> str:
    """What the system said, without the words of aiohttp around it."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time (option connect_s)"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy said {error.status}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    system = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return getattr(system, "strerror", None) or str(system) or "no connection"
