"""The embedded code task: its problems, their split and their order."""

from __future__ import annotations

import json
import re

import pytest

from thinkcurve.problem import FunctionTests, Message, fingerprint
from thinkcurve_tasks.induce import RULES, SHOWN, TENS, Induce, Rule, is_held_out, question, rules

POINT = re.compile(r"f\((\d+)\)=(\d+)")


def fitted(asked: str) -> dict[int, Rule]:
    """The rule of each ten, from the values in the question alone."""
    shown = {int(x): int(y) for x, y in POINT.findall(asked)}
    found = {}
    for ten in (x for x in shown if x % 10 == 0):
        y0, y1, y2 = (shown[ten + digit] for digit in SHOWN)
        found[ten] = Rule(y0, y1 - y0, (y2 - 2 * y1 + y0) // 2)
    return found


def test_the_documented_example_is_a_problem_of_this_form() -> None:
    rule = Rule(5, 4, 2)
    assert question([rule]).endswith("x goes up to 109. f(100)=5 f(101)=9 f(102)=17.")
    assert rule(9) == 5 + 4 * 9 + 2 * 9 * 8


def test_every_reference_follows_from_its_question() -> None:
    for problem in Induce().problems():
        found = fitted(problem.question)
        assert problem.level is not None
        assert len(found) == TENS[problem.level]
        assert isinstance(problem.reference, FunctionTests)
        assert len(problem.reference.cases) == 10 * len(found)
        for case in problem.reference.cases:
            (x,) = json.loads(case.args)
            assert int(case.expected) == found[x - x % 10](x % 10)


def test_unseen_inputs_are_called_before_shown_ones() -> None:
    reference = Induce(n=1).problems()[0].reference
    assert isinstance(reference, FunctionTests)
    assert [json.loads(case.args)[0] % 10 for case in reference.cases] == [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]


def test_every_rule_asked_for_is_held_out() -> None:
    trained = set(rules(held_out=False))
    for problem in Induce(n=300).problems():
        assert not trained & set(fitted(problem.question).values())


def test_problems_are_the_same_on_every_machine() -> None:
    assert fingerprint(Induce().problems()) == "ed32eafdd3d58204"
    assert fingerprint(Induce(seed=1).problems()) != fingerprint(Induce().problems())


def test_every_prefix_is_balanced_over_the_levels() -> None:
    assert [problem.level for problem in Induce(n=23).problems()] == [position % 5 + 1 for position in range(23)]


def test_problems_are_distinct() -> None:
    assert len({problem.question for problem in Induce(n=300).problems()}) == 300


def test_shown_values_lie_within_two_digits() -> None:
    assert all(0 <= rule(digit) <= 99 for rule in RULES for digit in SHOWN)


def test_a_fifth_of_the_rules_is_held_out() -> None:
    assert sum(map(is_held_out, RULES)) / len(RULES) == pytest.approx(0.2, abs=0.02)


def test_prompt_is_the_question_and_nothing_else() -> None:
    task = Induce(n=1)
    problem = task.problems()[0]
    assert task.prompt(problem) == [Message("user", problem.question)]
    assert problem.id == "induce/test/0"
