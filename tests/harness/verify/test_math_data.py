"""Real answers: the open case file, and every gold of the usual benchmarks against itself, through the whole path."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from thinkcurve.problem import MathAnswer, Verdict
from thinkcurve.verify.judge import Judge

DATA = Path(os.environ.get("THINKCURVE_DATA", "/nowhere"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="THINKCURVE_DATA names no folder with the data sets")


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def golds() -> Iterator[tuple[str, str]]:
    """Each gold with a full answer that ends in it."""
    for row in rows("gsm8k/test.jsonl"):
        yield row["answer"].split("####")[1].strip(), row["answer"]
    for row in rows("math500/test.jsonl"):
        yield row["answer"], row["solution"]
    for name in ("aime24", "aime25", "amc23"):
        for row in rows(f"{name}/test.jsonl"):
            gold = str(row.get("expected_answer", row.get("answer")))
            yield gold, rf"So the answer is \boxed{{{gold}}}."


async def test_every_gold_is_correct_by_every_way_of_saying_it() -> None:
    judge = Judge()
    wrong = []
    for gold, text in golds():
        for answer in (text, gold, rf"Thus \boxed{{{gold}}}.", f"The final answer is ${gold}$."):
            judgement = await judge.judge(MathAnswer(gold), answer)
            if judgement.verdict is not Verdict.CORRECT:
                wrong.append((gold, answer[-80:], judgement))
    await judge.aclose()
    assert wrong == []


async def test_agreement_on_the_open_case_file() -> None:
    """98 % and at most two false equals were promised; an answer that we cannot judge does not agree."""
    judge = Judge()
    agreed, false_equal, total = 0, [], 0
    for row in rows("math_equivalence_dev.jsonl"):
        if "policy" in (row["notes"] or ""):
            continue
        judgement = await judge.judge(MathAnswer(row["gold"]), row["pred"])
        is_equal = judgement.verdict is Verdict.CORRECT
        total += 1
        agreed += is_equal == row["equal"] and judgement.verdict is not Verdict.UNVERIFIED
        if is_equal and not row["equal"]:
            false_equal.append((row["gold"], row["pred"], judgement))
    await judge.aclose()
    assert false_equal == []
    assert agreed / total >= 0.99


async def test_golds_of_other_problems_are_wrong() -> None:
    judge = Judge()
    answers = [row["answer"] for row in rows("math500/test.jsonl")]
    equal = []
    for shift in (1, 7):
        for gold, other in zip(answers, answers[shift:] + answers[:shift], strict=True):
            judgement = await judge.judge(MathAnswer(gold), rf"\boxed{{{other}}}")
            if judgement.verdict is Verdict.CORRECT and gold != other:
                equal.append((gold, other))
    await judge.aclose()
    assert equal == [("5", "x=5")]  # the one true equality among them


async def test_verdicts_a_cpu_second() -> None:
    """5,000 plain and 500 LaTeX verdicts were promised: a third of it here, for a machine that has other work."""
    plain = [(gold, text) for gold, text in golds() if text.rfind("####") >= 0]
    latex = [(row["answer"], row["solution"]) for row in rows("math500/test.jsonl")]
    for pairs, least in ((plain, 5000), (latex, 500)):
        judge = Judge()
        started_s = time.process_time()
        for gold, answer in pairs:
            await judge.judge(MathAnswer(gold), answer)
        assert len(pairs) / (time.process_time() - started_s) > least / 3
        await judge.aclose()
