"""Matrices written as expressions: sums, products and multiples multiplied out, entry by entry, as trees."""

from __future__ import annotations

from thinkcurve.verify.maths.tree import Node, ParseError, has, num

MAX_ENTRIES, MAX_POWER = 400, 8


def shape(node: Node) -> tuple[int, int]:
    """Rows and columns of a matrix node."""
    rows, _, columns = node.name.partition("x")
    return int(rows), int(columns)


def matrix(node: Node) -> Node | None:
    """The one matrix that ``node`` comes to; ``None`` where it is none; ``ParseError`` where it makes no sense."""
    if node.head == "matrix":
        return node
    if not has(node, "matrix") or node.head == "fn":
        return None
    if node.head == "neg":
        inner = matrix(node.args[0])
        return inner and _scaled(inner, num(-1))
    if node.head == "div" and not has(node.args[1], "matrix"):
        inner = matrix(node.args[0])
        return inner and _scaled(inner, Node("div", (num(1), node.args[1])))
    if node.head == "pow":
        return _power(node)
    if node.head in ("add", "mul"):
        return _folded(node)
    return None


def _folded(node: Node) -> Node | None:
    total: Node | None = None
    factor: list[Node] = []
    for arg in node.args:
        item = matrix(arg)
        if item is None:
            if node.head == "add":
                raise ParseError("a matrix and a number added")
            factor.append(arg)
        elif total is None:
            total = item
        else:
            total = _sum(total, item) if node.head == "add" else _product(total, item)
    for scale in factor:
        total = total and _scaled(total, scale)
    return total


def _power(node: Node) -> Node | None:
    base, power = matrix(node.args[0]), node.args[1]
    if base is None or power.head != "num" or power.value not in range(1, MAX_POWER + 1):
        return None
    total = base
    for _ in range(int(power.value or 1) - 1):
        total = _product(total, base)
    return total


def _scaled(node: Node, factor: Node) -> Node:
    return Node("matrix", tuple(Node("mul", (factor, entry)) for entry in node.args), None, node.name)


def _sum(left: Node, right: Node) -> Node:
    if left.name != right.name:
        raise ParseError("shapes of a sum")
    entries = tuple(Node("add", pair) for pair in zip(left.args, right.args, strict=True))
    return Node("matrix", entries, None, left.name)


def _product(left: Node, right: Node) -> Node:
    (rows, inner), (other, columns) = shape(left), shape(right)
    if inner != other or rows * columns * inner > MAX_ENTRIES:
        raise ParseError("shapes of a product")
    entries = []
    for row in range(rows):
        for column in range(columns):
            pairs = [(left.args[row * inner + k], right.args[k * columns + column]) for k in range(inner)]
            entries.append(Node("add", tuple(Node("mul", pair) for pair in pairs)))
    return Node("matrix", tuple(entries), None, f"{rows}x{columns}")
