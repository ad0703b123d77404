"""Matrices written as expressions: sums, products and multiples multiplied out, entry by entry, as trees."""

from __future__ import annotations

import itertools

from thinkcurve.verify.maths.tree import Node, ParseError, const, has, num, replaced, symbols

MAX_ENTRIES, MAX_POWER, MAX_DETERMINANT = 400, 8, 4


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
    if base is not None and power in _TRANSPOSED:
        rows, columns = shape(base)
        entries = tuple(base.args[row * columns + column] for column in range(columns) for row in range(rows))
        return Node("matrix", entries, None, f"{columns}x{rows}")
    if base is not None and power in (num(-1), Node("neg", (num(1),))):
        return _inverse(base)
    if base is None or power.head != "num" or power.value not in range(1, MAX_POWER + 1):
        return None
    total = base
    for _ in range(int(power.value or 1) - 1):
        total = _product(total, base)
    return total


_TRANSPOSED = tuple(Node("sym", (), None, name) for name in ("T", "t", "top"))


def _inverse(node: Node) -> Node | None:
    """Cofactors over the determinant, up to four rows."""
    rows, columns = shape(node)
    if rows != columns or not 2 <= rows <= MAX_DETERMINANT:
        return None
    whole = determinant(node)
    entries = []
    for row in range(rows):
        for column in range(columns):  # the cofactor of (column, row)
            minor = tuple(
                node.args[i * columns + j] for i in range(rows) if i != column for j in range(columns) if j != row
            )
            cofactor = determinant(Node("matrix", minor, None, f"{rows - 1}x{rows - 1}"))
            entries.append(Node("div", (Node("neg", (cofactor,)) if (row + column) % 2 else cofactor, whole)))
    return Node("matrix", tuple(entries), None, node.name)


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


def determinant(node: Node) -> Node:
    """The determinant of a small square matrix, as a sum of products; else a function that nothing is known of."""
    rows, columns = shape(node)
    if rows != columns or rows > MAX_DETERMINANT:
        return Node("fn", (node,), None, "det")
    terms = []
    for order in itertools.permutations(range(rows)):
        swaps = sum(order[i] > order[j] for i in range(rows) for j in range(i + 1, rows))
        product = Node("mul", tuple(node.args[row * columns + column] for row, column in enumerate(order)))
        terms.append(Node("neg", (product,)) if swaps % 2 else product)
    return Node("add", tuple(terms)) if rows > 1 else node.args[0]


def in_components(node: Node, other: Node) -> Node:
    """``2\\mathbf{i} - \\mathbf{j}`` as a tuple, as long as ``other``; a bold i on its own is the number."""
    named = [name for name in symbols(node) if name.startswith("unit:")]
    if not named or node.head in ("group", "matrix", "rel"):
        return node
    if named == ["unit:i"] and not (
        other.head == "group" or has(other, "matrix") or any(n.startswith("unit:") for n in symbols(other))
    ):
        return replaced(node, Node("sym", (), None, "unit:i"), const("i"))
    sizes = [
        len(named),
        2,
        3 if "unit:k" in named or "unit:k" in symbols(other) else 2,
        len(other.args) if other.head in ("group", "matrix") else 0,
    ]
    found = []
    for axis in "ijk"[: max(sizes)]:
        component = node
        for letter in "ijk":
            component = replaced(component, Node("sym", (), None, f"unit:{letter}"), num(int(letter == axis)))
        found.append(component)
    return Node("group", tuple(found), None, "()")
