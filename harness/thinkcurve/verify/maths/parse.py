"""Tokens to a tree: recursive descent, the whole input or ``ParseError``, bounded in depth.

From loose to tight: lists, relations, unions, sums, products (written or not), signs, powers, what stands behind a
value (``!``, ``%``, a unit), atoms. ``1 1/2`` and ``1\\frac12`` are mixed numbers; ``sin 2x`` takes the product.
"""

from __future__ import annotations

import functools

from thinkcurve.verify.maths.atoms import Atoms
from thinkcurve.verify.maths.characters import latex_signs
from thinkcurve.verify.maths.families import domain
from thinkcurve.verify.maths.operators import bind
from thinkcurve.verify.maths.reader import MAX_DEPTH, negative
from thinkcurve.verify.maths.tokens import tokens
from thinkcurve.verify.maths.tree import Node, ParseError, has, num
from thinkcurve.verify.maths.units import LETTERS, UNITS, words

_FACTOR_KINDS = ("num", "based", "name", "const", "fn", "open", "cmd", "text")
_NO_FACTORS = ("\\", "end", "choose", "over", "circ", "pmod")


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of ``text``, all of it."""
    if ("in" in text or "∈" in text) and (found := domain(" ".join(latex_signs(text).split()))) is not None:
        rest, letter, name = found
        inner = _whole(rest)
        _, inner = bind(inner, Node("sym", (), None, letter))
        if has(inner, "bound"):
            return Node("family", (inner,), None, name)
    return _whole(text)


def _whole(text: str) -> Node:
    parser = Parser(tokens(text))
    try:
        tree = parser.listing()
    except RecursionError as error:  # \\frac\\frac\\frac ...
        raise ParseError("too deep") from error
    if parser.kind != "end":
        raise ParseError(f"{parser.text!r} is left over")
    return tree


class Parser(Atoms):
    """Lists, relations, sums and products."""

    # Lists and relations ------------------------------------------------------------------------------------

    def listing(self) -> Node:
        """Items between commas or ``and``; one alone is itself."""
        items: list[Node] = []
        marks: list[str] = []
        separators: set[str] = set()
        if self.kind == "end" or (self.kind == "close" and self.at):
            return Node("group", (), None, ",")
        while True:
            items.append(self.relation())
            if self.is_op(".") and self.next().kind in ("end", "close"):
                self.take()
            if self.kind != "sep":
                break
            marks.append(self.text)
            while self.kind == "sep":
                separators.add(self.take().text)
            if self.kind in ("end", "close"):
                break
        if separators & {"if", "for"}:
            raise ParseError("a condition")
        if len(items) == 1 and not separators:
            return items[0]
        if separators == {",", ";"}:
            return _rows(items, marks)
        name = next((word for word in ("or", "and") if word in separators and "," not in separators), ",")
        return Node("group", tuple(items), None, "or" if "or" in separators else name)

    def relation(self) -> Node:
        sides, signs = [], []
        if self.kind == "rel" and self.text in ("=", "~"):
            self.take()  # "= 5" goes on from something said before
        sides.append(self.union())
        while self.kind == "rel":
            signs.append(self.take().text)
            sides.append(self.union())
        return Node("rel", tuple(sides), None, " ".join(signs)) if signs else sides[0]

    def union(self) -> Node:
        left = self.ratio()
        while self.is_op("cup", "cap", "minus"):
            head = self.take().text
            left = Node(head, (left, self.ratio()))
        return left

    def ratio(self) -> Node:
        parts = [self.sum()]
        if self.kind == "cmd" and self.text == "pmod":
            self.take()
            modulus = self.group()
            if modulus.head != "num":
                raise ParseError("modulus")
            return Node("unit", (parts[0],), None, f"mod {modulus.value}")
        while self.is_op(":"):
            self.take()
            parts.append(self.sum())
        if len(parts) == 1:
            return parts[0]
        return self.unit(Node("ratio", tuple(parts)))

    # Arithmetic ---------------------------------------------------------------------------------------------

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError("too deep")
        terms = [self.signed()]
        while self.is_op("+", "-", "pm", "mp"):
            terms.append(self.signed())
        self.depth -= 1
        if (
            len(terms) == 2
            and terms[1].head == "neg"
            and terms[1].args[0].head == "group"
            and terms[1].args[0].name == "{}"
        ):
            return Node("minus", (terms[0], terms[1].args[0]))  # \\R - \\{0\\}
        return Node("add", tuple(terms)) if len(terms) > 1 else terms[0]

    def signed(self) -> Node:
        sign = self.take().text if self.is_op("+", "-", "pm", "mp") else "+"
        if sign != "+":
            inner = self.signed() if self.is_op("+", "-") else self.product()
            return negative(inner) if sign == "-" else Node(sign, (inner,))
        return self.signed() if self.is_op("+", "-") else self.product()

    def product(self) -> Node:
        left = self.factor()
        while True:
            if self.is_op("*", "/"):
                divides = self.take().text == "/"
                right = self.operand()
                left = Node("div" if divides else "mul", (left, right))
            elif self.kind in _FACTOR_KINDS and not (self.kind == "cmd" and self.text in _NO_FACTORS):
                left = self.juxtaposed(left)
            elif self.kind == "bar" and not self.bars:
                left = Node("mul", (left, self.factor()))
            else:
                return left

    def juxtaposed(self, left: Node) -> Node:
        """Two values side by side: a mixed number, a unit, or a product."""
        token = self.token
        if left.head == "words":
            raise ParseError("words and a value")
        if token.kind == "text" and (
            token.text in LETTERS
            or token.text in UNITS
            or token.text.lower() in UNITS
            or set(token.text) & set(" /^")
            or len(token.text) > 3
        ):
            return self.unit(left)
        if token.kind == "fn" and token.text == "min" and left.head == "num" and self.next().kind in ("end", "close"):
            return self.unit(left)
        if token.kind in ("num", "based"):
            return self.number_after(left)
        right = self.factor()
        is_fraction = right.head == "div" and right.args[0].head == right.args[1].head == "num"
        if left.head == "num" and is_fraction and token.kind == "cmd" and _is_natural(left):
            return Node("add", (left, right))
        return Node("mul", (left, right))

    def number_after(self, left: Node) -> Node:
        """``1 1/2`` is a mixed number; any other number behind a value must follow a bracket or a command."""
        before = self.tokens[self.at - 1]
        if left.head == "num" and _is_natural(left) and before.kind == "num":
            over, slash, under = self.token, self.next(), self.next(2)
            if not (slash.kind == "op" and slash.text == "/" and under.kind == "num" and over.value and under.value):
                raise ParseError("two numbers side by side")
            self.at += 3
            return Node("add", (left, Node("div", (num(over.value), num(under.value)))))
        if before.kind == "num":
            raise ParseError("two numbers side by side")
        return Node("mul", (left, self.factor()))

    def operand(self) -> Node:
        """What may follow a written operator: a sign is allowed."""
        if self.is_op("-", "+"):
            sign = self.take().text
            inner = self.operand()
            return negative(inner) if sign == "-" else inner
        return self.factor()

    def factor(self) -> Node:
        node = self.behind(self.atom())
        if self.is_op("^"):
            self.take()
            return self.behind(Node("pow", (node, self.script())))
        return node

    def behind(self, node: Node) -> Node:
        """Factorials, percent, degree, and the degree sign in braces."""
        while self.kind == "op":
            if self.text == "!":
                self.take()
                node = Node("fn", (node,), None, "factorial")
            elif self.text == "%":
                self.take()
                node = Node("percent", (node,))
            elif self.text == "deg":
                self.take()
                node = Node("degree", (node,))
            elif self.text == "'":
                self.take()
                node = Node("fn", (node,), None, "prime") if node.head != "num" else node
            elif self.text == "^" and self.is_degree():
                while self.take().text != "circ":
                    pass
                if self.kind == "close" and self.text == "}":
                    self.take()
                node = Node("degree", (node,))
            else:
                break
        return node

    def is_degree(self) -> bool:
        first, second = self.next(), self.next(2)
        if first.kind == "open" and first.text == "{":
            return second.kind == "cmd" and second.text == "circ"
        return first.kind == "cmd" and first.text == "circ"

    def unit(self, node: Node) -> Node:
        """Words behind a value, with their powers and quotients: ``cm^2``, ``m/s``, ``miles per hour``."""
        named: list[str] = []
        while self.kind == "text" or (self.kind == "fn" and self.text == "min") or (named and self.is_letter()):
            word = self.take().text + self.power_of_unit()
            named.append(word)
            if self.is_op("/") and (self.next().kind == "text" or self.is_letter(1)):
                self.take()
                named.append("/")
        return Node("unit", (node,), None, words(" ".join(named))) if named else node

    def is_letter(self, ahead: int = 0) -> bool:
        """Whether a single letter that may be a unit stands there."""
        token = self.next(ahead)
        return token.kind == "name" and token.text in LETTERS

    def power_of_unit(self) -> str:
        """``^2``, ``^{-1}`` behind a unit, taken; else nothing."""
        ahead = 1
        if not self.is_op("^"):
            return ""
        is_braced = self.next().text == "{"
        ahead += is_braced
        sign = "-" if (self.next(ahead).kind, self.next(ahead).text) == ("op", "-") else ""
        ahead += bool(sign)
        power = self.next(ahead).value
        if self.next(ahead).kind != "num" or power is None or (is_braced and self.next(ahead + 1).text != "}"):
            return ""
        self.at += ahead + 1 + is_braced
        return f"^{sign}{power}"


def _rows(items: list[Node], marks: list[str]) -> Node:
    """``1,2; 3,4`` is a list of pairs."""
    rows = [[items[0]]]
    for mark, item in zip(marks, items[1:], strict=False):
        if mark == ";":
            rows.append([])
        rows[-1].append(item)
    return Node("group", tuple(Node("group", tuple(row), None, "()") for row in rows), None, ",")


def _is_natural(node: Node) -> bool:
    return node.value is not None and node.value.denominator == 1 and node.value >= 0
