"""A child that speaks nonsense: it says hello, then writes back the bytes that each request's payload holds.

Run as ``python -I -S fake_child.py``. What the request's header says under ``then`` happens afterwards: ``stay``, or
``exit`` with the given code.
"""

import json
import os
import struct
import sys

LENGTHS = struct.Struct(">II")


def main() -> None:
    _write(LENGTHS.pack(2, 0) + b"{}")
    while len(lengths := sys.stdin.buffer.read(LENGTHS.size)) == LENGTHS.size:
        head, tail = LENGTHS.unpack(lengths)
        request = json.loads(sys.stdin.buffer.read(head))
        _write(sys.stdin.buffer.read(tail))
        if request["then"] == "exit":
            os._exit(request["code"])


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
