"""Two values, the same or not: the ladder of rungs from equal form to random points.

``form``: the same tree. ``exact``: equal fractions. ``residues``: integers too large to write out, modulo primes.
``numeric``: two closed values to 30 and again to 100 digits. ``points``: expressions in variables, at fixed points of
several sizes and signs. A rung that cannot tell hands on; the last one says ``None``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from thinkcurve.verify.maths.exact import TooLargeError, exact, same_residues
from thinkcurve.verify.maths.numeric import CannotError, evaluate, library, log_size
from thinkcurve.verify.maths.tree import Node, const, has, symbols, walk

MAX_SYMBOLS = 8
SAME, ROUGH, VANISHING = 1e-75, 1e-5, 1e-40  # ROUGH: five digits at 30 leave 75 of the 100
_INFINITIES = {const("inf"): 1, Node("neg", (const("inf"),)): -1}


class Found(NamedTuple):
    """``equal`` (``None``: not to be told) and the ``rung`` that decided."""

    equal: bool | None
    rung: str


UNKNOWN = Found(None, "parsed")


def same_value(left: Node, right: Node) -> Found:
    """Whether two scalar expressions are equal wherever both are defined."""
    if left == right:
        return Found(True, "form")
    if has(left, *BINDERS) or has(right, *BINDERS):
        return _opaque(left, right)
    names, others = symbols(left), symbols(right)
    if not names and not others:
        return _closed(left, right)
    if has(left, "words") or has(right, "words") or len(names | others) > MAX_SYMBOLS:
        return UNKNOWN
    return _at_points(left, right, sorted(names | others))


BINDERS = ("sum", "prod", "int", "lim")


def _opaque(left: Node, right: Node) -> Found:
    """Sums, integrals and limits as unknowns, one for the same ends and body: equal then, or not to be told."""
    known: list[Node] = []
    one, other = _with_unknowns(left, known), _with_unknowns(right, known)
    if has(one, "bound") or has(other, "bound"):
        return UNKNOWN
    found = same_value(one, other)
    return found if found.equal else UNKNOWN


def _with_unknowns(node: Node, known: list[Node]) -> Node:
    if node.head not in BINDERS:
        return node._replace(args=tuple(_with_unknowns(arg, known) for arg in node.args)) if node.args else node
    place = next((i for i, other in enumerate(known) if _is_same_operator(node, other)), len(known))
    if place == len(known):
        known.append(node)
    return Node("sym", (), None, f"unknown {place}")


def _is_same_operator(left: Node, right: Node) -> bool:
    if (left.head, left.name, len(left.args)) != (right.head, right.name, len(right.args)):
        return False
    return all(
        bool(same_value(free_bound(one), free_bound(other)).equal)
        for one, other in zip(left.args, right.args, strict=True)
    )


def free_bound(node: Node) -> Node:
    """``node`` with its bound variables as names of their own."""
    if node.head == "bound":
        return Node("sym", (), None, f"bound {node.name}")
    return node._replace(args=tuple(free_bound(arg) for arg in node.args)) if node.args else node


def near_value(allowed: Fraction, left: Node, right: Node) -> Found:
    """Whether two scalars are equal, or are numbers that differ by no more than ``allowed``."""
    found = same_value(left, right)
    if found.equal or symbols(left, right):
        return found
    try:
        values = exact(left), exact(right)
        if values[0] is not None and values[1] is not None:
            return Found(abs(values[0] - values[1]) <= allowed, "tolerance")
        difference = evaluate(Node("add", (left, Node("neg", (right,)))), 60)
        return Found(bool(abs(difference) * allowed.denominator <= allowed.numerator), "tolerance")
    except (CannotError, TooLargeError):
        return found


def _closed(left: Node, right: Node) -> Found:
    try:
        values = exact(left), exact(right)
    except TooLargeError:
        return Found(False, "size") if _differ_in_size(left, right) else _residues(left, right)
    if values[0] is not None and values[1] is not None:
        if values[0] == values[1]:
            return Found(True, "exact")
        return Found(_is_rounding(left, right, values[0], values[1]), "exact")
    return _numeric(left, right)


def _differ_in_size(left: Node, right: Node) -> bool:
    """Whether the logarithms of two closed values, one of them too large to write out, are plainly apart."""
    try:
        one, other = log_size(left), log_size(right)
    except CannotError:
        return False
    return bool(abs(one - other) > 1e-20 * max(abs(one), abs(other), 1))


def _residues(left: Node, right: Node) -> Found:
    try:
        agree = same_residues(left, right)
    except TooLargeError:  # an exponent that is itself too large
        return UNKNOWN
    return UNKNOWN if agree is None else Found(agree, "residues")


def _is_rounding(left: Node, right: Node, one: Fraction, other: Fraction) -> bool:
    """A decimal of twelve digits and more for a fraction that never ends, right in all but its last digit."""
    for decimal, value, exact_value in ((left, one, other), (right, other, one)):
        if decimal.head == "num" and decimal.name and not _ends(exact_value):
            return abs(value - exact_value) <= Fraction(1, 10 ** int(decimal.name))
    return False


def _ends(value: Fraction) -> bool:
    under = value.denominator
    for prime in (2, 5):
        while under % prime == 0:
            under //= prime
    return under == 1


def _numeric(left: Node, right: Node) -> Found:
    """Two closed values: apart at 30 and at 100 digits, or together at both; in between nobody knows."""
    for decimal, other in ((left, right), (right, left)):
        if decimal.head == "num" and decimal.name and other.head != "num":
            return _rounded(decimal, other)
    if (infinite := _infinite(left, right)) is not None:
        return infinite
    try:
        return Found(_is_same(left, right, {}), "numeric")
    except CannotError:
        return UNKNOWN


def _infinite(left: Node, right: Node) -> Found | None:
    """An infinity is only itself; its sign counts."""
    signs = [_INFINITIES.get(side) for side in (left, right)]
    if signs == [None, None]:
        return None
    if None in signs and (has(left, "const") and has(right, "const")):
        return UNKNOWN
    return Found(signs[0] == signs[1], "form")


def _rounded(decimal: Node, other: Node) -> Found:
    try:
        value = evaluate(other, 60)
        return Found(bool(abs(evaluate(decimal, 60) - value) <= 10.0 ** -int(decimal.name)), "numeric")
    except CannotError:
        return UNKNOWN


def _is_same(left: Node, right: Node, at: dict[str, Any]) -> bool:
    one, other = _settled(left, at), _settled(right, at)
    if not one or not other:
        return not one and not other
    scale = max(abs(one), abs(other))
    return bool(abs(one - other) <= scale * SAME)


def _settled(node: Node, at: dict[str, Any]) -> Any:
    """The value to 75 digits at least, shown by evaluating at 30 and at 100; 0 where it vanishes with precision."""
    rough, fine = evaluate(node, 30, at), evaluate(node, 100, at)
    if not rough:
        rough, fine = fine, evaluate(node, 250, at)
    if not fine or abs(fine) <= abs(rough) * VANISHING:
        return 0
    if abs(rough - fine) > abs(fine) * ROUGH:
        raise CannotError("cancellation")
    return fine


# Fixed points: several sizes, both signs, no two coordinates related; each variable reads its own column.
_SEEDS = ("1.3717", "0.2939", "2.7093", "7.4149", "-0.6803", "-1.9421", "-3.1907", "0.8311")
ENOUGH = 4


def points(names: list[str]) -> list[dict[str, Any]]:
    """The points at which expressions in ``names`` are compared: the first two positive in every variable."""
    mpmath = library()
    with mpmath.workdps(100):
        seeds = [mpmath.mpf(seed) for seed in _SEEDS]
        found = []
        for row in range(len(seeds)):
            point = {}
            for column, name in enumerate(names):
                seed = seeds[(row + 2 * column) % (4 if row < 2 else len(seeds))]
                point[name] = seed + mpmath.sqrt(column + 2) * (1 if seed > 0 else -1) / (row + 3)
            found.append(point)
        return found


def _at_points(left: Node, right: Node, names: list[str]) -> Found:
    agreed = 0
    for point in points(names):
        try:
            if not _agrees(left, right, point):
                return Found(_same_at_integers(left, right, names), "points")
        except CannotError:
            continue
        agreed += 1
    if agreed < ENOUGH:
        return UNKNOWN
    if _has_steps(left) or _has_steps(right):  # floor and ceiling part company at whole numbers only
        return Found(_agree_at_integers(left, right, names), "points")
    return Found(True, "points")


def _has_steps(node: Node) -> bool:
    return any(item.head == "fn" and item.name in ("floor", "ceil") for item in walk(node))


COUNTING = frozenset("nkmN")  # names that stand for whole numbers where everything in an expression is so named


def _same_at_integers(left: Node, right: Node, names: list[str]) -> bool:
    """``(-1)^n`` is ``cos(n pi)``: in counting variables only whole numbers count."""
    return COUNTING.issuperset(names) and bool(_agree_at_integers(left, right, names))


def _agree_at_integers(left: Node, right: Node, names: list[str]) -> bool | None:
    try:
        points = [{name: base + 3 * place for place, name in enumerate(names)} for base in (2, 3, 5, 8, 12, 17, 23, 31)]
        return all(_is_same(left, right, point) for point in points)
    except CannotError:
        return None


def _agrees(left: Node, right: Node, point: dict[str, Any]) -> bool:
    """At 40 digits where that is enough, else with the care that closed values get."""
    one, other = evaluate(left, 40, point), evaluate(right, 40, point)
    scale = max(abs(one), abs(other))
    if scale > 1e-5 and abs(one - other) <= scale * 1e-30:
        return True
    return _is_same(left, right, point)
