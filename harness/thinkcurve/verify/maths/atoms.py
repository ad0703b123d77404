"""The innermost pieces: names, brackets, functions and their arguments, LaTeX commands, matrices."""

from __future__ import annotations

from fractions import Fraction

from thinkcurve.verify.maths.matrices import determinant
from thinkcurve.verify.maths.operators import Operators, conjugate
from thinkcurve.verify.maths.reader import negative
from thinkcurve.verify.maths.tokens import Token
from thinkcurve.verify.maths.tree import Node, ParseError, const, num
from thinkcurve.verify.maths.units import words

_CLOSES = {
    "(": ")]",
    "[": "])",
    r"\{": (r"\}",),
    "{": "}",
    "<": (">",),
    "floor": ("floor",),
    "ceil": ("ceil",),
    "|": "|",
}
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix")
_OPAQUE = frozenset("fgFGPQW")
_ACCENTS = ("bar", "vec", "hat", "widehat", "tilde", "widetilde", "dot", "boldsymbol", "bm", "underline", "overline")
_WRAPPERS = frozenset((*_ACCENTS, "overrightarrow", "overleftarrow", "overleftrightarrow"))


_VECTORS = ("vec", "hat", "boldsymbol", "bm", "widehat")
_UNIT_VECTORS = {
    **{Node("sym", (), None, letter): Node("sym", (), None, f"unit:{letter}") for letter in "jk"},
    **{Node("sym", (), None, f"{letter}math"): Node("sym", (), None, f"unit:{letter}") for letter in "ij"},
    const("i"): Node("sym", (), None, "unit:i"),
}
_SHORT_WORDS = frozenset(("no", "up", "on", "in", "if", "is", "it", "so", "we", "he"))


