"""JSON over HTTP to a model server: pooled connections, bounded bodies, and every fault as one clear `BackendError`.

Whose fault it is decides what follows. Reset, silent, overloaded (429) and broken (5xx) servers may do better later:
those errors are retryable, with the server's own ``Retry-After`` where it gives one. A server that cannot be reached
is retryable too, but fatal when retries are used up: nobody is there for the next request either. A wrong key, a
wrong address and a redirect are fatal at once. Any other refusal is about one request alone.
Redirects are not followed: a key must not travel to where nobody sent it.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import os
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.json_body import json_body
from thinkcurve_backends.own_loop import OwnLoop

T = TypeVar("T")
KEY_VARIABLE = "THINKCURVE_API_KEY"
"""The environment variable with the key of a server that asks for one; there is no other way to give it."""
CONNECT_S = 10.0
IDLE_S = 3.0
"""Idle connections are given up before uvicorn, which closes them after 5 s, pulls one from under a request."""
LARGEST_BODY_BYTES = 1 << 28
"""Far above any real answer (32,000 tokens with 20 rivals each are 40 MB), far below what a machine holds."""
LONGEST_REASON = 300
LATER = frozenset({408, 425, 429, *range(500, 600)} - {501, 505})
"""Statuses that say "not now"; 529 is Anthropic's "overloaded"."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def key_from_environment(variable: str = KEY_VARIABLE) -> str:
    """The key for a server that asks for one, empty where none is set. Raises `UsageError` where it can be no key."""
    return check_key(os.environ.get(variable, "").strip(), variable)


def check_key(key: str, variable: str = KEY_VARIABLE) -> str:
    """``key`` where it can stand in a header; the `UsageError` where it cannot does not show it."""
    if all("!" <= letter <= "~" for letter in key):
        return key
    raise UsageError(
        f"the key in {variable} holds a blank, a line break or a letter beyond ASCII, which no key may; copy it again"
    )


def check_address(url: str) -> str:
    """``url`` without a trailing slash. Raises `UsageError` where it is no address of a server, or holds a secret."""
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        parts, is_address = urlsplit(""), False
    if not is_address:
        shown = url.rpartition("@")[2]  # what stands before it may be a secret
        raise UsageError(f"{shown!r} is no address of a server; it is written http://HOST:PORT")
    if parts.username or parts.password:
        raise UsageError(f"the address of {parts.hostname} holds a name or password; set {KEY_VARIABLE} instead")
    if parts.query or parts.fragment:
        raise UsageError(f"the address of a server ends before any ? or #: {url!r}")
    return url.strip().rstrip("/")


