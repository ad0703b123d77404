"""How plain Python values travel out of the sandbox: tagged JSON, both directions, standard library only.

``None``, ``bool``, ``str`` and small ``int`` are themselves; everything else is ``[tag, payload]``. Exact built-in
types only, and three dict types of ``collections`` that Python itself calls equal to a dict. What cannot travel
arrives as an ``Opaque``, which equals nothing. Never pickle: reading this format runs no code of the sender's.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable

JSON_INT = 1 << 53  # what every JSON reader keeps exactly
MAX_DEPTH = 100  # nesting of lists in one value
MAX_NODES = 1_000_000  # values in one value

_DICTS = (dict, collections.Counter, collections.defaultdict, collections.OrderedDict)
_SEQUENCES: dict[object, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
_BUILD: dict[str, Callable[[list[object]], object]] = {"l": list, "t": tuple, "s": set, "z": frozenset}


class TooLarge(Exception):
    """A value nested or long beyond the limits."""


class Opaque:
    """A value of a type that does not travel; equal to nothing but itself."""

    def __init__(self, name: str) -> None:
        self.name = name


class Encoder:
    """Turns one value into JSON-ready lists, counting what it visits."""

    def __init__(self) -> None:
        self._left = MAX_NODES

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
        return _encode_scalar(value)


def _encode_text(text: str) -> object:
    """Itself, unless it holds half of a surrogate pair, which JSON readers refuse."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return ["u", text.encode("utf-8", "surrogatepass").hex()]
    return text


def _encode_scalar(value: object) -> object:
    kind = type(value)
    if kind is float:
        return ["f", float.hex(value)]  # type: ignore[arg-type]
    if kind is complex:
        return ["c", [float.hex(value.real), float.hex(value.imag)]]  # type: ignore[attr-defined]
    if kind is bytes or kind is bytearray:
        return ["b", value.hex()]  # type: ignore[attr-defined]
    return ["x", str(kind.__name__)[:80]]


def decode(wire: object, depth: int = 0) -> object:
    """The value that ``wire`` stands for; raises ``ValueError`` or ``TypeError`` for what no encoder wrote."""
    if depth > MAX_DEPTH + 1:
        raise ValueError("nested too deep")
    if wire is None or isinstance(wire, bool | str | int):
        return wire
    if not isinstance(wire, list) or len(wire) != 2:
        raise ValueError("not a tagged value")
    tag, payload = wire
    if not isinstance(tag, str):
        raise ValueError("not a tag")
    if tag in _BUILD:
        return _BUILD[tag]([decode(item, depth + 1) for item in payload])
    if tag == "d":
        return {decode(key, depth + 1): decode(value, depth + 1) for key, value in payload}
    return _decode_scalar(tag, payload)


def _decode_scalar(tag: str, payload: object) -> object:
    if tag == "c" and isinstance(payload, list) and len(payload) == 2:
        return complex(float.fromhex(payload[0]), float.fromhex(payload[1]))
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
    return Opaque(payload)
