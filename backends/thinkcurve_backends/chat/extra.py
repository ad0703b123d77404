"""What a user adds to every request: refused where it may hold a secret, or would undo what a request is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve_backends.endpoint.keys import is_secret_name

OURS = {
    "n": "samples are asked for one by one (samples of a study)",
    "messages": "they come from the tasks",
    "input": "it comes from the tasks",
    "model": "it is named where the backend is",
    "stream": "say option stream",
}
"""Fields of a body that are not a user's, and what to do instead."""
KEYS = frozenset({"api_key", "apikey", "api-key", "key", "token", "access_token", "authorization"})


def check_body(engine: str, extra: Mapping[str, Any], remedy: str) -> None:
    """Raise `UsageError` where ``extra_body`` holds a key, which would be written down, or a field of ours."""
    for name in extra:
        if name.lower() in KEYS:
            raise UsageError(
                f"option extra_body of {engine} holds {name!r}, which may be a secret and would be written down with "
                f"the run; {remedy}"
            )
        if name in OURS:
            raise UsageError(f"option extra_body of {engine} holds {name!r}, which it cannot change: {OURS[name]}")


def check_headers(engine: str, extra: Mapping[str, str], remedy: str) -> None:
    """Raise `UsageError` where ``extra_headers`` holds one that may be secret, which would be written down."""
    for name in extra:
        if is_secret_name(name):
            raise UsageError(
                f"option extra_headers of {engine} holds {name!r}, which may be a secret and would be written down "
                f"with the run; {remedy}"
            )
