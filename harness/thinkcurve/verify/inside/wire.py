"""How plain Python values travel out of the sandbox: tagged JSON, both directions, standard library only.

``None``, ``bool``, ``str`` and small ``int`` are themselves; everything else is ``[tag, payload]``. Built-in types,
``Decimal``, ``Fraction``, NumPy's numbers and arrays, and iterators (as what they yield). A subclass that compares as
its built-in base does (a named tuple, a counter) travels as that base. What cannot travel arrives as an ``Opaque``,
which equals nothing. Never pickle: reading this format runs no code of the sender's.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

JSON_INT = 1 << 53  # what every JSON reader keeps exactly
MAX_DEPTH = 100  # nesting of lists in one value
MAX_NODES = 1_000_000  # values in one value
MAX_SAME_HASH = 100  # of the items of a set or a dict: building it costs the square of that
MAX_ATTRIBUTES = 200  # named of a value that does not travel
MAX_FRACTION_CHARS = 5000  # hexadecimal, of a numerator: reducing a fraction costs the square of that
MAX_YIELDED = 10_000  # values taken from one iterator; what comes after them is an error to whoever asks for it

_SEQUENCES: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "z", collections.deque: "q"}
_BUILD: dict[str, Callable[[list[Any]], object]] = {
    "l": list,
    "t": tuple,
    "s": set,
    "z": frozenset,
    "q": collections.deque,
    "y": iter,
}
_DICTS = (dict, collections.Counter, collections.defaultdict, collections.OrderedDict)
# A subclass of these that keeps their comparison, and the base's own way to an exact copy of its content.
_BASES: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (list, lambda value: list(list.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (str, lambda value: str.__getitem__(value, slice(None))),
    (int, int.__pos__),
    (float, float.__pos__),
)


class TooLarge(Exception):
    """A value nested or long beyond the limits."""


class Opaque:
    """A value of a type that does not travel; equal to nothing but itself. ``attributes`` are what its type has."""

    def __init__(self, name: str, attributes: tuple[str, ...] = ()) -> None:
        self.name = name
        self.attributes = attributes


class Array(Opaque):
    """The numbers of a NumPy array, which no plain value equals."""

    def __init__(self, values: object) -> None:
        super().__init__("ndarray")
        self.values = values


class Encoder:
    """Turns one value into JSON-ready lists, counting what it visits; ``is_lossy`` once something could not travel."""

    def __init__(self) -> None:
        self._left = MAX_NODES
        self.is_lossy = False

    def encode(self, value: object, depth: int = 0) -> object:
        """``[tag, payload]`` or a JSON scalar; raises ``TooLarge``."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise TooLarge
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return _encode_text(value)  # type: ignore[arg-type]
        if kind is int:
            return value if -JSON_INT < value < JSON_INT else ["i", hex(value)]  # type: ignore[operator, arg-type]
        if kind in _SEQUENCES:
            return [_SEQUENCES[kind], [self.encode(item, depth + 1) for item in value]]  # type: ignore[attr-defined]
        if kind in _DICTS:
            pairs: Iterable[tuple[object, object]] = dict.items(value)  # type: ignore[arg-type]
            return ["d", [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in pairs]]
        plain = _encode_scalar(value)
        return plain if plain is not None else self._encode_other(value, depth)

    def _encode_other(self, value: Any, depth: int) -> object:
        kind = type(value)
        if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            return ["n", self.encode(value.tolist(), depth + 1)]
        if kind.__module__ == "numpy" and hasattr(value, "item"):
            return self.encode(value.item(), depth + 1)
        for base, exact in _BASES:
            if issubclass(kind, base) and getattr(kind, "__eq__") is getattr(base, "__eq__"):  # noqa: B009
                return self.encode(exact(value), depth + 1)
        if hasattr(kind, "__next__"):
            yielded = [self.encode(item, depth + 1) for item in itertools.islice(value, MAX_YIELDED + 1)]
            return ["y", yielded] if len(yielded) <= MAX_YIELDED else ["Y", yielded[:MAX_YIELDED]]
        self.is_lossy = True
        attributes = [*object.__dir__(value)][:MAX_ATTRIBUTES]
        return ["x", [str(kind.__name__)[:80], *(name[:80] for name in attributes if type(name) is str)]]


