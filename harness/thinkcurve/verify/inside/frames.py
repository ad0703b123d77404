"""The zygote's end of the harness's channel: frames in on descriptor 0, frames out on descriptor 1.

A frame is two big-endian 32-bit lengths, a JSON header and raw bytes, as in the harness's ``process``.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

LENGTHS = struct.Struct(">II")
READ_BYTES = 1 << 20  # at a time: Python sets aside as much as it is asked for before it reads


def receive() -> tuple[dict[str, Any], bytes] | None:
    """The next frame; ``None`` when the harness has hung up."""
    lengths = _read(LENGTHS.size)
    if lengths is None:
        return None
    head, tail = LENGTHS.unpack(lengths)
    header, payload = _read(head), _read(tail)
    return None if header is None or payload is None else (json.loads(header), payload)


def send(header: dict[str, object], payload: bytes | bytearray = b"") -> None:
    """One frame."""
    head = json.dumps(header).encode()
    data = memoryview(b"".join((LENGTHS.pack(len(head), len(payload)), head, payload)))  # a slice is no copy
    while data:
        data = data[os.write(1, data) :]


def _read(size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        more = os.read(0, min(size - len(data), READ_BYTES))
        if not more:
            return None
        data += more
    return bytes(data)
