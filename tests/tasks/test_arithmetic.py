"""The embedded arithmetic task: its problems, their split and their order."""

from __future__ import annotations

import random
import re

import pytest

from thinkcurve.problem import MathAnswer, Message, fingerprint
from thinkcurve_tasks.arithmetic import LARGEST, STEPS, Arithmetic, Chain, Step, draw, draw_from, is_held_out

STEP = re.compile(r"[a-z] ([-+*/])(\d)[,.]")


def worked_out(question: str) -> tuple[int, int]:
    """The result and the number of steps, computed from the words of the question alone."""
    start = re.match(r"Start with (\d+)\. Do (\d+) steps: ", question)
    assert start
    value, steps = int(start[1]), STEP.findall(question)
    assert len(steps) == int(start[2])
    for op, digit in steps:
        if op == "/":
            assert value % int(digit) == 0
        value = {"+": value.__add__, "-": value.__sub__, "*": value.__mul__, "/": value.__floordiv__}[op](int(digit))
        assert 0 <= value <= LARGEST
    return value, len(steps)


def test_the_documented_example_is_a_problem_of_this_form() -> None:
    chain = Chain(6, (Step("+", 4, 10), Step("*", 3, 30)))
    assert chain.question == "Start with 6. Do 2 steps: a +4, b *3. What is the result?"
    assert (chain.result, chain.canonical) == (30, "6+4*3")


def test_every_gold_answer_follows_from_its_question() -> None:
    for problem in Arithmetic().problems():
        value, count = worked_out(problem.question)
        assert problem.reference == MathAnswer(str(value))
        assert problem.level is not None
        assert STEPS[problem.level][0] <= count <= STEPS[problem.level][1]


def test_problems_are_the_same_on_every_machine() -> None:
    assert fingerprint(Arithmetic().problems()) == "0141ec9111455ed8"
    assert fingerprint(Arithmetic(seed=1).problems()) != fingerprint(Arithmetic().problems())


def test_every_prefix_is_balanced_over_the_levels() -> None:
    levels = [problem.level for problem in Arithmetic(n=23).problems()]
    assert levels == [position % 5 + 1 for position in range(23)]


def test_problems_are_fresh_and_distinct() -> None:
    problems = Arithmetic(n=300).problems()
    assert len({problem.question for problem in problems}) == 300
    rng = random.Random(0)
    trained = {draw_from(rng, 2, held_out=False).question for _ in range(5000)}
    assert not trained & {problem.question for problem in problems}


def test_a_fifth_of_all_chains_is_held_out() -> None:
    rng = random.Random(0)
    share = sum(is_held_out(draw(rng, 4)) for _ in range(5000)) / 5000
    assert share == pytest.approx(0.2, abs=0.02)


def test_results_are_spread_so_that_guessing_does_not_pay() -> None:
    rng = random.Random(0)
    results = [draw(rng, 8).result for _ in range(5000)]
    assert max(results.count(value) for value in range(100)) / 5000 < 0.04


def test_prompt_is_the_question_and_nothing_else() -> None:
    task = Arithmetic(n=1)
    problem = task.problems()[0]
    assert task.prompt(problem) == [Message("user", problem.question)]
    assert problem.id == "arithmetic/test/0"
