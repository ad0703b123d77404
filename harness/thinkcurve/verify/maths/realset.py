"""Subsets of the real line: intervals, unions, differences and inequalities as sorted pieces with numeric ends.

Ends are compared to 60 digits. What holds a variable, or is no set of reals, raises ``CannotError``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from thinkcurve.verify.maths.numeric import CannotError, evaluate, library
from thinkcurve.verify.maths.tree import Node, symbols

MAX_PIECES = 200
_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


class Piece(NamedTuple):
    """From ``low`` to ``high``; each end with whether it belongs to the set."""

    low: Any
    has_low: bool
    high: Any
    has_high: bool


Pieces = tuple[Piece, ...]


def real_set(node: Node) -> Pieces:
    """The set that ``node`` is: an interval, numbers in braces, or what these are joined, cut and subtracted to."""
    if node.head == "const" and node.name in ("R", "empty"):
        return _everything() if node.name == "R" else ()
    if node.head in ("cup", "cap", "minus"):
        left, right = real_set(node.args[0]), real_set(node.args[1])
        if node.head == "cup":
            return joined(left + right)
        return _common(left, right if node.head == "cap" else complement(right))
    if node.head == "group" and node.name in ("()", "[]", "(]", "[)") and len(node.args) == 2:
        return _interval(node)
    if node.head == "group" and node.name == "{}":
        return joined(tuple(_point(arg) for arg in node.args))
    if node.head == "group" and node.name in ("and", "or", ",") and all(arg.head == "rel" for arg in node.args):
        return _relations(node)
    if node.head == "rel":
        return _solved(node)
    return (_point(node),)


def _everything() -> Pieces:
    mpmath = library()
    return (Piece(-mpmath.inf, False, mpmath.inf, False),)


def _number(node: Node) -> Any:
    mpmath = library()
    if node.head == "const" and node.name == "inf":
        return mpmath.inf
    if node.head == "neg" and node.args[0].head == "const" and node.args[0].name == "inf":
        return -mpmath.inf
    value = evaluate(node, 80)
    if mpmath.im(value):
        raise CannotError("complex")
    return mpmath.re(value)


def _point(node: Node) -> Piece:
    value = _number(node)
    return Piece(value, True, value, True)


def _interval(node: Node) -> Pieces:
    mpmath = library()
    low, high = _number(node.args[0]), _number(node.args[1])
    if low > high:
        raise CannotError("an interval that runs backwards")
    piece = Piece(low, node.name[0] == "[" and low != -mpmath.inf, high, node.name[1] == "]" and high != mpmath.inf)
    return joined((piece,))


def _solved(node: Node) -> Pieces:
    """``-1 < x <= 3``, ``x != 0`` and the like: one variable, alone on one side of each sign."""
    if len(symbols(node)) != 1:
        raise CannotError("not one variable")
    found = _everything()
    for left, sign, right in zip(node.args, node.name.split(), node.args[1:], strict=False):
        if sign == "in" and left.head == "sym":
            found = _common(found, real_set(right))
        elif sign in _FLIP and left.head == "sym" and not symbols(right):
            found = _common(found, _half(sign, _number(right)))
        elif sign in _FLIP and right.head == "sym" and not symbols(left):
            found = _common(found, _half(_FLIP[sign], _number(left)))
        elif sign in _FLIP and sign != "=":
            found = _common(found, _solved_for(left, sign, right))
        else:
            raise CannotError("not solved for its variable")
    return found


def _solved_for(left: Node, sign: str, right: Node) -> Pieces:
    """Where a linear or quadratic difference, or the size of a linear one, has the sign."""
    inner, other = (left, right) if left.head == "fn" else (right, left)
    if inner.head == "fn" and inner.name == "abs" and not symbols(other):
        sign = sign if inner is left else _FLIP[sign]
        far = Node("neg", (other,))
        if sign == "!=":
            raise CannotError("not solved for its variable")
        inside = sign[0] == "<"
        first = _solved_for(inner.args[0], sign, other)
        second = _solved_for(inner.args[0], _FLIP[sign], far)
        return _common(first, second) if inside else joined(first + second)
    mpmath = library()
    names = symbols(left) | symbols(right)
    if len(names) != 1:
        raise CannotError("not of one variable")
    [name] = names
    difference = Node("add", (left, Node("neg", (right,))))
    with mpmath.workdps(80):
        at = {x: evaluate(difference, 80, {name: mpmath.mpf(x)}) for x in (-3, -1, 0, 1, 2, 7)}
        c, a = at[0], (at[1] + at[-1]) / 2 - at[0]
        b = at[1] - a - c
        scale = 1 + sum(abs(value) for value in at.values())
        if any(mpmath.im(v) or abs(a * x * x + b * x + c - v) > 1e-60 * scale for x, v in at.items()):
            raise CannotError("not a polynomial that we solve")
        if abs(a) <= 1e-60 * scale:
            if abs(b) <= 1e-60 * scale:
                raise CannotError("no variable in it")
            return _half(sign if b > 0 else _FLIP[sign], -c / b)
        root = b * b - 4 * a * c
        if root <= 1e-60 * scale:
            raise CannotError("no two roots")
        ends = sorted(((-b - mpmath.sqrt(root)) / (2 * a), (-b + mpmath.sqrt(root)) / (2 * a)))
    if sign == "!=":
        return complement(tuple(Piece(end, True, end, True) for end in ends))
    has_ends = sign.endswith("=")
    between = joined((Piece(ends[0], has_ends, ends[1], has_ends),))
    if (sign[0] == "<") == (a > 0):
        return between
    return complement((Piece(ends[0], not has_ends, ends[1], not has_ends),))


def _half(sign: str, value: Any) -> Pieces:
    mpmath = library()
    if sign == "=":
        return (Piece(value, True, value, True),)
    if sign == "!=":
        return complement((Piece(value, True, value, True),))
    if sign[0] == "<":
        return joined((Piece(-mpmath.inf, False, value, sign == "<=" and value != mpmath.inf),))
    return joined((Piece(value, sign == ">=" and value != -mpmath.inf, mpmath.inf, False),))


def _relations(node: Node) -> Pieces:
    """Joined by ``or``, cut by ``and``; a comma means ``and`` where that leaves something, else ``or``."""
    if len(symbols(node)) != 1:
        raise CannotError("not one variable")
    solved = [_solved(arg) for arg in node.args]
    common = solved[0]
    for other in solved[1:]:
        common = _common(common, other)
    either = joined(tuple(piece for pieces in solved for piece in pieces))
    if node.name == "or":
        return either
    return common if node.name == "and" else common or either


def _same(left: Any, right: Any) -> bool:
    if left == right:
        return True
    return bool(abs(left - right) <= 1e-60 * max(abs(left), abs(right), 1)) if abs(left - right) < 1 else False


def joined(pieces: Pieces) -> Pieces:
    """Sorted, empty ones dropped, touching ones merged."""
    if len(pieces) > MAX_PIECES:
        raise CannotError("too many pieces")
    kept = [p for p in pieces if (p.low < p.high and not _same(p.low, p.high)) or (p.has_low and p.has_high)]
    kept.sort(key=lambda p: (p.low, not p.has_low))
    found: list[Piece] = []
    for piece in kept:
        if found and _touches(found[-1], piece):
            last = found[-1]
            if _same(piece.high, last.high):
                found[-1] = last._replace(has_high=last.has_high or piece.has_high)
            elif piece.high > last.high:
                found[-1] = last._replace(high=piece.high, has_high=piece.has_high)
            if _same(piece.low, last.low):
                found[-1] = found[-1]._replace(has_low=last.has_low or piece.has_low)
        else:
            found.append(piece)
    return tuple(found)


def _touches(left: Piece, right: Piece) -> bool:
    if _same(right.low, left.high):
        return left.has_high or right.has_low
    return bool(right.low < left.high)


def complement(pieces: Pieces) -> Pieces:
    """All reals that are not in it."""
    mpmath = library()
    found, low, has_low = [], -mpmath.inf, False
    for piece in pieces:
        found.append(Piece(low, has_low, piece.low, not piece.has_low and piece.low != -mpmath.inf))
        low, has_low = piece.high, not piece.has_high and piece.high != mpmath.inf
    found.append(Piece(low, has_low, mpmath.inf, False))
    return joined(tuple(p for p in found if p.low != mpmath.inf and p.high != -mpmath.inf))


def _common(left: Pieces, right: Pieces) -> Pieces:
    found = []
    for a in left:
        for b in right:
            low, has_low = (a.low, a.has_low) if a.low > b.low else (b.low, b.has_low)
            if _same(a.low, b.low):
                has_low = a.has_low and b.has_low
            high, has_high = (a.high, a.has_high) if a.high < b.high else (b.high, b.has_high)
            if _same(a.high, b.high):
                has_high = a.has_high and b.has_high
            found.append(Piece(low, has_low, high, has_high))
    return joined(tuple(found))


def same_set(left: Pieces, right: Pieces) -> bool:
    """Whether two sets of reals are equal, end by end."""
    return len(left) == len(right) and all(
        _same(a.low, b.low) and _same(a.high, b.high) and a.has_low == b.has_low and a.has_high == b.has_high
        for a, b in zip(left, right, strict=True)
    )