class Remote:
    """One server. Coroutines use ``post`` and ``get`` from any event loop, plain functions the ``_now`` ones.

    ``key`` is sent as a bearer token and appears in no error; ``key_variable`` says in errors where it comes from. An
    answer that is not whole after ``timeout_s`` is given up. Cancelling a call hangs up, which makes model servers drop
    the request. Paths begin with a slash and are appended to ``base_url``.
    """

    def __init__(
        self, base_url: str, *, key: str = "", timeout_s: float = 600, key_variable: str = KEY_VARIABLE
    ) -> None:
        self.base_url = check_address(base_url)
        self.timeout_s = timeout_s
        self._key = check_key(key, key_variable)
        self._key_variable = key_variable
        self._loop = OwnLoop(f"the connection to {self.base_url}")
        self._http: httpx2.AsyncClient | None = None

    async def post(self, path: str, content: object) -> Any:
        """The decoded answer to JSON ``content``."""
        return await self._loop.run(self._post(path, content))

    async def get(self, path: str) -> Any:
        """The decoded answer to a GET."""
        return await self._loop.run(self._ask("GET", path))

    def post_now(self, path: str, content: object) -> Any:
        """`post`, blocking."""
        return self._loop.run_now(self._post(path, content))

    def get_now(self, path: str) -> Any:
        """`get`, blocking."""
        return self._loop.run_now(self._ask("GET", path))

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of several exchanges, blocking."""
        return self._loop.run_now(work)

    async def aclose(self) -> None:
        """`close`; it does not wait for any server, so it may stand in a coroutine."""
        self.close()

    def close(self) -> None:
        """Hang up everywhere; calls that are open, or come later, end with a fatal `BackendError`."""
        self._loop.close(self._hang_up())

    def _post(self, path: str, content: object) -> Coroutine[Any, Any, Any]:
        return self._ask("POST", path, json_body(content))

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """One exchange, inside the own loop."""
        try:
            async with asyncio.timeout(self.timeout_s):
                async with self._client().stream(method, self.base_url + path, content=body) as response:
                    raw = await self._read(response)
        except TimeoutError as error:
            raise BackendError(
                f"{self.base_url} gave no whole answer in {self.timeout_s:g} s (option timeout_s)", is_retryable=True
            ) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            reason = self._line(_cause(error))
            raise BackendError(
                f"cannot reach {self.base_url}: {reason}; is the server running there?",
                is_retryable="CERTIFICATE" not in reason.upper(),
                is_fatal=True,
            ) from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            reason = self._line(str(error)) or type(error).__name__
            raise BackendError(f"{self.base_url} broke off an exchange: {reason}", is_retryable=True) from error
        if not response.is_success:
            raise self._refusal(response, path, raw)
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            kind = self._line(response.headers.get("content-type", "no type"))
            raise BackendError(
                f"{self.base_url} answered {path} with {len(raw)} bytes of {kind} that are no JSON ({error})",
                is_retryable=True,
            ) from error

    async def _read(self, response: httpx2.Response) -> bytes:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > LARGEST_BODY_BYTES:
                raise BackendError(f"{self.base_url} answered with more than {LARGEST_BODY_BYTES >> 20} MiB; given up")
            parts.append(part)
        return b"".join(parts)

    def _refusal(self, response: httpx2.Response, path: str, raw: bytes) -> BackendError:
        status = response.status_code
        reason = self._line(_message(raw)) or response.reason_phrase or "no reason given"
        said = f"{status}: {reason}"
        if status in LATER:
            wish = retry_after_s(response.headers.get("retry-after", ""), time.time())
            return BackendError(f"{self.base_url} said {said}", is_retryable=True, retry_after_s=wish)
        if status in (401, 403):
            remedy = f"the key in {self._key_variable} is not accepted" if self._key else f"set {self._key_variable}"
            return BackendError(f"{self.base_url} lets nobody in without a right key ({said}): {remedy}", is_fatal=True)
        if status == 404:
            return BackendError(
                f"{self.base_url} has no {path} for this ({said}); check address and name", is_fatal=True
            )
        if 300 <= status < 400:
            there = self._line(response.headers.get("location", "elsewhere"))
            return BackendError(f"{self.base_url} redirects to {there}; give that address itself", is_fatal=True)
        return BackendError(f"{self.base_url} refused a request ({said})")

    def _line(self, text: str) -> str:
        """``text`` of a stranger as one short line that never holds the key."""
        if self._key:
            text = text.replace(self._key, "***")
        return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST_REASON]).split())[
            :LONGEST_REASON
        ]

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            bearer = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            self._http = httpx2.AsyncClient(
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **bearer},
                timeout=httpx2.Timeout(None, connect=CONNECT_S),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=IDLE_S),
                follow_redirects=False,
                trust_env=urlsplit(self.base_url).hostname not in LOOPBACK,  # no proxy leads to this machine
            )
        return self._http

    async def _hang_up(self) -> None:
        if self._http is not None:
            await self._http.aclose()


def retry_after_s(text: str, now: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, a number or an HTTP date; ``now`` is Unix time."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _cause(error: BaseException) -> str:
    """What the system said at the bottom of it: HTTP libraries say only that all attempts failed."""
    found, seen = str(error), error.__cause__ or error.__context__
    while seen is not None:
        if isinstance(seen, OSError) and str(seen):
            found = seen.strerror or str(seen)
        if isinstance(seen, BaseExceptionGroup):
            seen = seen.exceptions[0]
            continue
        seen = seen.__cause__ or seen.__context__
    return found or "no connection"


def _message(raw: bytes) -> str:
    """The reason in the body of a refusal, as the servers of this field give it, or its beginning."""
    try:
        found = msgspec.json.decode(raw)
        for name in ("error", "message", "detail"):
            while isinstance(found, dict) and name in found:
                found = found[name]
        if isinstance(found, str):
            return found
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return raw[: 4 * LONGEST_REASON].decode("utf-8", "replace")
