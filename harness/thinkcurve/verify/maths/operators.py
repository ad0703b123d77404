"""Sums, products, integrals, limits, cases and conjugates: what binds a variable, or spreads over what it is put on.

A bound variable becomes a ``bound`` node numbered from the inside, so that its letter does not count. A sum or a
product between two whole numbers is written out where that is short; what stays is compared by its form alone.
"""

from __future__ import annotations

from fractions import Fraction

from thinkcurve.verify.maths.reader import Reader, negative
from thinkcurve.verify.maths.tokens import Token
from thinkcurve.verify.maths.tree import Node, ParseError, const, num, replaced, symbols, walk

MAX_NODES = 12_000  # of a sum written out, and of one with variables in it
MAX_NODES_WITH_SYMBOLS = 2_000
_D = Node("sym", (), None, "d")
_ELSE = frozenset(("otherwise", "else", "elsewhere", "other"))
_CONDITION_WORDS = frozenset(("if", "for", "when", "where"))


class Operators(Reader):
    """Reads what follows a big operator or a ``\\begin{cases}``."""

    def big(self, name: str) -> Node:
        """``\\sum_{k=1}^{n} body`` and ``\\prod``."""
        low = high = None
        variable = num(0)
        while self.is_op("_", "^"):
            if self.take().text == "^":
                high = self.end()
            elif self.kind == "open" and self.text == "{":
                self.take()
                condition = self.closed("{", self.listing())
                if condition.head != "rel" or condition.name != "=" or condition.args[0].head not in ("sym", "const"):
                    raise ParseError("the range of a sum")
                variable, low = condition.args
            else:
                raise ParseError("the range of a sum")
        if low is None or high is None:
            raise ParseError("the range of a sum")
        body = self.product()
        bound, body = bind(body, variable)
        return _written_out(name, bound, low, high, body)

    def end(self) -> Node:
        """What a sum or an integral runs to: one atom with its sign, or a braced expression."""
        if self.is_op("-"):
            self.take()
            return negative(self.atom())
        if self.kind == "name":
            return Node("sym", (), None, self.take().text)  # without what stands below it
        return self.group() if self.kind == "open" else self.atom()

    def integral(self) -> Node:
        """``\\int_a^b body dx``, read up to its differential."""
        ends: dict[str, Node] = {}
        while self.is_op("_", "^"):
            mark = self.take().text
            ends[mark] = self.end()
        at, variable, is_outside = self.differential()
        one = [Token("open", "("), Token("num", "", Fraction(1)), Token("close", ")")]
        self.tokens[at : at + (1 if self.tokens[at].kind == "text" else 2)] = (
            [Token("close", "d")] if is_outside else one
        )
        body = num(1) if self.kind == "close" else self.sum()
        if is_outside:
            self.expect("close", "d")
        _, body = bind(body, Node("sym", (), None, variable))
        return Node("int", (body, *(ends[mark] for mark in "_^" if mark in ends)), None, "".join(sorted(ends)))

    def differential(self) -> tuple[int, str, bool]:
        """Where ``dx`` stands, the name of the variable, and whether it follows the body (in ``\\frac{dx}{x}`` no)."""
        depth, inside = 0, None
        for at in range(self.at, len(self.tokens) - 1):
            token, after = self.tokens[at], self.tokens[at + 1]
            depth += (token.kind == "open") - (token.kind == "close")
            if depth < 0:
                break
            is_word = token.kind == "text" and len(token.text) == 2 and token.text[0] == "d"
            if is_word or ((token.kind, token.text) == ("name", "d") and after.kind == "name"):
                name = token.text[1] if is_word else after.text
                if not depth:
                    return at, name, True
                inside = inside or (at, name, False)
        if inside is None:
            raise ParseError("an integral without a differential")
        return inside

    def derivative(self, node: Node) -> Node:
        """``\\frac{dy}{dx}`` and ``\\frac{d}{dx} y`` as a function of ``y`` and ``x`` that nothing is known of."""
        over, under = node.args
        if under.head != "mul" or len(under.args) != 2 or under.args[0] != _D or under.args[1].head != "sym":
            return node
        if over == _D:
            return Node("fn", (self.product(), under.args[1]), None, "call:derivative")
        if over.head == "mul" and over.args[0] == _D:
            body = over.args[1] if len(over.args) == 2 else Node("mul", over.args[1:])
            return Node("fn", (body, under.args[1]), None, "call:derivative")
        return node

    def limit(self) -> Node:
        """``\\lim_{x \\to a} body``."""
        self.expect("op", "_")
        self.expect("open", "{")
        variable = self.expect("name").text
        self.expect("rel", "to")
        side = self.side()
        target = self.closed("{", self.sum())
        _, body = bind(self.product(), Node("sym", (), None, variable))
        return Node("lim", (body, target), None, side)

    def side(self) -> str:
        """The sign of ``3^+`` or ``3^{-}`` at the end of a brace, taken out of it; else nothing."""
        end = next((at for at in range(self.at, len(self.tokens)) if self.tokens[at].kind == "close"), 0)
        at = end - 1 - (self.tokens[end - 2].text == "{")
        sign = self.tokens[end - 1]
        if sign.kind != "op" or sign.text not in "+-" or self.tokens[at - 1].text != "^":
            return ""
        del self.tokens[at - 1 : end + (at < end - 1)]
        return sign.text

    def cases(self) -> Node:
        """Rows up to ``\\end``: relations alone are a system of them, else each is a value and its condition."""
        rows: list[list[Node]] = []
        while not (self.kind == "cmd" and self.text == "end"):
            row = [self.relation()]
            if self.kind == "sep" and self.text == ",":
                self.take()
            if self.is_op("&"):
                self.take()
            if not (self.kind == "cmd" and self.text in ("\\", "end")):
                row.append(self.condition())
            rows.append(row)
            while (self.kind == "cmd" and self.text == "\\") or self.kind == "sep":
                self.take()
        if rows and all(len(row) == 1 for row in rows):
            return Node("group", tuple(row[0] for row in rows), None, ",") if len(rows) > 1 else rows[0][0]
        if not rows or any(len(row) != 2 for row in rows):
            raise ParseError("cases")
        return Node("cases", tuple(item for row in rows for item in row))

    def condition(self) -> Node:
        while (self.kind == "sep" and self.text in ("if", "for", ",")) or self.text.lower() in _CONDITION_WORDS:
            self.take()
        if self.kind == "text" and self.text.lower() in _ELSE:
            self.take()
            return const("else")
        found = self.relation()
        while self.kind == "sep" and self.text in ("and", "or", ","):
            name = "and" if self.take().text != "or" else "or"
            found = Node("group", (found, self.relation()), None, name)
        if found.head not in ("rel", "group"):
            raise ParseError("a condition")
        return found


