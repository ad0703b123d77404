"""Units of measure: which words are units, what they fold to, and what each measures and how much of it.

A unit is read as a product of powers of base quantities: ``km/h`` is ``length time^-1`` and 5/18 of a metre a second.
Words that are no unit to us (``apples``) have no size.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import NamedTuple

_TABLES = {
    "length": {"mm": "1/1000", "cm": "1/100", "dm": "1/10", "m": "1", "km": "1000", "inch": "0.0254", "foot": "0.3048",
               "yard": "0.9144", "mile": "1609.344", "nm": "1/1000000000"},
    "time": {"ms": "1/1000", "second": "1", "minute": "60", "hour": "3600", "day": "86400", "week": "604800"},
    "mass": {"mg": "1/1000000", "g": "1/1000", "kg": "1", "pound": "0.45359237", "ounce": "0.028349523125",
             "tonne": "1000"},
    "money": {"cent": "1/100", "dollar": "1"},
    "current": {"ma": "1/1000", "ampere": "1"},
    "temperature": {"kelvin": "1"},
    "amount": {"mol": "1"},
}  # fmt: skip
_DERIVED = {
    "ml": ("length^3", "1/1000000"), "l": ("length^3", "1/1000"), "cc": ("length^3", "1/1000000"),
    "acre": ("length^2", "4046.8564224"), "hectare": ("length^2", "10000"), "hz": ("time^-1", "1"),
    "mph": ("length time^-1", "0.44704"), "kmh": ("length time^-1", "5/18"), "kph": ("length time^-1", "5/18"),
    "newton": ("mass length time^-2", "1"), "joule": ("mass length^2 time^-2", "1"),
    "kj": ("mass length^2 time^-2", "1000"), "watt": ("mass length^2 time^-3", "1"),
    "kw": ("mass length^2 time^-3", "1000"), "kwh": ("mass length^2 time^-2", "3600000"),
    "pa": ("mass length^-1 time^-2", "1"),
    "kpa": ("mass length^-1 time^-2", "1000"), "volt": ("mass length^2 time^-3 current^-1", "1"),
    "ohm": ("mass length^2 time^-3 current^-2", "1"),
}  # fmt: skip
_NAMES = {
    "meter": "m", "metre": "m", "centimeter": "cm", "centimetre": "cm", "millimeter": "mm", "millimetre": "mm",
    "kilometer": "km", "kilometre": "km", "in": "inch", "ft": "foot", "feet": "foot", "inches": "inch", "yd": "yard",
    "mi": "mile", "s": "second", "sec": "second", "min": "minute", "hr": "hour", "h": "hour", "gram": "g",
    "kilogram": "kg", "gm": "g", "milliliter": "ml", "millilitre": "ml", "liter": "l", "litre": "l", "usd": "dollar",
    "radian": "rad", "lb": "pound", "oz": "ounce", "ounces": "ounce", "n": "newton", "j": "joule", "w": "watt",
    "v": "volt", "a": "ampere", "amp": "ampere", "k": "kelvin", "mole": "mol", "ha": "hectare", "hertz": "hz",
    "pascal": "pa", "c": "cent", "¢": "cent", "$": "dollar", "ton": "tonne",
}  # fmt: skip
LETTERS = frozenset("msghlLNJWVAK")
"""Single letters that are units where the other side has a unit too."""
UNITS = (
    frozenset(name for table in _TABLES.values() for name in table if len(name) > 1)
    | frozenset(_DERIVED) - {"l", "pa"}
    | frozenset(name for name in _NAMES if len(name) > 1) - {"in"}
    | {"mL", "kJ", "kW", "kWh", "kPa", "Pa", "Hz", "mA", "units", "unit", "sq", "cubic", "ways", "pm", "am", "rad"}
)
"""Words that are read as units when they follow a value."""


class Size(NamedTuple):
    """What a unit measures, as base quantities with their powers, and how much of it in base units."""

    kind: str
    scale: Fraction


_ATOM = re.compile(r"([^\s^/*()]+)(?:\^\(?(-?[0-9]{1,2})\)?)?")
_PHRASES = re.compile(r"\b(square|sq|cubic|cu)\s+(\w+)|\b(\w+)\s+(squared|cubed)\b")
_EXPONENTS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}


def words(text: str) -> str:
    """Natural language folded: case, white space, brackets and full stops at the end do not count."""
    return " ".join(text.casefold().replace(".", "").strip(" ,:;()").split())


@functools.lru_cache(maxsize=1024)
def size(unit: str) -> Size | None:
    """What the folded ``unit`` measures and how large it is; ``None`` for words that we do not know."""
    if len(unit) > 60:
        return None
    unit = _PHRASES.sub(lambda m: f"{m[2] or m[3]}^{_EXPONENTS[m[1] or m[4]]}", unit)
    above, *below = unit.replace(" per ", "/").replace("*", " ").split("/")
    powers: dict[str, int] = {}
    scale = Fraction(1)
    for sign, part in ((1, above), *((-1, part) for part in below)):
        for atom in part.split():
            match = _ATOM.fullmatch(atom)
            found = _atom(match[1]) if match else None
            if match is None or found is None:
                return None
            power = sign * int(match[2] or 1)
            scale *= found.scale**power
            for quantity in found.kind.split():
                base, _, exponent = quantity.partition("^")
                powers[base] = powers.get(base, 0) + power * int(exponent or 1)
    return Size(" ".join(f"{base}^{power}" for base, power in sorted(powers.items()) if power), scale)


def _atom(word: str) -> Size | None:
    for name in (word, word.removesuffix("s"), word.removesuffix("es")):
        name = _NAMES.get(name, name)
        for kind, table in _TABLES.items():
            if name in table:
                return Size(kind, Fraction(table[name]))
        if name in _DERIVED:
            return Size(_DERIVED[name][0], Fraction(_DERIVED[name][1]))
    return None


def is_same_unit(unit: str, other: str) -> bool:
    """Whether two units measure the same, as far as we know them."""
    one, two = size(unit), size(other)
    return one.kind == two.kind if one and two else unit.removesuffix("s") == other.removesuffix("s")
