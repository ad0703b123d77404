"""The sandbox's wire: values come back as they were, and reading what no encoder wrote harms nobody."""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from hammer import Hammer
from wires import EXPECTED, VALUES, WIRES

from thinkcurve.verify.cases import Check
from thinkcurve.verify.inside.wire import Encoder, Opaque, decode

DOCUMENTED = (ValueError, TypeError, ArithmeticError, RecursionError)  # what a reader of the wire must expect
CPU_S = 0.5


def check_round_trip(value: object) -> None:
    line = json.dumps(Encoder().encode(value))
    for read in (json.loads, msgspec.json.decode):
        assert _same(decode(read(line)), value)


def _same(left: Any, right: Any) -> bool:
    """Equal in type and value, not a number included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or left.hex() == right.hex()
    if isinstance(left, complex):
        return _same(left.real, right.real) and _same(left.imag, right.imag)
    if isinstance(left, Decimal):
        return str(left) == str(right)
    if isinstance(left, list | tuple | collections.deque):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):  # both keep the order in which it was written
        return _same(list(left.items()), list(right.items()))
    if isinstance(left, set | frozenset):
        return sorted(map(repr, left)) == sorted(map(repr, right))
    return bool(left == right)


def test_values_come_back_as_they_were(hammer: Callable[..., Hammer]) -> None:
    hammer(check_round_trip, VALUES, cpu_s=CPU_S).run()


def check_decode(wire: object) -> None:
    try:
        value = decode(wire)
    except DOCUMENTED:
        return
    for expected in EXPECTED:
        for rule, tolerance in (("equal", None), ("equal", 1e-6), ("is", None), ("true", None), ("false", None)):
            held = Check("[]", rule, expected, tolerance).holds(value)
            assert not (held and isinstance(value, Opaque) and rule != "true")


def test_decode_of_anything(hammer: Callable[..., Hammer]) -> None:
    hammer(check_decode, WIRES, cpu_s=CPU_S).run()
