"""The way to a llama.cpp server: what a client needs of it, and a small HTTP/1.1 client for the one in this process.

Only what `llamacpp` needs: keep-alive, JSON in, JSON out, so that a request costs little beside a tiny model's token.
The way to a server elsewhere is in `remote`.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from typing import Any, Protocol

import msgspec

from thinkcurve.errors import BackendError
from thinkcurve_backends.json_body import json_body

LARGEST_HEAD_BYTES = 1 << 16
CHUNK_BYTES = 1 << 16


class Wire(Protocol):
    """Exchanges of JSON with one server. ``post`` is for coroutines, ``post_now`` blocks.

    Both return the decoded reply, whatever it says, or raise `BackendError`. Cancelling a ``post`` hangs up, which
    makes the server drop the request.
    """

    async def post(self, path: str, content: object) -> Any:
        """The decoded reply to JSON ``content``."""
        ...

    def post_now(self, path: str, content: object) -> Any:
        """`post`, blocking; for the tokenizer."""
        ...

    def close(self) -> None:
        """Hang up everywhere; a ``post`` that waits, or comes later, ends with a fatal `BackendError`."""
        ...


class Loopback:
    """Connections to the server in this process (a `Wire`)."""

    def __init__(self, address: str, key: str) -> None:
        host, _, port = address.removeprefix("http://").rpartition(":")
        self.host, self.port = host, int(port)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        fields = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
        self._head = f"Host: {host}\r\n{fields}Content-Length: ".encode()
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._is_closed = False
        self._blocking: http.client.HTTPConnection | None = None

    async def post(self, path: str, content: object) -> Any:
        """The decoded reply, whatever its status. Raises a fatal `BackendError` where the server is gone."""
        body = json_body(content)
        message = b"POST " + path.encode() + b" HTTP/1.1\r\n" + self._head + b"%d\r\n\r\n" % len(body) + body
        raw = await self._reply(message)
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            raise BackendError(f"llama.cpp answered with something unreadable: {error}") from error

    def post_now(self, path: str, content: object) -> Any:
        """The decoded reply to JSON ``content``, blocking; for the tokenizer."""
        body = json_body(content)
        try:
            return json.loads(self._blocking_reply(path, body))
        except (http.client.HTTPException, OSError, ValueError):
            self._hang_up_blocking()
        try:
            return json.loads(self._blocking_reply(path, body))
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise BackendError(f"the llama.cpp server in this process is gone ({error})", is_fatal=True) from error

    def close(self) -> None:
        """Hang up everywhere."""
        self._is_closed = True
        for connection in self._idle:
            connection.close()
        for connection in self._busy:
            connection.hang_up()
        self._idle.clear()
        self._hang_up_blocking()

    async def _reply(self, message: bytes) -> bytes:
        used = self._take()
        if used is not None:
            try:
                return await self._ask(used, message)
            except (OSError, EOFError):
                pass  # the server closes connections that were idle or served their number; a fresh one is next
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        try:
            return await self._ask(await _Connection.open(self.host, self.port), message)
        except (OSError, EOFError) as error:
            raise BackendError(f"the llama.cpp server in this process is gone ({error})", is_fatal=True) from error

    async def _ask(self, connection: _Connection, message: bytes) -> bytes:
        is_done = False
        self._busy.add(connection)
        try:
            reply, is_last = await connection.ask(message)
            is_done = not is_last
            return reply
        finally:
            self._busy.discard(connection)
            if is_done and not self._is_closed:
                self._idle.append(connection)
            else:
                connection.close()

    def _take(self) -> _Connection | None:
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if connection.loop is loop:
                return connection
            connection.close()
        return None

    def _blocking_reply(self, path: str, body: bytes) -> bytes:
        if self._blocking is None:
            self._blocking = http.client.HTTPConnection(self.host, self.port)
        self._blocking.request("POST", path, body, self._headers)
        return self._blocking.getresponse().read()

    def _hang_up_blocking(self) -> None:
        if self._blocking is not None:
            self._blocking.close()
            self._blocking = None


class _Connection:
    """One connection, used in the event loop that opened it; unlike asyncio's streams it can be closed without it."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, host: str, port: int) -> _Connection:
        """A fresh connection."""
        link = socket.socket()
        try:
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(link, (host, port))
        except BaseException:
            link.close()
            raise
        return cls(link)

    async def ask(self, message: bytes) -> tuple[bytes, bool]:
        """The body of the reply, and whether the server closes after it. Raises `EOFError` or `OSError`."""
        await self.loop.sock_sendall(self.link, message)
        got = bytearray()
        while (end := got.find(b"\r\n\r\n")) < 0:
            if len(got) > LARGEST_HEAD_BYTES:
                raise OSError("a reply whose head does not end")
            got += await self._more()
        head = bytes(got[: end + 2]).lower()
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if not found:
            raise OSError("a reply without a length")
        whole = end + 4 + int(rest[: rest.index(b"\r\n")])
        while len(got) < whole:
            got += await self._more()
        return bytes(got[end + 4 : whole]), b"\r\nconnection: close" in head

    async def _more(self) -> bytes:
        read = await self.loop.sock_recv(self.link, CHUNK_BYTES)
        if not read:
            raise EOFError("hung up")
        return read

    def hang_up(self) -> None:
        """End the exchange that is under way; whoever waits for it closes the connection."""
        with contextlib.suppress(OSError):  # it is not connected yet, or no more
            self.link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        self.link.close()
