"""Units of measure: which words are units, what they fold to, and how large each is."""

from __future__ import annotations

import re
from fractions import Fraction

_LENGTH = {"mm": "1/1000", "cm": "1/100", "dm": "1/10", "m": "1", "km": "1000"}
_IMPERIAL = {"inch": "0.0254", "foot": "0.3048", "yard": "0.9144", "mile": "1609.344"}
_TIME = {"second": "1", "minute": "60", "hour": "3600", "day": "86400", "week": "604800"}
_MASS = {"mg": "1/1000", "g": "1", "kg": "1000"}
_MONEY = {"cent": "1/100", "dollar": "1"}
_VOLUME = {"ml": "1/1000", "l": "1"}
SIZES = {
    unit: (kind, Fraction(size))
    for kind, table in (
        ("length", _LENGTH | _IMPERIAL),
        ("time", _TIME),
        ("mass", _MASS),
        ("money", _MONEY),
        ("volume", _VOLUME),
    )
    for unit, size in table.items()
}
"""Each known unit: what it measures and its size in the first unit of its kind."""

_NAMES = {
    "meter": "m", "metre": "m", "centimeter": "cm", "centimetre": "cm", "millimeter": "mm", "kilometer": "km",
    "kilometre": "km", "in": "inch", "ft": "foot", "feet": "foot", "inches": "inch", "yd": "yard", "mi": "mile",
    "s": "second", "sec": "second", "min": "minute", "hr": "hour", "h": "hour", "gram": "g", "kilogram": "kg",
    "gm": "g", "milliliter": "ml", "liter": "l", "litre": "l", "mL": "ml", "L": "l", "usd": "dollar",
}  # fmt: skip
UNITS = (
    frozenset(SIZES) | frozenset(_NAMES) - {"in"} | {"mph", "kmh", "units", "unit", "sq", "cubic", "ways", "pm", "am"}
)
"""Words that are read as units when they follow a value."""

_POWERED = re.compile(r"(\w+)(?:\^([23]))?")


def words(text: str) -> str:
    """Natural language folded: case, white space, brackets and full stops at the end do not count."""
    return " ".join(text.casefold().replace(".", "").strip(" ,:;()").split())


def size(unit: str) -> tuple[str, Fraction] | None:
    """What the folded ``unit`` measures and how large it is; ``None`` for a word that we do not know."""
    match = _POWERED.fullmatch(unit.removeprefix("square ").removeprefix("cubic ").removeprefix("sq "))
    if match is None:
        return None
    power = int(match[2] or 1)
    power = 2 if unit.startswith("sq") and " " in unit else 3 if unit.startswith("cubic ") else power
    word = match[1]
    name = _NAMES.get(word) or _NAMES.get(word.removesuffix("s")) or word
    found = SIZES.get(name) or SIZES.get(name.removesuffix("s"))
    return (f"{found[0]}^{power}", found[1] ** power) if found else None