def bind(node: Node, variable: Node) -> tuple[Node, Node]:
    """The bound node that stands for ``variable``, numbered beyond those within, and ``node`` with it."""
    level = 1 + max((int(item.name) for item in walk(node) if item.head == "bound"), default=0)
    bound = Node("bound", (), None, str(level))
    return bound, replaced(node, variable, bound)


def _written_out(name: str, bound: Node, low: Node, high: Node, body: Node) -> Node:
    ends = [end.value if end.head == "num" else None for end in (low, negative_number(high))]
    whole = [end.numerator for end in ends if end is not None and end.denominator == 1]
    if len(whole) == 2:
        count = whole[1] - whole[0] + 1
        size = sum(1 for _ in walk(body)) * max(count, 0)
        if count > 0 and size <= (MAX_NODES_WITH_SYMBOLS if symbols(body) else MAX_NODES):
            terms = tuple(replaced(body, bound, num(value)) for value in range(whole[0], whole[1] + 1))
            return Node("add" if name == "sum" else "mul", terms) if count > 1 else terms[0]
    return Node(name, (low, high, body))


def negative_number(node: Node) -> Node:
    """``-3`` as one number, where it is the negative of one."""
    return negative(node.args[0]) if node.head == "neg" else node


def conjugate(node: Node) -> Node:
    """The complex conjugate of sums, products, quotients and whole powers, taken down to the names in them."""
    if node.head in ("num", "bound") or (node.head == "const" and node.name in ("pi", "e")):
        return node
    if node == const("i"):
        return Node("neg", (node,))
    if node.head == "sym":
        return Node("sym", (), None, node.name[4:] if node.name.startswith("bar:") else f"bar:{node.name}")
    if node.head in ("add", "mul", "div", "neg"):
        return node._replace(args=tuple(conjugate(arg) for arg in node.args))
    if node.head == "pow" and node.args[1].head == "num" and (node.args[1].value or 0).denominator == 1:
        return Node("pow", (conjugate(node.args[0]), node.args[1]))
    if node.head == "fn" and node.name == "sqrt" and node.args[0].head == "num" and (node.args[0].value or 0) >= 0:
        return node
    raise ParseError("a conjugate")
