"""Exchanges with an API on file: recorded one JSON line each, and replayed without network or key.

No request header is written, of the response's only `KEPT_HEADERS`, and the key's value nowhere. An exchange is found
again by method, path and body, where the order of JSON fields says nothing. Equal requests are answered in the order in
which they were sent; refusals that were retried then (429, 500, ...) are left out where an answer followed. A line that
was torn when its writer was killed is dropped.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from thinkcurve.errors import BackendError, UsageError
from thinkcurve_backends.endpoint.faults import LATER
from thinkcurve_backends.endpoint.keys import HIDDEN, all_writings, hide, secrets_of
from thinkcurve_backends.endpoint.wire import Answer, Call, Wire
from thinkcurve_backends.json_body import decoded

UPLOAD_URL = "x-goog-upload-url"
"""Where Google's SDK sends a file in parts; its ``upload_id`` lets anybody do so, and is hidden."""
KEPT_HEADERS = frozenset(
    {"content-type", "request-id", "x-request-id", "openai-processing-ms", "x-goog-upload-status", UPLOAD_URL}
)
NO_JSON = b"\x00no json\x00"
LONGEST_BEGINNING = 120
DRAIN_S = 0.5
SECRET_PARAMETERS = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token", "sig", "signature"})


class Binary(msgspec.Struct, frozen=True):
    """Bytes that are no text."""

    base64: str


Text = str | Binary


class Exchange(msgspec.Struct, frozen=True):
    """One line of a cassette. ``sent_at`` is Unix time; ``chunks`` are the response's body as it came."""

    method: str
    path: str
    request: Text
    status: int
    headers: dict[str, str]
    chunks: list[Text]
    sent_at: float = 0.0
    kind: str = ""
    """The request's content type, where it is not JSON."""


class Found(msgspec.Struct, frozen=True):
    """The part of a line that finds it."""

    method: str
    path: str
    request: Text
    status: int
    sent_at: float = 0.0
    kind: str = ""


class Recorder:
    """A wire that writes down what passes. ``secrets`` are hidden, and so is what is secret in a request's headers."""

    def __init__(self, wire: Wire, file: str, secrets: Iterable[str] = ()) -> None:
        self._wire = wire
        self._tape = _tape(file)
        self._secrets = tuple(secrets)

    async def send(self, call: Call) -> Answer:
        """The response to a call, which is written down once its body was read to the end."""
        sent_at = time.time()
        return _Recorded(await self._wire.send(call), self, call, sent_at)

    async def aclose(self) -> None:
        """Hang up everywhere."""
        await self._wire.aclose()

    def write(self, call: Call, answer: Answer, chunks: list[bytes], sent_at: float) -> None:
        """Append one exchange."""
        if UPLOAD_URL in answer.headers:
            query = dict(parse_qsl(urlsplit(answer.headers[UPLOAD_URL]).query))
            self._secrets = all_writings((*self._secrets, query.get("upload_id", "")))
        secrets = tuple(dict.fromkeys((*self._secrets, *secrets_of(call.headers))))
        kind = call.headers.get("content-type", "")
        line = msgspec.json.encode(
            Exchange(
                call.method,
                hide(_path(hide(call.url, secrets)), secrets),
                _text(_hidden(call.body, secrets)),
                answer.status,
                {name: hide(value, secrets) for name, value in answer.headers.items() if name in KEPT_HEADERS},
                [_text(chunk) for chunk in _hidden_chunks(chunks, secrets)],
                sent_at,
                "" if "json" in kind else hide(kind, secrets),
            )
        )
        self._tape.append(line)


class _Recorded:
    """An answer that is written down."""

    def __init__(self, answer: Answer, recorder: Recorder, call: Call, sent_at: float) -> None:
        self._answer, self._recorder, self._call, self._sent_at = answer, recorder, call, sent_at
        self.status = answer.status
        self.headers = answer.headers
        self._source = answer.chunks()
        self._parts: list[bytes] = []
        self._is_over = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        try:
            async for part in self._source:
                self._parts.append(part)
                yield part
        except GeneratorExit:
            raise
        except BaseException:
            self._is_over = True  # and not whole
            raise
        if not self._is_over:
            self._is_over = True
            self._recorder.write(self._call, self._answer, self._parts, self._sent_at)

    async def aclose(self) -> None:
        """Let the connection go. Readers of events leave before the very end, so that is looked for here."""
        try:
            if self._parts and not self._is_over:
                with contextlib.suppress(TimeoutError, BackendError):
                    async with asyncio.timeout(DRAIN_S):
                        async for _ in self.chunks():
                            pass
        finally:
            await self._answer.aclose()


