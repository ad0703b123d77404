"""How difficult a problem is and what it is a part of, where its own data says so under a usual name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from thinkcurve.interop.imports.reading import name_of

LEVELS = ("level", "difficulty")
GROUPS = ("subject", "subtask", "category")
_LEVEL = re.compile(r"(?:level\s*)?(\d{1,4})", re.IGNORECASE)


def level_of(data: Mapping[str, Any]) -> int | None:
    """A whole number, or MATH's ``Level 5``; ``None`` for anything else."""
    for key in LEVELS:
        match = _LEVEL.fullmatch(str(data.get(key)).strip())
        if match:
            return int(match.group(1))
    return None


def group_of(data: Mapping[str, Any]) -> str | None:
    """The first of the usual names that holds a text."""
    return next((name_of(data[key]) for key in GROUPS if isinstance(data.get(key), str) and data[key].strip()), None)
