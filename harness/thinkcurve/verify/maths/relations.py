"""Equations and inequalities: the value that a name is given, and whether two relations say the same."""

from __future__ import annotations

from typing import Any, NamedTuple

from thinkcurve.verify.maths.numeric import CannotError, evaluate, library
from thinkcurve.verify.maths.scalar import ENOUGH, UNKNOWN, Found, points
from thinkcurve.verify.maths.tree import Node, replaced, symbols, walk

_LISTS = (",", "and", "or")
_STARTS = ("0.7", "-1.9", "4.3")
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
        return all(is_name(arg) or arg.head == "num" for arg in node.args)
    if node.head == "mul":
        return all(arg.head == "sym" and arg.name[:1].isupper() for arg in _factors(node))
    if (node.head == "group" and node.name == "()") or node.head == "ratio":
        return all(is_name(arg) for arg in node.args)
    if node.head == "div":  # dy/dx
        return all(arg.head == "mul" and arg.args[0] == Node("sym", (), None, "d") for arg in node.args)
    return False


def _factors(node: Node) -> list[Node]:
    return [item for arg in node.args for item in (_factors(arg) if arg.head == "mul" else [arg])]


def with_plain_variable(node: Node) -> Node:
    """``0 < f(x) < 1`` as ``0 < f < 1``, where ``x`` stands nowhere else."""
    calls = {item for item in walk(node) if item.head == "fn" and item.name.startswith("call:")}
    if len(calls) != 1:
        return node
    [call] = calls
    plain = replaced(node, call, Node("sym", (), None, call.name))
    return plain if symbols(plain) == {call.name} else node


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
    if not symbols(gold):
        return UNKNOWN
    if sign != other and _TURNED[sign] != other:
        return Found(False, "relation")
    try:
        ratio = _proportion(gold, answer)
    except CannotError:
        return UNKNOWN
    if ratio is None:
        is_apart = sign == "=" and (_is_refuted(gold, answer) or _is_refuted(answer, gold))
        return Found(False, "relation") if is_apart else UNKNOWN
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


def _is_refuted(gold: Node, answer: Node) -> bool:
    """Whether a point is found that lies on the one curve and not on the other."""
    mpmath = library()
    *names, last = sorted(symbols(gold))
    for point in points(names) if names else [{}]:
        for start in _STARTS:
            try:
                with mpmath.workdps(50):
                    root = mpmath.findroot(
                        lambda value, at=point: _difference(gold, {**at, last: value}), mpmath.mpf(start), maxsteps=25
                    )
                    if mpmath.im(root):
                        continue
                    found = {**point, last: mpmath.re(root)}
                    scale = 1 + abs(evaluate(answer.args[0], 50, found)) + abs(evaluate(answer.args[1], 50, found))
                    if abs(_difference(answer, found)) > 1e-12 * scale:
                        return True
            except (CannotError, ValueError, ZeroDivisionError, TypeError):
                continue
    return False


def without_indices(node: Node) -> Node:
    """``x_1 = 2, x_2 = 3`` as ``x = 2, x = 3``: two roots of one unknown."""
    if node.head == "sym":
        return Node("sym", (), None, node.name.partition("_")[0])
    return node._replace(args=tuple(without_indices(arg) for arg in node.args)) if node.args else node


def same_name(left: Named, right: Named) -> Named | None:
    """``right`` by the name of ``left``, where only letters differ: ``f(t) = t^2`` is ``f(x) = x^2``, and ``y``."""
    if left.name == right.name:
        return right
    one, other = _argument(left.name), _argument(right.name)
    if one and other and left.name.name == right.name.name:
        return Named(left.name, replaced(right.value, other, one))
    is_function = (one and right.name == _Y and one != _Y) or (other and left.name == _Y and other != _Y)
    return Named(left.name, right.value) if is_function else None


_Y = Node("sym", (), None, "y")


def _argument(name: Node) -> Node | None:
    """``x`` of ``f(x)``."""
    is_call = name.head == "fn" and name.name.startswith("call:") and len(name.args) == 1
    return name.args[0] if is_call and name.args[0].head == "sym" else None


def _difference(node: Node, point: dict[str, Any]) -> Any:
    return evaluate(Node("add", (node.args[0], Node("neg", (node.args[1],)))), 50, point)
