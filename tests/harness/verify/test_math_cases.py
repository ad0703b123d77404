"""The tables of cases through the whole path: right answers are correct, wrong ones are not, and few are left open."""

from __future__ import annotations

import pytest

from thinkcurve.problem import Choice, MathAnswer, Verdict
from thinkcurve.verify.judge import Judge, judge_choice
from verify.cases_answers import ANSWERS, HOSTILE
from verify.cases_expressions import EXPRESSIONS, UNDECIDED
from verify.cases_numbers import NUMBERS
from verify.cases_relations import RELATIONS
from verify.cases_structures import STRUCTURES
from verify.cases_suites import DIFFERENT, EQUAL

DECIDED = {
    "number": NUMBERS,
    "expression": EXPRESSIONS,
    "structure": STRUCTURES,
    "relation": RELATIONS,
    "answer": ANSWERS,
}
OPEN = {"undecided": UNDECIDED, "hostile": HOSTILE}


def rules(tables: dict[str, dict[str, tuple[str, list[str], list[str]]]]) -> list[object]:
    return [
        pytest.param(gold, right, wrong, id=f"{kind}: {name}")
        for kind, table in tables.items()
        for name, (gold, right, wrong) in table.items()
    ]


@pytest.mark.parametrize(("gold", "right", "wrong"), rules(DECIDED))
async def test_case(gold: str, right: list[str], wrong: list[str]) -> None:
    judge = Judge()
    try:
        verdicts = {answer: (await judge.judge(MathAnswer(gold), answer)).verdict for answer in [gold, *right, *wrong]}
    finally:
        await judge.aclose()
    assert [answer for answer in [gold, *right] if verdicts[answer] is not Verdict.CORRECT] == []
    rejected = (Verdict.INCORRECT, Verdict.NO_ANSWER)
    assert [answer for answer in wrong if verdicts[answer] not in rejected] == []


@pytest.mark.parametrize(("gold", "right", "wrong"), rules(OPEN))
async def test_what_cannot_be_told_is_never_called_right(gold: str, right: list[str], wrong: list[str]) -> None:
    judge = Judge()
    try:
        for answer in right:
            assert (await judge.judge(MathAnswer(gold), answer)).verdict is Verdict.CORRECT, answer
        for answer in wrong:
            assert (await judge.judge(MathAnswer(gold), answer)).verdict is not Verdict.CORRECT, answer
    finally:
        await judge.aclose()


async def test_pairs_of_the_kinds_that_other_suites_hold() -> None:
    judge = Judge()
    try:
        for pairs, verdict in ((EQUAL, Verdict.CORRECT), (DIFFERENT, Verdict.INCORRECT)):
            found = [(pair, await judge.judge(MathAnswer(pair[0]), pair[1])) for pair in pairs]
            assert [(pair, judgement) for pair, judgement in found if judgement.verdict is not verdict] == []
    finally:
        await judge.aclose()


def test_wrong_answers_outnumber_right_ones() -> None:
    tables = [table for tables in (DECIDED, OPEN) for table in tables.values()]
    right = sum(len(row[1]) for table in tables for row in table.values())
    wrong = sum(len(row[2]) for table in tables for row in table.values())
    assert right + wrong > 2000
    assert wrong > right


CHOICES = ("1/3", r"\frac{1}{2}", "x+1", "12 cm")
CHOSEN = {
    "B": [
        *("B", "(B)", "b", "B.", "**B**", "B: 1/2", "B. because", "0.5", "The answer is 1/2.", r"\boxed{0.5}"),
        *(r"\boxed{\text{(B) }\frac12}", "The answer is B) 1/2", "réponse est B", "The answer is (B), not (A)."),
        *("Antwort: B", "正确答案是 B。", "I would go with option B.", "Final answer: B\n\nA is wrong.", "答案是B"),
    ],
    "other": [
        *("A", "0.3", "1/3", "The answer is C", "12", r"\boxed{x+1}", "B or C", "Not B, A", "none", "C. B is wrong"),
        *("The answer is (A), not (B).", "ABC", "A and B", r"\boxed{A, B}", "", r"\boxed{B", "E"),
        *("2", "-1/2", "Better not", "x+2"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("answer", CHOSEN["B"])
def test_an_option_is_chosen_by_its_letter_or_its_content(answer: str) -> None:
    assert judge_choice(Choice("B", CHOICES), answer).verdict is Verdict.CORRECT


@pytest.mark.parametrize("answer", CHOSEN["other"])
def test_what_chooses_no_or_another_option_is_not_correct(answer: str) -> None:
    assert judge_choice(Choice("B", CHOICES), answer).verdict is not Verdict.CORRECT
