"""Where budgets cut a text: exact where the trace says it, near where lengths are told from many texts."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.report.run_report.cuts import lengths_of, places_of
from thinkcurve.run import load_run

ROOT = Path(__file__).parents[4]
PIECES = dict(enumerate(["a", " the", "ing", ";", " therefore", "\n", " x", "12", " = ", "é"]))


def texts(n: int, seed: int = 0) -> list[tuple[tuple[int, ...], str]]:
    rng = random.Random(seed)
    rows = [tuple(rng.choices(sorted(PIECES), k=rng.randint(1, 40))) for _ in range(n)]
    return [(ids, "".join(PIECES[i] for i in ids)) for ids in rows]


def test_lengths_are_those_of_the_pieces() -> None:
    found = lengths_of(texts(200))
    assert {token: round(length) for token, length in found.items()} == {i: len(piece) for i, piece in PIECES.items()}


def test_places_are_where_the_tokens_end() -> None:
    lengths = lengths_of(texts(200))
    for ids, text in texts(20, seed=1):
        found = places_of(range(len(ids) + 1), text, ids=ids, lengths=lengths)
        ends = [len("".join(PIECES[i] for i in ids[:n])) for n in range(len(ids) + 1)]
        assert [place for place, _ in found] == ends


def test_only_beginning_and_end_are_no_estimate() -> None:
    ids, text = (0, 1, 2), "a theing"
    assert [is_estimate for _, is_estimate in places_of((0, 1, 2, 3, 9), text, ids=ids)] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_what_the_trace_says_is_exact() -> None:
    found = places_of((0, 4, 8, 20), "one two three", n_tokens=20, marks=(0, 0, 4, 3, 8, 7))
    assert found == [(0, False), (3, False), (7, False), (13, False)]


def test_without_ids_it_is_by_proportion() -> None:
    assert places_of((5,), "x" * 100, n_tokens=10) == [(50, True)]


def test_a_token_never_seen_has_the_usual_length() -> None:
    assert places_of((1,), "abcdabcd", ids=(7, 8), lengths={})[0] == (4, True)


@pytest.mark.parametrize("ids", [(), (1, 2, 3)])
def test_nothing_thought_is_at_the_beginning(ids: tuple[int, ...]) -> None:
    assert places_of((0,), "", ids=ids)[0] == (0, False)
    assert lengths_of([(ids, "")]) == ({} if not ids else dict.fromkeys(ids, 0.0))


@given(st.lists(st.integers(0, 9), max_size=30), st.text(max_size=60))
def test_places_ascend_within_the_text(ids: list[int], text: str) -> None:
    found = [place for place, _ in places_of(range(len(ids) + 2), text, ids=ids)]
    assert found == sorted(found)
    assert all(0 <= place <= len(text) for place in found)


def test_cuts_of_a_real_model_are_within_a_character() -> None:
    """The reference run, against the model's own vocabulary: places by proportion are up to seven characters off."""
    vocabulary = json.loads((ROOT / "backends/thinkcurve_backends/embedded/tokenizer.json").read_text())["model"][
        "vocab"
    ]
    pieces = {token: piece.replace("Ġ", " ").replace("Ċ", "\n") for piece, token in vocabulary.items()}
    run = load_run(ROOT / "results/reference/embedded")
    known = [
        (tuple(ids), text)
        for table, column, words in ((run.traces, "token_ids", "text"), (run.attempts, "answer_ids", "answer"))
        for ids, text in zip(table[column], table[words], strict=True)
    ]
    lengths = lengths_of(known)
    misses = []
    for ids, text in known[: len(run.traces)]:
        assert "".join(pieces[token] for token in ids) == text
        budgets = [budget for budget in (16, 32, 64, 128) if budget < len(ids)]
        ends = [len("".join(pieces[token] for token in ids[:budget])) for budget in budgets]
        found = [place for place, _ in places_of(budgets, text, ids=ids, lengths=lengths)]
        misses += [abs(place - end) for place, end in zip(found, ends, strict=True)]
    assert len(misses) > 500
    assert max(misses) <= 1
