"""A place in a row of tokens, and the small steps every part of the parser takes."""

from __future__ import annotations

from thinkcurve.verify.maths.tokens import Token
from thinkcurve.verify.maths.tree import Node, ParseError

MAX_DEPTH = 40


class Reader:
    """One pass over the tokens; ``at`` is where it stands."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens, self.at, self.depth, self.bars = found, 0, 0, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def kind(self) -> str:
        return self.tokens[self.at].kind

    @property
    def text(self) -> str:
        return self.tokens[self.at].text

    def next(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def is_op(self, *texts: str) -> bool:
        token = self.tokens[self.at]
        return token.kind == "op" and token.text in texts

    def expect(self, kind: str, text: str = "") -> Token:
        if self.kind != kind or (text and self.text != text):
            raise ParseError(f"{self.text!r} where {text or kind} belongs")
        return self.take()

    def listing(self) -> Node:
        """Items between commas; the loosest reading."""
        raise NotImplementedError

    def union(self) -> Node:
        """A set or a sum, without relations and commas."""
        raise NotImplementedError

    def relation(self) -> Node:
        """Values joined by relation signs."""
        raise NotImplementedError

    def sum(self) -> Node:
        """Terms added."""
        raise NotImplementedError

    def product(self) -> Node:
        """Factors multiplied, in writing or side by side."""
        raise NotImplementedError

    def atom(self) -> Node:
        """One value, bracket or command with its arguments."""
        raise NotImplementedError

    def group(self) -> Node:
        """A braced argument, or what stands for one."""
        raise NotImplementedError

    def script(self) -> Node:
        """What stands above or below."""
        raise NotImplementedError

    def closed(self, opening: str, node: Node) -> Node:
        """``node``, and the bracket that closes ``opening``."""
        raise NotImplementedError

    def factor(self) -> Node:
        """One value with its power and what stands behind it."""
        raise NotImplementedError

    def behind(self, node: Node) -> Node:
        """``node`` with the marks that follow it."""
        raise NotImplementedError


def negative(node: Node) -> Node:
    """``-node``; a number stays a number."""
    if node.head == "num" and node.value is not None:
        return Node("num", (), -node.value, node.name)
    return Node("neg", (node,))
