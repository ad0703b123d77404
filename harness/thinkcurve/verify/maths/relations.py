"""Equations and inequalities: the value that a name is given, and whether two relations say the same."""

from __future__ import annotations

from typing import Any, NamedTuple

from thinkcurve.verify.maths.numeric import CannotError, evaluate
from thinkcurve.verify.maths.scalar import ENOUGH, UNKNOWN, Found, points
from thinkcurve.verify.maths.tree import Node, symbols

_LISTS = (",", "and", "or")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


class Named(NamedTuple):
    """``x = 5``: the name and what it stands for."""

    name: Node
    value: Node


def named(node: Node) -> Named | None:
    """What a relation names: ``x = 5``, ``5 = x``, ``x = 2 + 3 = 5``, ``x \\in S``, ``n = 2, 3``, ``x = 2, x = 3``."""
    if node.head == "group" and node.name in _LISTS and node.args:
        return _named_list(node)
    if node.head != "rel":
        return None
    signs = set(node.name.split())
    if signs <= {"=", "~", "=="}:
        if is_name(node.args[0]):
            return Named(node.args[0], node.args[-1])
        if len(node.args) == 2 and is_name(node.args[1]):
            return Named(node.args[1], node.args[0])
    if signs == {"in"} and len(node.args) == 2 and is_name(node.args[0]):
        return Named(node.args[0], node.args[1])
    return None


def _named_list(node: Node) -> Named | None:
    first = named(node.args[0])
    if first is None:
        return None
    values = [first.value]
    for arg in node.args[1:]:
        other = named(arg)
        if (other is None and arg.head == "rel") or (other is not None and other.name != first.name):
            return None
        values.append(other.value if other else arg)
    if any(named(arg) is None for arg in node.args[1:]) and any(named(arg) for arg in node.args[1:]):
        return None
    members = [item for value in values for item in (value.args if _is_list(value) else (value,))]
    return Named(first.name, Node("group", tuple(members), None, ",") if len(node.args) > 1 else first.value)


def _is_list(node: Node) -> bool:
    return node.head == "group" and node.name in (*_LISTS, "{}")


def is_name(node: Node) -> bool:
    """Whether it names a value: ``x``, ``f(x)``, ``ABC``, ``(x, y)``, ``V_1 : V_2``, words."""
    if node.head in ("sym", "words"):
        return True
    if node.head == "fn" and (node.name.startswith("call:") or node.name == "abs"):
        return all(is_name(arg) for arg in node.args)
    if node.head == "mul":
        return all(arg.head == "sym" and arg.name[:1].isupper() for arg in _factors(node))
    if (node.head == "group" and node.name == "()") or node.head == "ratio":
        return all(is_name(arg) for arg in node.args)
    return False


def _factors(node: Node) -> list[Node]:
    return [item for arg in node.args for item in (_factors(arg) if arg.head == "mul" else [arg])]


def variable(node: Node) -> str | None:
    """The one variable of a relation."""
    found = symbols(node)
    return next(iter(found)) if len(found) == 1 else None


def same_relation(gold: Node, answer: Node) -> Found:
    """Two relations with one sign each: their differences stand in one proportion everywhere."""
    sign, other = gold.name, answer.name
    if len(gold.args) != 2 or len(answer.args) != 2 or sign not in _TURNED or other not in _TURNED:
        return UNKNOWN
    if symbols(gold) != symbols(answer):
        return Found(False, "relation")
    if sign != other and _TURNED[sign] != other:
        return Found(False, "relation")
    try:
        ratio = _proportion(gold, answer)
    except CannotError:
        return UNKNOWN
    if ratio is None:
        return UNKNOWN
    if sign in ("=", "!="):
        return Found(True, "relation")
    return Found(bool(ratio > 0) == (sign == other), "relation")


def _proportion(gold: Node, answer: Node) -> Any:
    """The constant by which the difference of one is a multiple of that of the other; ``None`` without one."""
    ratios = []
    for point in points(sorted(symbols(gold))):
        try:
            left, right = _difference(gold, point), _difference(answer, point)
        except CannotError:
            continue
        if abs(left) < 1e-20 or abs(right) < 1e-20:
            return None
        ratios.append(left / right)
    if len(ratios) < ENOUGH:
        raise CannotError("too few points")
    first = ratios[0]
    return first if all(abs(ratio - first) <= abs(first) * 1e-30 for ratio in ratios) else None


def _difference(node: Node, point: dict[str, Any]) -> Any:
    return evaluate(Node("add", (node.args[0], Node("neg", (node.args[1],)))), 50, point)