def _encode_text(text: str) -> object:
    """Itself, unless it holds half of a surrogate pair, which JSON readers refuse."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return ["u", text.encode("utf-8", "surrogatepass").hex()]
    return text


def _encode_scalar(value: Any) -> object:
    kind = type(value)
    if kind is float:
        return ["f", float.hex(value)]
    if kind is complex:
        return ["c", [float.hex(value.real), float.hex(value.imag)]]
    if kind is bytes or kind is bytearray:
        return ["b", value.hex()]
    if kind is Decimal:
        return ["D", str(value)]
    if kind is Fraction:
        return ["F", [hex(value.numerator), hex(value.denominator)]]
    if kind is range:
        return ["r", [hex(value.start), hex(value.stop), hex(value.step)]]
    return None


def decode(wire: object, depth: int = 0) -> Any:
    """The value that ``wire`` stands for; ``ValueError``, ``TypeError`` or ``OverflowError`` for what none wrote."""
    if depth > MAX_DEPTH + 1:
        raise ValueError("nested too deep")
    if wire is None or isinstance(wire, bool | str | int):
        return wire
    if not isinstance(wire, list) or len(wire) != 2:
        raise ValueError("not a tagged value")
    tag, payload = wire
    if not isinstance(tag, str):
        raise ValueError("not a tag")
    if isinstance(payload, list):
        return _decode_list(tag, payload, depth)
    return _decode_scalar(tag, payload)


def _decode_list(tag: str, payload: list[Any], depth: int) -> object:
    if tag in _BUILD:
        items = [decode(item, depth + 1) for item in payload]
        return _BUILD[tag](_spread(items) if tag in "sz" else items)
    if tag == "d":
        keys = _spread([decode(key, depth + 1) for key, _ in payload])
        return dict(zip(keys, [decode(value, depth + 1) for _, value in payload], strict=True))
    if tag == "n":
        return Array(decode(payload, depth + 1))
    if tag == "Y":
        return _cut_short([decode(item, depth + 1) for item in payload])
    if tag == "c" and len(payload) == 2:
        return complex(float.fromhex(payload[0]), float.fromhex(payload[1]))
    if tag == "F" and len(payload) == 2:
        return _fraction(payload[0], payload[1])
    if tag == "x" and payload:
        return Opaque(str(payload[0]), tuple(map(str, payload[1:])))
    if tag == "r" and len(payload) == 3:
        return range(*(int(number, 16) for number in payload))
    raise ValueError("not a payload")


def _decode_scalar(tag: str, payload: object) -> object:
    if tag == "n":
        return Array(decode(payload))
    if not isinstance(payload, str):
        raise ValueError("not a payload")
    if tag == "f":
        return float.fromhex(payload)
    if tag == "i":
        return int(payload, 16)
    if tag == "b":
        return bytes.fromhex(payload)
    if tag == "u":
        return bytes.fromhex(payload).decode("utf-8", "surrogatepass")
    if tag == "D":
        return _decimal(payload)
    raise ValueError("not a tag")


def _spread(items: list[Any]) -> list[Any]:
    """The items, unless they were chosen to collide: multiples of ``2**61 - 1`` all have the hash 0."""
    if len(items) > MAX_SAME_HASH and max(collections.Counter(map(hash, items)).values()) > MAX_SAME_HASH:
        raise ValueError("hashes that collide")
    return items


def _fraction(numerator: str, denominator: str) -> Fraction:
    if max(len(numerator), len(denominator)) > MAX_FRACTION_CHARS or int(denominator, 16) < 1:
        raise ValueError("not a fraction")
    return Fraction(int(numerator, 16), int(denominator, 16))


def _decimal(text: str) -> Decimal:
    """Small exponents only: comparing ``Decimal("1e999999999")`` with a number would write it out."""
    number = Decimal(text) if len(text) <= 10_000 else Decimal("nan")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > 10_000:
        raise ValueError("an exponent beyond the limits")
    return number


def _cut_short(items: list[object]) -> Iterator[object]:
    yield from items
    raise OverflowError(f"more than {MAX_YIELDED} items were asked of an iterator")
