"""Server-sent events by the specification, whatever the borders of the chunks."""

import itertools
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve_backends.endpoint.sse import Event, EventReader

LINES = st.sampled_from(
    [
        b"",
        b"",
        b"data: a",
        b"data:b",
        b"data",
        b"data:",
        b"data:  two blanks",
        b"data: caf\xc3\xa9 \xf0\x9f\x98\x80",
        b'data: {"a": "b:c"}',
        b"data: [DONE]",
        b"event: error",
        b"event:x",
        b"event",
        b": ping",
        b":",
        b"id: 7",
        b"retry: 10",
        b"unknown: field",
        b" data: indented",
        b"\xef\xbb\xbfdata: a mark inside",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def by_the_book(raw: bytes) -> list[Event]:
    """The specification, word by word, on a whole stream; what no blank line ended is dropped."""
    events, data, name = [], [], b""
    for line in re.split(rb"\r\n|\n|\r", raw.removeprefix(b"\xef\xbb\xbf"))[:-1]:
        if line == b"":
            if data:
                events.append(Event(name, b"\n".join(data)))
            data, name = [], b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value
    return events


def read(chunks: list[bytes]) -> list[Event]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


def cut(raw: bytes, borders: list[int]) -> list[bytes]:
    places = sorted({min(border, len(raw)) for border in borders} | {0, len(raw)})
    return [raw[a:b] for a, b in itertools.pairwise(places)]


@given(st.lists(st.tuples(LINES, ENDS), max_size=30), st.booleans(), st.lists(st.integers(0, 300), max_size=40))
def test_any_chunking_gives_the_events_of_the_specification(
    lines: list[tuple[bytes, bytes]], has_mark: bool, borders: list[int]
) -> None:
    raw = (b"\xef\xbb\xbf" if has_mark else b"") + b"".join(line + end for line, end in lines)
    expected = by_the_book(raw)
    reader = EventReader()
    found = [event for chunk in cut(raw, borders) for event in reader.feed(chunk)]
    late = reader.finish()
    assert found + late[: len(expected) - len(found)] == expected
    assert len(found + late) <= len(expected) + 1


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=20))
def test_any_bytes_in_any_chunks_give_the_same(raw: bytes, borders: list[int]) -> None:
    raw += b"\n"  # so that no carriage return is held back
    assert read(cut(raw, borders)) == read([raw])


VALUES = st.recursive(
    st.none() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.integers(1, 9))
def test_json_comes_out_as_it_went_in(document: object, size: int) -> None:
    raw = b"data: " + msgspec.json.encode(document) + b"\n\n"
    events = read([raw[at : at + size] for at in range(0, len(raw), size)])
    assert [msgspec.json.decode(event.data) for event in events] == [document]


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (b"data: [DONE]", [Event(b"", b"[DONE]")]),
        (b"data: [DONE]\n", [Event(b"", b"[DONE]")]),
        (b"data: a\n\ndata: b\r", [Event(b"", b"b")]),
        (b'data: {"cut', [Event(b"", b'{"cut')]),
        (b"data: a\n\n", []),
        (b"event: ping\n", []),
        (b"", []),
    ],
)
def test_the_end_of_a_stream_hands_out_what_is_left(raw: bytes, left: list[Event]) -> None:
    reader = EventReader()
    reader.feed(raw)
    assert reader.finish() == left


def test_a_long_line_in_small_chunks_takes_no_long_time() -> None:
    reader = EventReader()
    for _ in range(100_000):
        assert reader.feed(b"x" * 100) == []
    assert reader.feed(b"\n\n") == []
