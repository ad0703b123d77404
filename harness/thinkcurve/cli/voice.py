"""What a command says while it works, on stderr: words for people, or one JSON object a line for programs.

Every object has ``event`` (what it is) and ``time`` (UTC, ISO 8601). Words that are not events of their own come as
``{"event": "message", "text": ...}``, so that nothing but JSON stands in the stream once it has begun.
"""

from __future__ import annotations

import datetime
from typing import Any

import click

_is_json = False


def speak_json(is_json: bool = True) -> None:
    """From here on say everything as JSON lines, or no longer."""
    global _is_json
    _is_json = is_json


def says_json() -> bool:
    """Whether what is said is JSON lines."""
    return _is_json


def say(text: str) -> None:
    """Something for people."""
    if _is_json:
        emit("message", text=text)
    else:
        click.echo(text, err=True)


def emit(event: str, **fields: Any) -> None:
    """One event as a line of JSON: ASCII, so that no encoding of a log can break it, and whole at once."""
    import json

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    click.echo(json.dumps({"event": event, "time": now, **fields}, allow_nan=False), err=True)
