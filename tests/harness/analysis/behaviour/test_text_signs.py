"""Signs in a text: words that begin a clause, loops, repeats and scripts; wrong friends outnumber the right ones."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.behaviour.scripts import foreign, home_of, script_letters
from thinkcurve.analysis.behaviour.text_signs import LOOP_CHARS, Loop, loop, markers, pieces, repeat_share


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Wait, that is 5.", (1, 0, 0)),
        ("So x = 4. But wait, no.", (1, 0, 0)),
        ("x = 4\n\nHmm, so", (1, 0, 0)),
        ("Hmmmm. Hold on.", (2, 0, 0)),
        ("Let me check: 2 + 2", (0, 1, 0)),
        ("so let's double-check this", (0, 1, 0)),
        ("Actually, it is 3. Alternatively, 4.", (0, 0, 2)),
        ("That’s not right.", (0, 0, 1)),
        ("等等，不对。让我再检查一下", (1, 1, 1)),
        ("Подожди, это 5. Проверим:", (1, 1, 0)),
        ("Espera, son 5", (1, 0, 0)),
        ("he had to wait 4 hours", (0, 0, 0)),
        ("The wait is over; waiting costs", (0, 0, 0)),
        ("how long did they wait?", (0, 0, 0)),
        ("the number is actually 5", (0, 0, 0)),
        ("a cheque, a checkbook and awaits", (0, 0, 0)),
        ("苹果、香蕉等等。", (0, 0, 0)),
        ("await x; hmmingbird", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_words_of_self_correction_begin_a_clause(text: str, found: tuple[int, int, int]) -> None:
    assert tuple(markers(text).values()) == found


def brute_loop(text: str) -> Loop | None:
    """The shortest piece with which the text ends three times over, by trying each."""
    for period in range(1, len(text) // 3 + 1):
        length = period
        while length < len(text) and text[-1 - length] == text[-1 - length + period]:
            length += 1
        if length >= max(3 * period, LOOP_CHARS):
            return Loop(period, length)
    return None


@given(st.text("ab", max_size=30), st.text("ab", min_size=1, max_size=30), st.integers(0, 40), st.integers(0, 29))
def test_loops_are_those_of_trying_each_period(head: str, piece: str, times: int, cut: int) -> None:
    text = head + piece * times + piece[:cut]
    assert loop(text) == brute_loop(text)


@pytest.mark.parametrize(
    "text", ["", "a" * 59, "x = 1000000000000000", "The sum is 5. " * 2 + "So the sum is 5.", "ab" * 200 + "c"]
)
def test_what_is_no_loop(text: str) -> None:
    assert loop(text) is None


def test_a_loop_that_is_cut_within_its_piece_is_one() -> None:
    text = "First, 12 + 7 = 19. " + "I should compute this again, carefully. " * 5 + "I should com"
    assert loop(text) == Loop(40, 5 * 40 + 12 + 2)  # and what ends the sentence before


@given(st.lists(st.integers(0, 3), min_size=4, max_size=60))
def test_repeats_are_those_of_a_set(ids: list[int]) -> None:
    grams = [tuple(ids[i : i + 4]) for i in range(len(ids) - 3)]
    assert repeat_share(ids) == pytest.approx(1 - len(set(grams)) / len(grams))


def test_three_tokens_have_no_share_of_repeats() -> None:
    assert repeat_share([1, 2, 3]) is None


def test_letters_without_spaces_are_pieces_each() -> None:
    assert pieces("ab 数学, ab") == [0, 1, 2, 3, 0]


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("the sine of x", {"Latin": 4}),
        ("так sin x + cos y = 0, значит", {"Cyrillic": 6}),
        (r"所以 \frac{1}{2} mod n", {"Han": 2}),
        ("α + β = γ, 𝑥 ∈ ℝ", {}),
        ("ответ: seven", {"Cyrillic": 5, "Latin": 5}),
        ("", {}),
        ("\ud800", {}),
    ],
)
def test_letters_of_formulas_are_no_language(text: str, letters: dict[str, int]) -> None:
    assert script_letters(text) == letters


def test_japanese_is_at_home_in_two_scripts() -> None:
    letters = {"Kana": 40, "Han": 60, "Latin": 5}
    assert (home_of(letters), foreign(letters, "Kana")) == ("Kana", 5)
    assert home_of({"Han": 60, "Kana": 2}) == "Han"
    assert home_of({}) is None


def test_a_letter_of_each_block_is_of_its_script() -> None:
    words = {"Greek": "λόγος"[1:] + "οο", "Arabic": "الجواب", "Hebrew": "תשובה", "Devanagari": "उततर", "Thai": "ตอบ"}
    assert {name: next(iter(script_letters(word))) for name, word in words.items()} == {name: name for name in words}


@pytest.mark.parametrize(
    "text", ["a" * 400_000, "wait " * 80_000, "\n" * 400_000, "ab" * 200_000 + "c", '<*"' * 130_000]
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    started = time.perf_counter()
    markers(text), loop(text), repeat_share(pieces(text)), script_letters(text)
    assert time.perf_counter() - started < 10


def test_markers_of_a_text_are_the_sum_of_those_of_its_lines() -> None:
    lines = ["Wait, 4.", "he may wait", "Actually 5.", "let me verify", "so 4"]
    rng = np.random.default_rng(0)
    chosen = [lines[i] for i in rng.integers(5, size=200)]
    total: Counter[str] = Counter()
    for line in chosen:
        total.update(markers(line))
    assert markers("\n".join(chosen)) == dict(total)
