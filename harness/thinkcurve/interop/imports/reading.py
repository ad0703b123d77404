"""Files of strangers as plain data: JSON with NaN and lone surrogates in it, and nothing that can run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.opened import storable

T = TypeVar("T")
LARGEST_COUNT = 2**62
"""No number of tokens is larger; a table on disk has 64 bits for one."""
LONGEST_KEY = 200
"""Characters of another tool's name of a problem, model or task that are kept."""


def read_bytes(path: Path) -> bytes:
    """A file whole. Raises `UsageError` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error


def read_object(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object as Python writes it: ``NaN`` may stand in it, and lone surrogates, which become question marks.
    Raises `UsageError` for anything else."""
    try:
        found = json.loads(data)
        if b"\\ud" in data.lower():
            found = _mended(found)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where} holds no JSON object but a {type(found).__name__}")
    return found


def _mended(data: Any) -> Any:
    """Plain data whose texts can be written as UTF-8."""
    if isinstance(data, str):
        return storable(data)
    if isinstance(data, dict):
        return {storable(key): _mended(value) for key, value in data.items()}
    return [_mended(value) for value in data] if isinstance(data, list) else data


def shaped(data: object, kind: type[T], where: str) -> T:
    """Plain data as a record; keys that it has no field for are passed over. Raises `UsageError` naming the key."""
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"{where}: {str(error).replace('$.', '').replace('`', chr(39))}") from error


def text_of(value: object) -> str | None:
    """A value as text that can be stored: texts as they are, lists of one as that one, other data as JSON."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1:
        return text_of(value[0])
    return storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def name_of(value: object) -> str:
    """A name of a model or a task: text, not empty, of `LONGEST_KEY` characters at most, on one line."""
    return " ".join(storable(str(value)).split())[:LONGEST_KEY] if value not in (None, "") else ""


def count_of(value: object) -> int | None:
    """A number of tokens; ``None`` where it is none."""
    number = number_of(value)
    return int(number) if number is not None and 0 <= number < LARGEST_COUNT and number == int(number) else None


def number_of(value: object) -> float | None:
    """A finite number, else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def child(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table within a table; an empty one where there is none."""
    found = data.get(key)
    return found if isinstance(found, dict) else {}
