"""JSON to and from a server: a clear error for what cannot be said in it, and `ValueError` for what cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from thinkcurve.errors import BackendError

HALF = re.compile("[\ud800-\udfff]")
MOST_TOKENS = 1 << 40
"""No count of tokens is as large; what is comes from a fault."""


def json_body(content: object) -> bytes:
    """``content`` as JSON in UTF-8. Raises `BackendError` where a text holds half a character."""
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError as error:
        raise BackendError("the request holds half a character (a lone surrogate), which JSON cannot say") from error


def decoded(raw: bytes, read: Callable[[bytes], Any] = msgspec.json.decode) -> Any:
    """What ``read`` makes of JSON ``raw``. Raises `ValueError` for what is none, nested without end, or not as wanted.

    Half a character in a text is read as U+FFFD, and NaN and the infinities, which servers in Python write, as null:
    neither is a reason to lose an answer.
    """
    try:
        return read(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise ValueError("it is nested too deep") from None
        try:
            return read(_mended(raw))
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        except (msgspec.DecodeError, ValueError):
            raise ValueError(str(error)) from None


def count(value: object) -> int | None:
    """A count of tokens, where it can be one."""
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


def _mended(raw: bytes) -> bytes:
    """JSON for anybody from what Python alone reads."""
    document = json.loads(raw.decode("utf-8", "replace"), parse_constant=lambda _: None)
    return HALF.sub("\ufffd", json.dumps(document, ensure_ascii=False)).encode()
