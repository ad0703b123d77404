"""Names and bytes of exported files: names that every system takes, JSON that every reader takes."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.budget import Budget, format_budget
from thinkcurve.errors import UsageError
from thinkcurve.problem import digest
from thinkcurve.store import replace

LONGEST_NAME = 80
"""Characters of a safe name: a file system takes 255 bytes, and two names and a date stand in one."""
RESERVED = {"con", "prn", "aux", "nul", "data", "unknown"}
RESERVED |= {f"{device}{i}" for device in ("com", "lpt") for i in range(1, 10)}
"""Names that Windows keeps for devices, and two that Every Eval Ever keeps for itself."""

EXACT = {int, str, bool, type(None)}
"""Types whose values JSON always has."""


def safe_name(text: str) -> str:
    """``text`` as a name of a file or a folder: ASCII letters, digits, ``.``, ``_`` and ``-``."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:LONGEST_NAME].rstrip("._-") or "unnamed"
    return f"{name}_" if name.split(".")[0].lower() in RESERVED else name


def safe_names(texts: Iterable[str], first: Callable[[str], str] = str) -> dict[str, str]:
    """A safe name for each text, no two alike, not even where a file system folds case. ``first`` is done to a text
    before, as another tool does it."""
    taken: set[str] = set()
    found: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        name = safe_name(first(text))
        if name.lower() in taken:
            name = f"{name}-{digest([text.encode()])[:8]}"
        taken.add(name.lower())
        found[text] = name
    return found


def step_name(budget: Budget, control: str) -> str:
    """A step of a ladder as folders and ids name it: ``budget-64``, ``budget-none``, ``effort-low``."""
    return f"{'effort' if control == 'effort' else 'budget'}-{format_budget(budget, control)}"


def plain_data(record: Any) -> Any:
    """A record as JSON has it: numbers that are none (NaN, infinity) become ``None``."""
    return _finite(msgspec.to_builtins(record))


def json_line(value: Any) -> str:
    """One line of JSON in ASCII: some readers of JSON lines take U+2028 and the like for the end of a line."""
    return json.dumps(value, allow_nan=False) + "\n"


def json_text(value: Any) -> str:
    """Indented JSON in ASCII."""
    return json.dumps(value, allow_nan=False, indent=2) + "\n"


class Lines(msgspec.Struct, frozen=True):
    """A file of lines that was written: where, how many, and the digest of its bytes."""

    path: str
    n: int
    sha256: str


def put(path: Path, text: str) -> str:
    """Write a text, atomically, and make its folders; its path comes back. Raises `UsageError` where it cannot."""
    return put_file(path, lambda target: target.write_bytes(text.encode()))


def put_lines(path: Path, lines: Iterable[str]) -> Lines:
    """As `put`, line by line as they come."""
    found = hashlib.sha256()
    n = 0

    def write(target: Path) -> None:
        nonlocal n
        with target.open("wb") as file:
            for line in lines:
                data = line.encode()
                file.write(data)
                found.update(data)
                n += 1

    put_file(path, write)
    return Lines(str(path), n, found.hexdigest())


def put_file(path: Path, write: Callable[[Path], object]) -> str:
    """As `put`, written by ``write`` to where it is told."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path.parent}: {error.strerror or error}") from error
    replace(path, write)
    return str(path)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if set(map(type, value)) <= EXACT:
            return list(value)  # a million token ids at once
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
