"""The innermost pieces: names, brackets, functions and their arguments, LaTeX commands, matrices."""

from __future__ import annotations

from fractions import Fraction

from thinkcurve.verify.maths.reader import Reader, negative
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
_WRAPPERS = frozenset(("bar", "vec", "hat", "widehat", "tilde", "dot", "boldsymbol", "bm", "underline", "overline"))


_SHORT_WORDS = frozenset(("no", "up", "on", "in", "if", "is", "it", "so", "we", "he"))


class Atoms(Reader):
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
        if token.kind == "close" and token.text == "]" and self.at == 1:
            return self.french()
        raise ParseError(f"{token.text or 'nothing'!r} where a value belongs")

    def french(self) -> Node:
        """``]0, 1[`` is an open interval."""
        low = self.sum()
        self.expect("sep")
        self.is_french = True
        high = self.sum()
        closing = self.take().text
        if closing not in ("[", "]") or self.kind != "end":
            raise ParseError("interval")
        return Node("group", (low, high), None, "()" if closing == "[" else "(]")

    def words(self, text: str) -> Node:
        if self.kind == "text" or len(text) > 3 or " " in text:
            while self.kind == "text":
                text += " " + self.take().text
            return Node("words", (), None, words(text))
        if self.kind == "end" and len(self.tokens) == 2 and len(text) > 2:
            return Node("words", (), None, words(text))
        if len(text) == 1 or not text.isalpha() or (len(self.tokens) == 2 and text.lower() in _SHORT_WORDS):
            return Node("words", (), None, words(text))
        return Node("mul", tuple(_letter(letter) for letter in text))

    def name(self, text: str) -> Node:
        node = _letter(text)
        if self.is_op("_"):
            self.take()
            node = Node("sym", (), None, f"{text}_{self.subscript()}")
        while self.is_op("'"):
            self.take()
            node = Node("sym", (), None, f"{node.name}'")
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
        if opening == r"\{" and self.kind == "name" and (self.next().kind == "bar" or self.next().text == ":"):
            self.at += 2  # the set of all x with a condition is the condition
            condition = self.listing()
            return self.closed(opening, condition)
        inner = self.listing()
        token = self.expect("close")
        self.bars = saved
        if token.text not in _CLOSES[opening]:
            raise ParseError(f"{opening!r} closed by {token.text!r}")
        if opening in ("floor", "ceil"):
            return Node("fn", (inner,), None, opening)
        is_list = inner.head == "group" and inner.name in (",", "and", "or")
        if opening == "{":
            return Node("group", inner.args, None, "{}") if is_list else inner
        brackets = {r"\{": "{}", "<": "()"}.get(opening, opening + token.text)
        if brackets in ("()", "[]") and not is_list:
            return inner if brackets == "()" or inner.head == "matrix" else Node("group", (inner,), None, "[]")
        return Node("group", inner.args if is_list else (inner,), None, brackets)

    def absolute(self) -> Node:
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        if self.kind == "bar" or (self.kind == "close" and self.text == "|"):
            self.take()
            return Node("fn", (inner,), None, "abs")
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
        if power == negative(num(1)) and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            name, power = f"arc{name}", None
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
        inner = self.group()
        if index is None:
            return Node("fn", (inner,), None, "sqrt")
        return Node("pow", (inner, Node("div", (num(1), index))))

    def command(self, name: str) -> Node:
        if name == "frac":
            over = self.group()
            return Node("div", (over, self.group()))
        if name == "sqrt":
            return self.root()
        if name == "binom":
            top = self.group()
            return Node("fn", (top, self.group()), None, "binom")
        if name in _WRAPPERS:
            inner = self.group()
            return inner if inner.head == "sym" and name != "bar" and name != "overline" else _decorated(name, inner)
        if name == "boxed":
            return self.group()
        if name == "begin":
            return self.environment()
        if name in ("left", "right"):
            return self.atom()
        raise ParseError(f"\\{name}")

    def environment(self) -> Node:
        name = self.braced_word()
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
        return Node("fn", (matrix,), None, "det") if name in ("vmatrix", "Vmatrix") else matrix

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
    return const(text) if text in ("e", "i") else Node("sym", (), None, text)


def _decorated(name: str, inner: Node) -> Node:
    if inner.head in ("sym", "mul", "const", "num"):
        letters = "".join(item.name or str(item.value) for item in (inner.args or (inner,)))
        return Node("sym", (), None, f"{name}:{letters}")
    raise ParseError(f"\\{name}")
