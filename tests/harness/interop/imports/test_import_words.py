"""What scores, names, settings and texts of other tools come to."""

import math
from typing import Any

import pytest

from thinkcurve.budget import EFFORTS, Control
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.item import Setting
from thinkcurve.interop.imports.keys import place_of
from thinkcurve.interop.imports.reading import count_of, number_of, read_object, text_of
from thinkcurve.interop.imports.scores import verdict_of
from thinkcurve.interop.imports.settings import given_settings, one_control, setting_of
from thinkcurve.interop.imports.subjects import group_of, level_of
from thinkcurve.interop.imports.thoughts import apart
from thinkcurve.problem import Verdict


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (1, "correct"),
        (1.0, "correct"),
        (True, "correct"),
        ("C", "correct"),
        ("yes", "correct"),
        ("1.0", "correct"),
        ([1.0], "correct"),
        (0, "incorrect"),
        (False, "incorrect"),
        ("I", "incorrect"),
        ("False", "incorrect"),
        ("N", "no_answer"),
        (math.nan, "unverified"),
        (None, "unverified"),
    ],
)
def test_a_score_comes_to_a_verdict(score: Any, verdict: str) -> None:
    assert verdict_of(score, "log") == verdict


@pytest.mark.parametrize("score", [0.5, "P", 2, -1, math.inf, "0.999", [0.5]])
def test_a_score_that_is_neither_right_nor_wrong_is_refused(score: Any) -> None:
    with pytest.raises(UsageError, match=r"log: score .* is neither right \(1\) nor wrong \(0\); --right-from X"):
        verdict_of(score, "log")


@pytest.mark.parametrize(
    ("score", "verdict"), [(0.5, "correct"), (0.49, "incorrect"), (7, "correct"), ("P", "correct")]
)
def test_right_from_says_where_right_begins(score: Any, verdict: str) -> None:
    assert verdict_of(score, "log", right_from=0.5) is Verdict(verdict)


@pytest.mark.parametrize("score", ["maybe", [1, 0], {"a": 1}, "", "c"])
def test_what_is_no_score_is_refused_even_with_a_threshold(score: Any) -> None:
    with pytest.raises(UsageError, match="log"):
        verdict_of(score, "log", right_from=0.5)


def test_a_number_names_its_problem_and_any_other_key_is_hashed() -> None:
    assert place_of("test", 12) == place_of("test", "12") == ("test", 12)
    assert place_of("test", "HumanEval/0")[0] == "HumanEval-0"
    assert place_of("test", "a") == place_of("test", "a") != place_of("test", "b")
    split, index = place_of("", "<script>/../\u202e\x00")
    assert split == "script-.." or "/" not in split
    assert 0 <= index < 2**40


def test_keys_that_look_alike_stay_two_problems() -> None:
    places = {place_of("test", key) for key in ("a/b", "a-b", "a b", "a_b", "A/b", "-1", "1.0", "9" * 40, "٣")}
    assert len(places) == 9


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        ({"reasoning_tokens": 1024}, Setting(Control.NATIVE, 1024)),
        ({"thinking_token_budget": "2048"}, Setting(Control.NATIVE, 2048)),
        ({"extra_body": {"thinking": {"budget_tokens": 512}}}, Setting(Control.NATIVE, 512)),
        ({"reasoning_effort": "high"}, Setting(Control.EFFORT, EFFORTS.index("high"))),
        ({"reasoning_effort": "high", "reasoning_tokens": 9}, Setting(Control.NATIVE, 9)),
        ({"chat_template_kwargs": {"enable_thinking": False}}, Setting(Control.NATIVE, 0)),
        ({"enable_thinking": True}, None),
        ({"reasoning_tokens": -1}, None),
        ({"reasoning_tokens": True}, None),
        ({"reasoning_tokens": 1e30, "reasoning_effort": "fierce"}, None),
        ({"max_tokens": 99}, None),
    ],
)
def test_a_setting_is_found_by_any_of_its_names(options: dict[str, Any], setting: Setting | None) -> None:
    assert setting_of({}, options) == setting


def test_budgets_are_given_one_for_each_file() -> None:
    assert given_settings(None, None, ["a", "b"]) is None
    assert given_settings("0,none", None, ["a", "b"]) == [Setting(Control.NATIVE, 0), Setting(Control.NATIVE, None)]
    assert given_settings("low", "effort", ["a"]) == [Setting(Control.EFFORT, EFFORTS.index("low"))]
    with pytest.raises(UsageError, match="gives 1 for 2 files"):
        given_settings("64", None, ["a", "b"])
    with pytest.raises(UsageError, match="budget '-1'"):
        given_settings("-1", None, ["a"])


def test_two_kinds_of_budget_make_no_curve() -> None:
    tokens, level = Setting(Control.NATIVE, 64), Setting(Control.EFFORT, 2)
    assert one_control([("a", tokens), ("b", tokens)]) is Control.NATIVE
    with pytest.raises(UsageError, match="a has budgets of control 'native', b of 'effort'"):
        one_control([("a", tokens), ("b", level)])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>2+2</think>4", ("2+2", "4", True)),
        ("2+2</think>\n4", ("2+2", "\n4", True)),
        ("a</think>b</think>c", ("a</think>b", "c", True)),
        ("<think>2+", ("2+", "", False)),
        ("I <think> so", (None, "I <think> so", True)),
        ("", (None, "", True)),
    ],
)
def test_thinking_is_told_from_the_answer(text: str, parts: tuple[str | None, str, bool]) -> None:
    assert apart(text) == parts


def test_levels_and_groups_are_read_under_their_usual_names() -> None:
    assert [level_of({"level": value}) for value in (3, "Level 5", "4", "hard", None, True, 2.5)] == [
        3,
        5,
        4,
        *[None] * 4,
    ]
    assert group_of({"subject": " ", "category": "algebra"}) == "algebra"
    assert group_of({"subject": 3}) is None


def test_numbers_are_finite_and_counts_whole() -> None:
    assert [count_of(value) for value in (3, 3.0, 0)] == [3, 3, 0]
    assert [count_of(value) for value in (-1, 2.5, True, "3", math.nan, math.inf, 10**30, None)] == [None] * 8
    assert [number_of(value) for value in (math.nan, math.inf, "1", None, True)] == [None] * 5


def test_texts_can_always_be_stored() -> None:
    assert text_of("\ud800<script>") == "?<script>"
    assert text_of(["one"]) == "one"
    assert text_of(["a", "b"]) == '["a", "b"]'


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b"1", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_object_is_refused_by_its_place(data: bytes) -> None:
    with pytest.raises(UsageError, match="file:3"):
        read_object(data, "file:3")


def test_lone_surrogates_become_question_marks_wherever_they_stand() -> None:
    assert read_object(rb'{"\ud800": ["a\uDFFF", "\ud83d\ude00"]}', "x") == {"?": ["a?", "\U0001f600"]}


def test_json_of_python_is_read_with_its_nan() -> None:
    assert math.isnan(read_object(b'{"acc": NaN}', "x")["acc"])
