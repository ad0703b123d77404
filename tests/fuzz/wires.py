"""What may stand on the sandbox's wire: honest values, and JSON that no encoder wrote."""

from __future__ import annotations

import asyncio
import collections

from hypothesis import strategies as st

LOOP = asyncio.new_event_loop()  # one for the session: a loop an input would be most of the cost
EXPECTED: tuple[object, ...] = (
    3,
    "ab",
    [1, 2],
    (1, 2),
    {1, 2},
    {"a": 1.5},
    None,
    True,
    2**70,
    float("inf"),
    1.5,
    "\ud800",
)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.text(st.characters(categories=("Cs", "Lu")))
    | st.binary()
    | st.decimals().filter(lambda number: not number.is_snan() and abs(number.adjusted()) < 5000)
    | st.fractions()
    | st.builds(range, st.integers(), st.integers(), st.integers(1))
)
HASHABLE = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4).map(tuple))
HASHES = st.lists(HASHABLE, max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | HASHES.map(set)
        | HASHES.map(frozenset)
        | st.lists(inner).map(collections.deque)
        | st.dictionaries(HASHABLE, inner)
    ),
    max_leaves=20,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
TAGS = st.sampled_from("ltszqydciufbxnDFrkvoCjeNIBPT") | st.text(max_size=3)
NUMERALS = st.sampled_from(
    ("0x1p99999", "nan", "-inf", "0x" + "f" * 5000, "1_0", " 7 ", "0x", "ed a0 80", "zz", "eda0")
)
TAGGED = st.recursive(
    JSON | NUMERALS,
    lambda inner: st.tuples(TAGS, inner | st.lists(inner) | st.lists(st.lists(inner, max_size=2))).map(list),
    max_leaves=30,
)


def _deep(tag: str, depth: int) -> object:
    wire: object = 1
    for _ in range(depth):
        wire = [tag, [wire]]
    return wire


def _colliding(tag: str, n: int) -> object:
    """Numbers with one hash, as a hostile task would write them to keep a set busy."""
    items = [["i", hex(k * (2**61 - 1))] for k in range(1, n)]
    return [tag, items if tag != "d" else [[item, 1] for item in items]]


def _long(tag: str, digits: int, n: int) -> object:
    """Numbers that are long to reduce, to compare or to write out."""
    number = "0x1" + "3" * digits
    return [tag, [number] * n if n else number]


WIRES = st.one_of(
    st.builds(_long, st.sampled_from("iFrcfD"), st.integers(1, 200_000), st.integers(0, 3)),
    TAGGED,
    JSON,
    st.builds(_deep, st.sampled_from("ltzd"), st.integers(1, 150)),
    st.builds(_colliding, st.sampled_from("szd"), st.integers(1, 20_000)),
)
