"""A line of a journal: an event as JSON, with a checksum as its last member, so that what a disk changed is noticed
also where what stands there is still an event.

    {"event":"attempt","model":...,"seed":7,"crc32":"5a1f00c3"}

The sum is CRC-32 of all bytes before its comma. A line without one, of an earlier version, is believed as it stands.
"""

from __future__ import annotations

from zlib import crc32

import msgspec

MEMBER = b',"crc32":"'
TAIL_BYTES = len(MEMBER) + len(b'89abcdef"}\n')


def sealed(encoder: msgspec.json.Encoder, event: msgspec.Struct) -> bytes:
    """The line of an event."""
    body = encoder.encode(event)[:-1]
    return b'%b%b%08x"}\n' % (body, MEMBER, crc32(body))


def is_intact(line: bytes) -> bool:
    """Whether a whole line is what was written, as far as it says."""
    tail = line[-TAIL_BYTES:]
    if not tail.startswith(MEMBER):
        return True
    return tail[len(MEMBER) : -3] == b"%08x" % crc32(memoryview(line)[:-TAIL_BYTES])
