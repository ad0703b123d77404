"""What is sent to a server as JSON, or a clear error where it cannot be said in JSON."""

from __future__ import annotations

import msgspec

from thinkcurve.errors import BackendError


def json_body(content: object) -> bytes:
    """``content`` as JSON in UTF-8. Raises `BackendError` where a text holds half a character."""
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError as error:
        raise BackendError("the request holds half a character (a lone surrogate), which JSON cannot say") from error
