"""Names of problems: another tool's own key of a problem as ``task/split/index``, the same in every import.

Positions would not do: a file of half the problems would number them otherwise, and a comparison would pair what are
different questions.
"""

from __future__ import annotations

import hashlib
import re

UNSAFE = re.compile(r"[^\w.+-]+")
LONGEST = 60
"""Characters of a key that a problem's name shows."""
LARGEST = 2**40
"""Where numbers given to textual keys end: whole in any table, and unlikely to meet (1e6 problems: one in two runs)."""


def place_of(split: str, key: int | str) -> tuple[str, int]:
    """The last two parts of a problem's name. A key that is a whole number is its index; of any other the index is a
    hash, and the key itself is shown where the split would be.

    >>> place_of("test", 12), place_of("test", "12")
    (('test', 12), ('test', 12))
    >>> place_of("test", "HumanEval/0")
    ('HumanEval-0', 785519352486)
    """
    text = str(key)
    if text.isascii() and text.isdigit() and len(text) < len(str(LARGEST)):
        return _shown(split) or "test", int(text)
    hashed = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return _shown(text) or _shown(split) or "test", int.from_bytes(hashed[:5], "big")


def _shown(text: str) -> str:
    return UNSAFE.sub("-", text)[:LONGEST].strip("-")