class Atoms(Operators):
    """Reads one atom at the place where it stands."""

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "num":
            return Node("num", (), token.value, token.text)
        if token.kind == "based":
            return Node("based", (), token.value, token.text)
        if token.kind == "name":
            return self.name(token.text)
        if token.kind == "const":
            return const(token.text)
        if token.kind == "open":
            return self.bracket(token.text)
        if token.kind == "bar":
            return self.absolute()
        if token.kind == "fn":
            return self.function(token.text)
        if token.kind == "cmd":
            return self.command(token.text)
        if token.kind == "text":
            return self.words(token.text)
        raise ParseError(f"{token.text or 'nothing'!r} where a value belongs")

    def words(self, text: str) -> Node:
        if self.kind == "text" or len(text) > 3 or " " in text:
            while self.kind == "text":
                text += " " + self.take().text
            return Node("words", (), None, words(text))
        if self.kind == "end" and len(self.tokens) == 2 and len(text) > 2:
            return Node("words", (), None, words(text))
        is_alone = self.kind in ("sep", "end") and (self.at < 2 or self.tokens[self.at - 2].kind == "sep")
        if len(text) == 3 and text.istitle() and is_alone:  # Ann, Bob
            return Node("words", (), None, words(text))
        if len(text) == 1 or not text.isalpha() or (len(self.tokens) == 2 and text.lower() in _SHORT_WORDS):
            return Node("words", (), None, words(text))
        *letters, last = (_letter(letter) for letter in text)
        if self.is_op("^"):  # ab^2: the power is the last letter's
            self.take()
            last = Node("pow", (last, self.script()))
        return Node("mul", (*letters, last))

    def name(self, text: str) -> Node:
        node = _letter(text)
        if self.is_op("_"):
            self.take()
            node = Node("sym", (), None, f"{text}_{self.subscript()}")
        while self.is_op("'"):
            self.take()
            node = Node("sym", (), None, f"{node.name}'")
        if text == "C" and node.name == "C" and self.kind == "open" and self.text == "(":
            self.take()
            inner = self.bracket("(")
            is_pair = inner.head == "group" and len(inner.args) == 2
            return Node("fn", inner.args, None, "binom") if is_pair else Node("mul", (node, inner))
        is_braced = self.kind == "open" and self.text == "{" and self.next().text == "(" and node.name in _OPAQUE
        if is_braced:  # sympy writes f{\\left(x \\right)}
            self.take()
            self.take()
            inner = self.bracket("(")
            self.expect("close", "}")
            return Node("fn", inner.args if inner.head == "group" else (inner,), None, f"call:{node.name}")
        if node.name[0] in _OPAQUE and len(node.name.split("_")[0]) < 3 and self.kind == "open" and self.text == "(":
            self.take()
            inner = self.bracket("(")
            return Node("fn", inner.args if inner.head == "group" else (inner,), None, f"call:{node.name}")
        return node

    def subscript(self) -> str:
        token = self.take()
        if token.kind in ("num", "name", "text", "const"):
            return str(token.value) if token.kind == "num" else token.text
        if token.kind != "open" or token.text != "{":
            raise ParseError("subscript")
        found = []
        while not (self.kind == "close" and self.text == "}"):
            if self.kind in ("end", "open"):
                raise ParseError("subscript")
            token = self.take()
            found.append(str(token.value) if token.kind == "num" else token.text)
        self.take()
        return "".join(found)

    def script(self) -> Node:
        """An exponent: one atom with its sign, or a braced expression."""
        if self.kind == "open" and self.text == "{":
            self.take()
            return self.closed("{", self.sum())
        if self.is_op("-", "+"):
            return negative(self.script()) if self.take().text == "-" else self.script()
        if self.kind in ("num", "name", "const", "open", "based", "fn", "cmd", "bar"):
            node = self.atom()
            if self.is_op("^"):
                self.take()
                return Node("pow", (node, self.script()))
            return node
        raise ParseError("exponent")

    def closed(self, opening: str, node: Node) -> Node:
        token = self.expect("close")
        if token.text not in _CLOSES[opening]:
            raise ParseError(f"{opening!r} closed by {token.text!r}")
        return node

    def group(self) -> Node:
        """A braced argument, or the next digit, letter or command (``\\frac12``)."""
        if self.kind == "open" and self.text == "{":
            self.take()
            node = self.listing()
            return self.closed("{", node)
        token = self.token
        if token.kind == "num" and token.value is not None and token.value.denominator == 1 and not token.text:
            digits = str(token.value)
            if len(digits) > 1:  # \frac12: one digit is the argument, the others follow
                self.tokens[self.at] = Token("num", "", Fraction(int(digits[1:])))
                return num(int(digits[0]))
        return self.atom()

    def bracket(self, opening: str) -> Node:
        saved, self.bars = self.bars, 0
        if opening == "<" and self.kind in ("rel", "end"):
            raise ParseError("bracket")
        if opening == r"\{" and self.kind == "name" and (skipped := self.set_builder()):
            self.at += skipped  # the set of all x with a condition is the condition
            condition = self.listing()
            return self.closed(opening, condition)
        inner = self.listing()
        if opening == "{" and self.kind == "cmd" and self.text in ("choose", "over"):
            name = self.take().text
            pair = (inner, self.listing())
            inner = Node("div", pair) if name == "over" else Node("fn", pair, None, "binom")
        token = self.expect("close")
        self.bars = saved
        if token.text not in _CLOSES[opening]:
            raise ParseError(f"{opening!r} closed by {token.text!r}")
        if opening in ("floor", "ceil", "|"):
            return Node("fn", (inner,), None, "abs" if opening == "|" else opening)
        is_list = inner.head == "group" and inner.name in (",", "and", "or")
        if opening == "{":
            return Node("group", inner.args, None, "{}") if is_list else inner
        brackets = {r"\{": "{}", "<": "()"}.get(opening, opening + token.text)
        if brackets in ("()", "[]") and not is_list:
            return inner if brackets == "()" or inner.head == "matrix" else Node("group", (inner,), None, "[]")
        return Node("group", inner.args if is_list else (inner,), None, brackets)

    def set_builder(self) -> int:
        """How many tokens ``x |``, ``x :`` or ``x \\in \\R |`` are; 0 for none of them."""
        is_real = self.next().text == "in" and self.next(2) == Token("const", "R", None, self.next(2).spaced)
        bar = self.next(3 if is_real else 1)
        return 0 if bar.kind != "bar" and bar.text != ":" else 4 if is_real else 2

    def absolute(self) -> Node:
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        if self.kind == "bar" or (self.kind == "close" and self.text == "|"):
            self.take()
            return determinant(inner) if inner.head == "matrix" else Node("fn", (inner,), None, "abs")
        raise ParseError("absolute value")

    def function(self, name: str) -> Node:
        power = base = None
        while self.is_op("^", "_"):
            if self.take().text == "^":
                power = self.script()
            else:
                base = self.script()
        if name == "sqrt":
            return self.root()
        argument = self.argument()
        args = argument.args if argument.head == "group" and argument.name == "()" else (argument,)
        if not args:
            raise ParseError("a function of nothing")
        if name == "log" and base is not None:
            args = (*args, base)
        elif base is not None:
            raise ParseError("subscript")
        if power == negative(num(1)) and name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"):
            name, power = f"arc{name}", None
        if name == "det" and args[0].head == "matrix":
            return determinant(args[0])
        node = Node("fn", args, None, {"lg": "log10"}.get(name, name))
        return Node("pow", (node, power)) if power is not None else node

    def argument(self) -> Node:
        """What a function is applied to: a bracket, or the product of what follows up to the next function."""
        if self.kind == "open" and self.text != r"\{":
            opening = self.take().text
            inner = self.bracket(opening)
            return self.behind(inner) if self.is_op("!") else inner
        first = self.factor()
        while self.kind in ("num", "name", "const") or (self.kind == "cmd" and self.text == "frac"):
            if self.kind == "num" and self.tokens[self.at - 1].kind == "num":
                break
            first = Node("mul", (first, self.factor()))
        return first

    def root(self) -> Node:
        index = None
        if self.kind == "open" and self.text == "[":
            self.take()
            index = self.closed("[", self.sum())
        inner = self.atom() if self.kind == "num" else self.group()  # \\sqrt13 is the root of 13
        if index is None:
            return Node("fn", (inner,), None, "sqrt")
        return Node("pow", (inner, Node("div", (num(1), index))))

    def command(self, name: str) -> Node:
        if name == "frac":
            over = self.group()
            return self.derivative(Node("div", (over, self.group())))
        if name == "sqrt":
            return self.root()
        if name == "binom":
            top = self.group()
            return Node("fn", (top, self.group()), None, "binom")
        if name in _WRAPPERS:
            inner = self.group()
            if name in _VECTORS and inner in _UNIT_VECTORS:
                return _UNIT_VECTORS[inner]
            return inner if inner.head == "sym" and name not in ("bar", "overline") else _decorated(name, inner)
        if name in ("sum", "prod"):
            return self.big(name)
        if name == "int":
            return self.integral()
        if name == "lim":
            return self.limit()
        if name == "boxed":
            return self.group()
        if name == "begin":
            return self.environment()
        if name in ("left", "right"):
            return self.atom()
        raise ParseError(f"\\{name}")

    def environment(self) -> Node:
        name = self.braced_word()
        if name in ("cases", "dcases", "rcases"):
            found = self.cases()
            self.take()
            if self.braced_word() != name:
                raise ParseError("environment")
            return found
        if name not in _MATRICES:
            raise ParseError(f"environment {name}")
        if name == "array" and self.kind == "open":
            self.braced_word()
        rows: list[list[Node]] = [[]]
        while True:
            if self.kind == "cmd" and self.text == "end":
                break
            if self.kind == "cmd" and self.text == "\\":
                self.take()
                rows.append([])
            elif self.is_op("&"):
                self.take()
            else:
                rows[-1].append(self.union())
        self.take()
        if self.braced_word() != name:
            raise ParseError("environment")
        rows = [row for row in rows if row]
        if not rows or len({len(row) for row in rows}) > 1:
            raise ParseError("rows of different lengths")
        matrix = Node("matrix", tuple(cell for row in rows for cell in row), None, f"{len(rows)}x{len(rows[0])}")
        return determinant(matrix) if name in ("vmatrix", "Vmatrix") else matrix

    def braced_word(self) -> str:
        self.expect("open", "{")
        found = []
        while not (self.kind == "close" and self.text == "}"):
            if self.kind == "end":
                raise ParseError("environment")
            found.append(self.take().text)
        self.take()
        return "".join(found)


def _letter(text: str) -> Node:
    return const(text[0]) if text in ("e", "i", "imath") else Node("sym", (), None, text)


def _decorated(name: str, inner: Node) -> Node:
    name = "bar" if name == "overline" else name
    if name == "bar" and (inner.head not in ("sym", "mul") or const("i") in inner.args):
        return conjugate(inner)
    if inner.head in ("sym", "mul", "const", "num"):
        letters = "".join(item.name or str(item.value) for item in (inner.args or (inner,)))
        return Node("sym", (), None, f"{name}:{letters}")
    raise ParseError(f"\\{name}")
