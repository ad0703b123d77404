"""The wire out of the sandbox: what may travel arrives equal; what was made to hurt its reader is refused at once."""

from __future__ import annotations

import collections
import datetime
import enum
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest

from thinkcurve.verify.inside.wire import Array, Decoder, Encoder, Opaque, TooLarge, decode


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.IntEnum):
    RED = 1


class Mine(list[int]):
    pass


class Sly(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def travelled(value: object) -> object:
    return decode(Encoder().encode(value))


@pytest.mark.parametrize(
    "value",
    [
        Point(1, 2),
        Colour.RED,
        Mine([1, 2]),
        collections.deque([1]),
        collections.Counter("aab"),
        collections.OrderedDict(a=1),
        Decimal("1.50"),
        Fraction(1, 3),
        range(3),
        {(1, 2): [3]},
        frozenset({1}),
        2**100,
        -0.0,
        1j,
        "\ud800",
        b"\x00",
        bytearray(b"a"),
        {1: 2}.keys(),
        collections.defaultdict(int, a=1),
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, 3),
        datetime.timedelta(1, 2, 3),
    ],
)
def test_value_arrives_equal(value: object) -> None:
    assert travelled(value) == value


def test_type_that_compares_by_its_own_rules_arrives_as_nothing() -> None:
    assert isinstance(travelled(Sly(3)), Opaque)
    assert travelled(object()) != travelled(object())


def test_iterator_stays_where_it_is() -> None:
    endless = iter(int, 1)
    assert isinstance(travelled(endless), Opaque)
    kept: list[Iterator[object]] = []
    assert Decoder(iterator=kept.__getitem__).decode(Encoder(kept).encode(endless)) is endless


def test_named_tuple_is_rebuilt_where_that_is_wanted() -> None:
    wired = Encoder().encode(Point(1, 2))
    assert type(decode(wired)) is tuple
    assert Decoder(record=lambda names, values: (*names, *values)).decode(wired) == ("Point", "x", "y", 1, 2)


@pytest.mark.parametrize(
    ("value", "is_lossy"), [(Mine([1]), True), (object(), True), ([1], False), (Point(1, 2), False)]
)
def test_encoder_knows_what_it_loses(value: object, is_lossy: bool) -> None:
    encoder = Encoder()
    encoder.encode([value])
    assert encoder.is_lossy is is_lossy


def test_numpy_arrives_as_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert travelled(numpy.int64(3)) == 3
    assert travelled(numpy.float64(0.5)) == 0.5
    assert travelled(numpy.bool_(True)) is True
    array = travelled(numpy.array([[1, 2]]))
    assert isinstance(array, Array)
    assert array.values == [[1, 2]]


COLLIDING = [["i", hex(k * (2**61 - 1))] for k in range(1, 5000)]


@pytest.mark.parametrize(
    "hostile",
    [
        ["s", COLLIDING],
        ["z", COLLIDING],
        ["d", [[key, 1] for key in COLLIDING]],
        ["F", ["f" * 400_000, "e" * 400_001]],
        ["F", ["1", "0"]],
        ["D", "1e999999999"],
        ["s", [["l", []]]],
        ["l", 3],
        ["?", "x"],
        ["f", "not a number"],
        ["i", "g"],
        ["b", "0"],
        ["r", ["1", "2", "0"]],
        ["d", [[1]]],
        [[], 1],
        {"a": 1},
        1.5,
        ["x", []],
    ],
)
def test_hostile_wire_is_refused_at_once(hostile: object) -> None:
    started_s = time.process_time()
    with pytest.raises((ValueError, TypeError)):
        decode(hostile)
    assert time.process_time() - started_s < 0.5


def test_nesting_has_an_end() -> None:
    value: list[object] = []
    for _ in range(400):
        value = [value]
    with pytest.raises(TooLarge):
        Encoder().encode(value)
    wire: object = 1
    for _ in range(400):
        wire = ["l", [wire]]
    with pytest.raises(ValueError, match="deep"):
        decode(wire)
