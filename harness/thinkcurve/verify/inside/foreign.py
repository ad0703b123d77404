"""What a test holds of things that stay in the answer's process: values of its own types, and its iterators."""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable
from typing import Any

from . import wire

MOST_ITEMS = 1000  # asked of an iterator at a time
PLAIN_MODULES = ("builtins", "collections", "decimal", "fractions", "datetime", "numpy")


class Unsupported(BaseException):
    """The test asks for what cannot travel between the two processes."""


class Foreign(wire.Opaque):
    """A value of the answer's own type: it differs from every plain value, and nothing else can be told about it.

    What its type has is ``Unsupported``; what it has not fails as it would with the value itself.
    """

    def __getattr__(self, name: str) -> Any:
        if name in self.attributes:
            raise Unsupported
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        if type(other).__module__ in PLAIN_MODULES:
            return False
        raise Unsupported

    def __bool__(self) -> bool:
        if {"__bool__", "__len__"} & set(self.attributes):
            raise Unsupported
        return True

    __hash__ = object.__hash__


def _operation(name: str) -> Callable[..., Any]:
    def operation(self: Foreign, *_: object) -> Any:
        if name in self.attributes:
            raise Unsupported
        raise TypeError(f"no {name}")

    return operation


_ONE = "call iter next len getitem setitem contains int float complex index abs neg round str enter reversed"
_TWO = "add sub mul truediv floordiv mod divmod pow matmul and or xor lshift rshift lt le gt ge"
for _name in [*_ONE.split(), *_TWO.split(), *(f"r{name}" for name in _TWO.split()[:14])]:
    setattr(Foreign, f"__{_name}__", _operation(f"__{_name}__"))


class Remote:
    """An iterator of the answer's, which goes on in the answer's process, a growing handful of items at a time."""

    def __init__(self, place: int, fetch: Callable[[int, int], tuple[list[Any], bool]]) -> None:
        self._place, self._fetch = place, fetch
        self._items: list[Any] = []
        self._is_over, self._size = False, 1

    def __iter__(self) -> Remote:
        return self

    def __next__(self) -> Any:
        if not self._items and not self._is_over:
            items, self._is_over = self._fetch(self._place, self._size)
            self._items = items[::-1]
            self._size = min(2 * self._size, MOST_ITEMS)
        if not self._items:
            raise StopIteration
        return self._items.pop()


def array(values: Any) -> Any:
    """A NumPy array where this process has NumPy, a list where it has not."""
    numpy = sys.modules.get("numpy")
    return numpy.array(values) if numpy else values


def record(names: list[str], values: tuple[Any, ...]) -> Any:
    """A named tuple; ``names`` are those of the type and of its fields."""
    return collections.namedtuple(names[0], names[1:], rename=True)(*values)


def copy_back(mine: Any, theirs: Any) -> None:
    """Make ``mine``, and what it holds, contain what the answer left in it; objects that stayed in place stay."""
    if type(mine) is not type(theirs):
        return
    if isinstance(mine, list | tuple | collections.deque):
        kept = [_kept(old, new) for old, new in zip(mine, theirs, strict=False)] + list(theirs)[len(mine) :]
        if isinstance(mine, list):
            mine[:] = kept
        elif isinstance(mine, collections.deque):
            mine.clear()
            mine.extend(kept)
    elif isinstance(mine, dict):
        kept_values = {key: _kept(mine.get(key), new) for key, new in theirs.items()}
        mine.clear()
        mine.update(kept_values)
    elif isinstance(mine, set):
        mine.clear()
        mine.update(theirs)
    elif isinstance(mine, bytearray):
        mine[:] = theirs


def _kept(old: Any, new: Any) -> Any:
    """``old`` brought up to date where it is the same kind of container, else ``new``."""
    if type(old) is not type(new) or not isinstance(old, list | tuple | dict | set | bytearray | collections.deque):
        return new
    if isinstance(old, tuple) and len(old) != len(new):
        return new
    copy_back(old, new)
    return old if not isinstance(old, tuple) or old == new else new
