"""What is kept of a long text: its ends and what stands about each place, in order, each piece where it says."""

from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.report.run_report.clip import REACHES, windows

PLACES = st.lists(st.integers(0, 200), max_size=6)


@given(st.text(max_size=200), PLACES, st.integers(0, 40))
def test_pieces_are_of_the_text_in_order_and_apart(text: str, places: list[int], reach: int) -> None:
    done = 0
    for start, piece in windows(text, [min(p, len(text)) for p in places], reach):
        assert piece
        assert start >= done
        assert text[start : start + len(piece)] == piece
        done = start + len(piece)


@given(st.text(max_size=200), PLACES, st.integers(1, 40))
def test_what_stands_about_a_place_is_kept(text: str, places: list[int], reach: int) -> None:
    inside = [min(p, len(text)) for p in places]
    kept = {i for start, piece in windows(text, inside, reach) for i in range(start, start + len(piece))}
    for place in [*inside, 0, len(text)]:
        assert kept >= set(range(max(0, place - reach), min(len(text), place + reach)))


@given(st.text(max_size=200), PLACES)
def test_without_a_reach_all_is_kept(text: str, places: list[int]) -> None:
    assert "".join(piece for _, piece in windows(text, places, None)) == text


def test_a_reach_of_nothing_keeps_nothing() -> None:
    assert windows("abc", [1], 0) == []


def test_reaches_descend_to_nothing() -> None:
    sizes = [reach for reach in REACHES if reach is not None]
    assert REACHES[0] is None
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[-1] == 0
