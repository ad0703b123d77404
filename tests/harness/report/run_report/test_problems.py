"""The data of the browser: every attempt in its place, no text that may not be shown, and never more than fits."""

import json
from pathlib import Path
from typing import Any

import pytest

from report.run_report.made_runs import a_run, fail, is_right, words
from thinkcurve.budget import Control
from thinkcurve.report.run_report.gather import contents_of
from thinkcurve.report.run_report.problems import CUT_OFF, ESTIMATED, FORCED, curve_data, fitted
from thinkcurve.report.run_report.shelves import Shelf, shelves_of
from thinkcurve.run import load_run


def shelves(path: Path) -> list[Shelf]:
    return shelves_of(contents_of([load_run(path)]))


def data(path: Path, reach: int | None = None) -> dict[str, Any]:
    return curve_data(shelves(path)[0], reach)


def test_every_attempt_is_in_its_place(tmp_path: Path) -> None:
    found = data(a_run(tmp_path / "r", n=5, samples=2))
    assert [problem[0] for problem in found["problems"]] == [f"t/test/{i}" for i in range(5)]
    for i, problem in enumerate(found["problems"]):
        for sample, _, attempts in problem[6]:
            right = [is_right(i, sample, place) for place in range(3)]
            assert [attempt[0] == "correct" for attempt in attempts] == (right if i else [False, *right[1:]])


def test_forced_is_what_the_run_says(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", n=2)
    forced = dict(
        zip(load_run(path).attempts["budget"].tolist(), load_run(path).attempts["is_forced"].tolist(), strict=False)
    )
    attempts = data(path)["problems"][1][6][0][2]
    assert [bool(attempt[1] & FORCED) for attempt in attempts] == [forced[b] for b in (0, 8, 32)]
    assert not any(attempt[1] & CUT_OFF for attempt in attempts)


def test_the_cut_of_each_budget_stands_in_its_trace(tmp_path: Path) -> None:
    unit = data(a_run(tmp_path / "r"))["problems"][0][6][0]
    length = unit[1][0][1]
    assert [attempt[2] for attempt in unit[2]] == [0, 0, 0]
    cuts = [attempt[3] for attempt in unit[2]]
    assert cuts[0] == 0 < cuts[1] < cuts[2] == length
    assert [bool(attempt[1] & ESTIMATED) for attempt in unit[2]] == [False, True, False]


def test_traces_of_their_own_are_cut_at_their_end(tmp_path: Path) -> None:
    unit = data(a_run(tmp_path / "r", control=Control.SERVER, budgets=(8, 32)))["problems"][1][6][0]
    assert [attempt[2] for attempt in unit[2]] == [0, 1]


def test_an_answer_given_before_is_not_there_twice(tmp_path: Path) -> None:
    unit = data(a_run(tmp_path / "r", text=lambda _: "the same words"))["problems"][1][6][0]
    assert unit[2][0][5] == [(0, "the same words")]
    assert unit[2][1][5] == unit[2][2][5] == 0


def test_nothing_of_a_private_problem_is_there(tmp_path: Path) -> None:
    found = data(a_run(tmp_path / "r", is_private=True, text=lambda _: "canary"))
    assert "canary" not in json.dumps(found)
    assert found["problems"][0][5] is True
    assert len(found["problems"]) == 6


def test_a_run_without_questions_has_the_rest(tmp_path: Path) -> None:
    found = data(a_run(tmp_path / "r", has_questions=False))
    assert [problem[3] for problem in found["problems"]] == [None] * 6
    assert found["problems"][1][6][0][2][0][5]


def test_failures_stand_where_the_attempt_would(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r")
    fail(path, error="HTTP 529")
    sample, traces, attempts = data(path)["problems"][0][6][1]
    assert (sample, traces, attempts) == (9, [], [None, ["failed", "answer", "HTTP 529"], None])


def size(value: Any) -> int:
    return len(json.dumps(value))


@pytest.mark.parametrize("most", [60_000, 30_000, 15_000])
def test_text_is_left_out_until_it_fits(tmp_path: Path, most: int) -> None:
    found, reach = fitted(shelves(a_run(tmp_path / "r", n=8, text=lambda seed: words(seed, 4000))), most, size)
    assert size(found) <= most
    assert reach is not None
    assert len(found[0]["problems"]) == 8


def test_as_much_is_kept_as_fits(tmp_path: Path) -> None:
    of = shelves(a_run(tmp_path / "r", n=8, text=lambda seed: words(seed, 4000)))
    whole, reach = fitted(of, None, size)
    assert reach is None
    assert fitted(of, size(whole), size) == (whole, None)
    less, _ = fitted(of, size(whole) - 1, size)
    assert size(less) > size(whole) / 2


def test_what_is_judged_is_never_left_out(tmp_path: Path) -> None:
    found, reach = fitted(shelves(a_run(tmp_path / "r")), 0, size)
    assert reach == 0
    assert all(len(unit[2]) == 3 for problem in found[0]["problems"] for unit in problem[6])
