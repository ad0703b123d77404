"""Message Batches: many requests at half the price, answered within a day.

https://platform.claude.com/docs/en/build-with-claude/batch-processing has the price ("All usage is charged at 50% of
the standard API prices") and the limits: 100,000 requests or 256 MB in a batch, results kept for 29 days.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from thinkcurve.backend import BatchStatus, Generation
from thinkcurve.errors import BackendError
from thinkcurve_backends.anthropic.client import MESSAGES, Client
from thinkcurve_backends.anthropic.reply import Fault, broken
from thinkcurve_backends.json_body import decoded, json_body

PATH = f"{MESSAGES}/batches"
Read = Callable[[bytes], Generation]
MOST_REQUESTS = 100_000
MOST_BYTES = 256_000_000
HALF_PRICE = 0.5
NEVER_BEGUN = ("expired", "canceled")
"""Neither ran nor is paid for: `anthropic.types.messages.MessageBatchResult`."""


class _Counts(msgspec.Struct):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    request_counts: _Counts = msgspec.field(default_factory=_Counts)


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


_LINE = msgspec.json.Decoder(_Line)


def body_of(bodies: Mapping[str, Mapping[str, Any]]) -> bytes:
    """What asks for a batch of messages, each by a name of ours. Raises `BackendError` for one that is too large."""
    content = json_body({"requests": [{"custom_id": name, "params": body} for name, body in bodies.items()]})
    if len(bodies) > MOST_REQUESTS or len(content) > MOST_BYTES:
        raise BackendError(
            f"a batch of {len(bodies)} requests with {len(content) / 1e6:.0f} MB is too large for Anthropic; it takes "
            f"{MOST_REQUESTS} requests with {MOST_BYTES / 1e6:.0f} MB: run fewer problems or samples at once"
        )
    return content


async def submit(client: Client, content: bytes) -> str:
    """Hand over a batch; Anthropic's id of it."""
    return (await _asked(client, "POST", PATH, content)).id


async def status(client: Client, batch: str) -> BatchStatus:
    """How far a batch is."""
    found = await _asked(client, "GET", _path(batch))
    counts = found.request_counts
    n_done = counts.succeeded + counts.errored + counts.canceled + counts.expired
    return BatchStatus(found.processing_status == "ended", n_done, n_done + counts.processing)


async def collect(client: Client, batch: str, read: Read, fault: Fault) -> dict[str, Generation | BackendError]:
    """What became of each request of an ended batch; one that was never begun is missing.

    The address of the results is put together here: the one that a server names may be anywhere, and the key goes
    along.
    """
    found: dict[str, Generation | BackendError] = {}
    async with client.opened("GET", f"{_path(batch)}/results") as response:
        async for raw in _lines(response.aiter_bytes()):
            line = _line(raw)
            if line.result.type not in NEVER_BEGUN:
                found[line.custom_id] = _outcome(line.result, read, fault)
    return found


def _path(batch: str) -> str:
    return f"{PATH}/{quote(batch, safe='')}"


async def _asked(client: Client, method: str, path: str, content: bytes = b"") -> _Batch:
    raw = await client.whole(method, path, content)
    try:
        found: _Batch = decoded(raw, msgspec.json.Decoder(_Batch).decode)
    except ValueError as error:
        raise broken(f"answered {path} with {len(raw)} bytes that describe no batch ({error})") from error
    return found


def _line(raw: bytes) -> _Line:
    try:
        found: _Line = decoded(raw, _LINE.decode)
    except ValueError as error:
        raise broken(f"gave results of which a line cannot be read ({error})") from error
    return found


def _outcome(result: _Result, read: Read, fault: Fault) -> Generation | BackendError:
    if result.type == "errored":
        return fault(_document(result.error))
    try:
        return read(bytes(result.message))
    except BackendError as error:
        return error


def _document(error: object) -> dict[str, Any]:
    return error if isinstance(error, dict) else {"type": "error", "error": error}


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    parts: list[bytes] = []
    async for chunk in chunks:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole, parts = b"".join((*parts, line)), []
            if whole.strip():
                yield whole
        parts.append(rest)
    if (last := b"".join(parts)).strip():
        yield last
