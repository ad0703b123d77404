"""The tree that every expression is read into, and the error for what cannot be read.

One record for every kind of node keeps equality and hashing structural and free. ``head`` says what it is:

====================  =====================================================================================
head                  meaning
====================  =====================================================================================
num                   an exact rational ``value``; ``name`` counts the decimals of a long decimal (12 digits up)
sym, const            a variable; ``pi e i inf R empty dots``
add mul neg div pow   arithmetic; pm, mp: plus-minus of one argument
fn                    the function ``name`` of ``args``
unit percent degree   one value and what was written behind it
near                  one value of a gold, and in ``value`` the difference from it that counts as none
based                 the digits ``name`` (``1101_2``) with their ``value``
ratio                 ``a:b:c`` (also a time of day)
group                 a list; ``name`` is its brackets: ``()``, ``[)``, ``{}``, or ``,`` ``and`` ``or`` for none
rel                   a chain of relations; ``name`` holds the signs between the ``args``
cup cap minus         sets
matrix                rows times columns in ``name``, entries row by row
bound                 a variable that an operator binds, numbered from the inside
sum prod int lim      what could not be written out: the ends, then the body
cases                 values and their conditions, by turns; the last condition may be ``else``
family                values with one ``bound`` whole number in them, over ``name`` (``Z`` or ``N``)
words                 natural language, folded
====================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple


class Node(NamedTuple):
    """One node; see the table above."""

    head: str
    args: tuple[Node, ...] = ()
    value: Fraction | None = None
    name: str = ""


class ParseError(ValueError):
    """The text is not wholly an expression that we read."""


def num(value: Fraction | int, name: str = "") -> Node:
    """An exact rational."""
    return Node("num", (), Fraction(value), name)


def const(name: str) -> Node:
    """One of the constants in the table above."""
    return Node("const", (), None, name)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    stack = [node]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(item.args)


def replaced(node: Node, old: Node, new: Node) -> Node:
    """``node`` with every ``old`` in it made ``new``."""
    if node == old:
        return new
    return node._replace(args=tuple(replaced(arg, old, new) for arg in node.args)) if node.args else node


def symbols(*nodes: Node) -> frozenset[str]:
    """The names of the variables in it."""
    return frozenset(item.name for node in nodes for item in walk(node) if item.head == "sym")


def has(node: Node, *heads: str) -> bool:
    """Whether a node of one of these kinds is in it."""
    return any(item.head in heads for item in walk(node))
