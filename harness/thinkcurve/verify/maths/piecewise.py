"""Functions given by cases: each piece's set of reals and value, compared at the pieces' ends and between them."""

from __future__ import annotations

import itertools
from typing import Any

from thinkcurve.verify.maths.numeric import CannotError, evaluate, library
from thinkcurve.verify.maths.realset import Pieces, complement, joined, real_set
from thinkcurve.verify.maths.scalar import UNKNOWN, Found
from thinkcurve.verify.maths.tree import Node, const, symbols

MAX_PIECES = 20
_BETWEEN = ("0.2137", "0.5419", "0.8861")  # of the way from one end to the next
_BEYOND = ("0.7193", "3.3871", "11.6429")  # from the last end on

Rows = list[tuple[Pieces, Node]]


def same_cases(gold: Node, answer: Node) -> Found:
    """Whether two functions of one real variable, at least one of them given by cases, are equal where either is."""
    names = symbols(gold) | symbols(answer)
    if len(names) != 1 or len(gold.args) + len(answer.args) > 2 * MAX_PIECES:
        return UNKNOWN
    [name] = names
    try:
        left, right = _rows(gold), _rows(answer)
        for point in _points(left + right):
            if not _is_same(_value(left, point, name), _value(right, point, name)):
                return Found(False, "points")
    except CannotError:
        return UNKNOWN
    return Found(True, "points")


def _rows(node: Node) -> Rows:
    if node.head != "cases":
        return [(complement(()), node)]
    rows: Rows = []
    for value, condition in zip(node.args[::2], node.args[1::2], strict=True):
        if condition == const("else"):
            rows.append((complement(joined(tuple(piece for pieces, _ in rows for piece in pieces))), value))
        else:
            rows.append((real_set(condition), value))
    return rows


def _points(rows: Rows) -> list[Any]:
    mpmath = library()
    ends = {end for pieces, _ in rows for piece in pieces for end in (piece.low, piece.high) if mpmath.isfinite(end)}
    found = sorted(ends) or [mpmath.mpf(0)]
    with mpmath.workdps(60):
        for low, high in itertools.pairwise(sorted(ends)):
            found = [*found, *(low + (high - low) * mpmath.mpf(part) for part in _BETWEEN)]
        for step in _BEYOND:
            found = [*found, min(found) - mpmath.mpf(step), max(found) + mpmath.mpf(step)]
    return found


def _value(rows: Rows, point: Any, name: str) -> Any:
    """The value of the first piece that holds the point; ``None`` where there is none."""
    for pieces, value in rows:
        for piece in pieces:
            is_low = point > piece.low or (point == piece.low and piece.has_low)
            if is_low and (point < piece.high or (point == piece.high and piece.has_high)):
                return evaluate(value, 50, {name: point})
    return None


def _is_same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return bool(abs(left - right) <= 1e-30 * max(abs(left), abs(right), 1))