class _Tape:
    """A cassette that is written to, by all backends of this process alike."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab+") as tape:
                _drop_torn_line(tape.fileno(), tape.tell())
        except OSError as error:
            raise UsageError(f"cannot write the cassette {str(file)!r}: {error.strerror}") from error

    def append(self, line: bytes) -> None:
        """Write one line, as a whole."""
        try:
            with self._lock, self._file.open("ab", buffering=0) as tape:
                tape.write(line + b"\n")
        except OSError as error:
            raise BackendError(
                f"cannot write the cassette {str(self._file)!r}: {error.strerror}", is_fatal=True
            ) from error


def _drop_torn_line(descriptor: int, size: int) -> None:
    """Cut off what stands after the last line break."""
    end, step = size, 1 << 16
    while end > 0:
        start = max(0, end - step)
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, end - start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)


_tapes: dict[Path, _Tape] = {}
_tapes_lock = threading.Lock()


def _tape(file: str) -> _Tape:
    path = Path(file).expanduser().resolve()
    with _tapes_lock:
        if path not in _tapes or not path.exists():
            _tapes[path] = _Tape(path)
        return _tapes[path]


class Replay:
    """A wire on which a cassette answers. Only what finds its lines is held in memory."""

    def __init__(self, file: str) -> None:
        self._file = Path(file).expanduser()
        self._lines: dict[str, list[tuple[int, int]]] = {}
        self._matched: set[str] = set()  # methods
        try:
            self._read()
        except OSError as error:
            raise UsageError(f"cannot read the cassette {file!r}: {error.strerror}") from error

    async def send(self, call: Call) -> Answer:
        """The recorded response to a call. Raises `BackendError` where there is none, or no further one.

        It is fatal where nothing was found before: it is another cassette then, else one request was not recorded.
        """
        digest = _digest(call.method, _path(call.url), call.body, call.headers.get("content-type", ""))
        lines = self._lines.get(digest)
        if not lines:
            known = "no further answer" if lines is not None else "no answer"
            raise BackendError(
                f"the cassette {str(self._file)!r} holds {known} to {call.method} {_path(call.url)} with the body "
                f"{_beginning(call.body)}; record it again, or ask for what was recorded",
                is_fatal=call.method not in self._matched,
            )
        self._matched.add(call.method)
        exchange = self._at(*lines.pop(0))
        return _Replayed(exchange.status, exchange.headers, [_bytes(chunk) for chunk in exchange.chunks])

    async def aclose(self) -> None:
        """There is nothing to hang up."""

    def _at(self, start: int, size: int) -> Exchange:
        with self._file.open("rb") as tape:
            tape.seek(start)
            return msgspec.json.decode(tape.read(size), type=Exchange)

    def _read(self) -> None:
        found: dict[str, list[tuple[bool, float, int, int]]] = {}
        start = 0
        with self._file.open("rb") as tape:
            for number, line in enumerate(tape, 1):
                if line.endswith(b"\n") and line.strip():
                    entry = self._entry(line, number)
                    digest = _digest(entry.method, entry.path, _bytes(entry.request), entry.kind)
                    found.setdefault(digest, []).append((entry.status in LATER, entry.sent_at, start, len(line)))
                start += len(line)
        for digest, lines in found.items():
            good = [line for line in lines if not line[0]]
            self._lines[digest] = [line[2:] for line in sorted(good or lines)]

    def _entry(self, line: bytes, number: int) -> Found:
        try:
            return msgspec.json.decode(line, type=Found)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"line {number} of {str(self._file)!r} is no exchange of a cassette: {error}") from error


class _Replayed:
    """A recorded response."""

    def __init__(self, status: int, headers: Mapping[str, str], chunks: list[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._chunks = chunks

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it came."""
        for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        """There is nothing to let go."""


def _path(url: str) -> str:
    """Path and query, without what may be a key in it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in query if not _is_secret(name)])
    return parts.path + (f"?{kept}" if kept else "")


def _is_secret(parameter: str) -> bool:
    return parameter.lower() in SECRET_PARAMETERS or parameter.lower().startswith("x-amz-")


def _digest(method: str, path: str, body: bytes, kind: str) -> str:
    try:
        body = msgspec.json.encode(decoded(body), order="sorted") if body else b""
    except ValueError:
        if border := re.search(r'boundary="?([^";,]+)', kind):  # of a form: drawn anew each time
            body = body.replace(border[1].encode(), b"")
        body = NO_JSON + body
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


def _hidden(raw: bytes, secrets: Iterable[str]) -> bytes:
    for secret in secrets:
        raw = raw.replace(secret.encode(), HIDDEN.encode())
    return raw


def _hidden_chunks(chunks: list[bytes], secrets: tuple[str, ...]) -> list[bytes]:
    """``chunks`` without secrets; where one stands across a border, without the borders."""
    if any(secret.encode() in b"".join(chunks) for secret in secrets):
        return [_hidden(b"".join(chunks), secrets)]
    return chunks


def _text(raw: bytes) -> Text:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Binary(base64.b64encode(raw).decode())


def _bytes(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else base64.b64decode(text.base64)


def _beginning(body: bytes) -> str:
    text = body[: 4 * LONGEST_BEGINNING].decode("utf-8", "replace")
    return repr(text[:LONGEST_BEGINNING] + ("..." if len(text) > LONGEST_BEGINNING else ""))
