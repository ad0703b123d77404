"""A small HTTP/1.1 client for one in-process server on the loopback address: keep-alive, JSON in, JSON out.

Only what `llamacpp` needs. A general client costs more a request than a tiny model's token does.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any

from thinkcurve.errors import BackendError

LARGEST_HEAD_BYTES = 1 << 16


class Loopback:
    """Connections to one server. ``post`` is for coroutines, ``post_now`` blocks.

    Cancelling a ``post`` hangs up, which makes the server drop the request.
    """

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

    async def post(self, path: str, body: bytes) -> bytes:
        """The body of the reply, whatever its status. Raises a fatal `BackendError` where the server is gone."""
        message = b"POST " + path.encode() + b" HTTP/1.1\r\n" + self._head + b"%d\r\n\r\n" % len(body) + body
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

    def post_now(self, path: str, content: object) -> Any:
        """The decoded reply to JSON ``content``, blocking; for the tokenizer."""
        body = json.dumps(content).encode()
        try:
            return json.loads(self._blocking_reply(path, body))
        except (http.client.HTTPException, OSError, ValueError):
            self._hang_up_blocking()
        try:
            return json.loads(self._blocking_reply(path, body))
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise BackendError(f"the llama.cpp server in this process is gone ({error})", is_fatal=True) from error

    def close(self) -> None:
        """Hang up everywhere; a ``post`` that waits, or comes later, ends with a `BackendError`."""
        self._is_closed = True
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()
        self._hang_up_blocking()

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
            if connection.loop is loop and not connection.reader.at_eof():
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
    """One connection, bound to the event loop that opened it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, host: str, port: int) -> _Connection:
        """A fresh connection."""
        return cls(*await asyncio.open_connection(host, port, limit=LARGEST_HEAD_BYTES))

    async def ask(self, message: bytes) -> tuple[bytes, bool]:
        """The body of the reply, and whether the server closes after it. Raises `EOFError` or `OSError`."""
        self.writer.write(message)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if not found:
            raise OSError("a reply without a length")
        body = await self.reader.readexactly(int(rest[: rest.index(b"\r\n")]))
        return body, b"\r\nconnection: close" in head

    def close(self) -> None:
        """Hang up at once. A connection of an event loop that is closed is gone already."""
        if not self.loop.is_closed():
            self.writer.transport.abort()
