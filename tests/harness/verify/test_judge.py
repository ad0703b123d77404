"""The one face: references of every kind, the maths worker behind it, and what costs how much."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from thinkcurve.problem import Case, Choice, Custom, FunctionTests, MathAnswer, Verdict
from thinkcurve.verify.judge import Judge
from thinkcurve.verify.worker import MathWorkers


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    judge = Judge()
    yield judge
    await judge.aclose()


NEEDS_PARSER = [
    (r"\sqrt{2}/2", r"\boxed{\frac{1}{\sqrt{2}}}", "correct"),
    (r"\frac{\sqrt{3}}{2}", "sqrt(3)/2", "correct"),
    (r"\pi/2", "0.5pi", "correct"),
    ("2x+1", "1 + 2x", "correct"),
    ("(x+1)^2", "x^2+2x+1", "correct"),
    ("5", "2+3", "correct"),
    (r"2^{100}", "1267650600228229401496703205376", "correct"),
    (r"(\sqrt{4}, 3)", "(2, 3)", "correct"),
    (r"\{1, \sqrt{4}\}", r"\{2, 1\}", "correct"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2/2 \\ 2 \end{pmatrix}", "correct"),
    (r"2^{100}", "1267650600228229401496703205377", "incorrect"),
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}", "incorrect"),
    (r"4\sqrt{2}", "4", "incorrect"),
    (r"4\sqrt{2}", "sqrt(2)", "incorrect"),
    (r"\sqrt{2}", "1.4142", "incorrect"),
    (r"\pi", "3.14159", "incorrect"),
    (r"\pi", "22/7", "incorrect"),
    ("2x+1", "2x+2", "incorrect"),
    ("2x+1", "2y+1", "incorrect"),
    ("x^2", "x^3", "incorrect"),
    (r"(1, \sqrt{2})", r"(\sqrt{2}, 1)", "incorrect"),
    (r"\{1, \sqrt{2}\}", r"\{\sqrt{2}, 2\}", "incorrect"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}", "incorrect"),
]


RUNGS = {"form", "exact", "residues", "numeric", "points", "structure", "set", "relation", "identical"}


async def test_mathematics_that_needs_a_parser(judge: Judge) -> None:
    for gold, answer, verdict in NEEDS_PARSER:
        judgement = await judge.judge(MathAnswer(gold), answer)
        assert judgement.verdict.value == verdict, (gold, answer, judgement)
        assert judgement.rung.split("/")[0] in RUNGS, (gold, answer, judgement)


@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9^{9^9}}}",
        "99999999!",
        "10^{10^{10}}",
        "__import__('os').system('touch /tmp/thinkcurve-evil')",
        r"\boxed{eval('1+1')}",
        "(1+x)^{9999999}",
        "\\frac{" * 30 + "1" + "}{2}" * 30,
    ],
)
async def test_hostile_mathematics_ends(judge: Judge, answer: str) -> None:
    judgement = await judge.judge(MathAnswer("5x"), answer)
    assert judgement.verdict is not Verdict.CORRECT
    again = await judge.judge(MathAnswer("2x"), "x + x")
    assert again.verdict is Verdict.CORRECT


async def test_worker_killed_in_mid_verdict_is_replaced() -> None:
    workers = MathWorkers(1)
    await workers.compare(["x+x"], ["2x"])
    [pid] = workers.pool.pids
    task = asyncio.create_task(workers.compare(["x+x+x"], ["3x"]))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    assert (await task).equal is True
    assert workers.pool.pids != [pid]
    await workers.aclose()


async def test_cancelled_verdict_leaves_no_stale_reply() -> None:
    workers = MathWorkers(1)
    await workers.compare(["x+x"], ["2x"])
    task = asyncio.create_task(workers.compare(["(x+y)^{30}"], ["x"]))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await workers.compare(["x+x"], ["3x"])).equal is False
    await workers.aclose()


@pytest.mark.parametrize(
    ("answer", "verdict", "reason"),
    [
        (r"\boxed{4}", "correct", ""),
        ("The final answer is 4.", "correct", ""),
        ("5", "incorrect", "wrong"),
        ("", "no_answer", "empty"),
        ("  \n", "no_answer", "empty"),
        (r"so it is \boxed{4", "no_answer", "unclosed"),
    ],
)
async def test_plain_mathematics(judge: Judge, answer: str, verdict: str, reason: str) -> None:
    judgement = await judge.judge(MathAnswer("4"), answer)
    assert (judgement.verdict.value, judgement.reason) == (verdict, reason)


async def test_judgement_says_what_was_read_and_how(judge: Judge) -> None:
    judgement = await judge.judge(MathAnswer("0.5"), r"hence \boxed{\frac12}.")
    assert (judgement.rung, judgement.extracted, judgement.span) == ("number/boxed", r"\frac12", (13, 20))


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("B", "correct"),
        ("(b)", "correct"),
        (r"\boxed{\text{B}}", "correct"),
        ("The answer is (B) because...", "correct"),
        (r"\boxed{blue}", "correct"),
        ("Blue", "correct"),
        ("A", "incorrect"),
        (r"\boxed{red}", "incorrect"),
        ("purple", "no_answer"),
        ("", "no_answer"),
        (r"\boxed{B", "no_answer"),
    ],
)
async def test_choice(judge: Judge, answer: str, verdict: str) -> None:
    judgement = await judge.judge(Choice("B", ("red", "blue", "green")), answer)
    assert judgement.verdict.value == verdict


async def test_code_goes_to_the_sandbox(judge: Judge) -> None:
    reference = FunctionTests("f", (Case("[1]", "2"),))
    judgement = await judge.judge(reference, "Here:\n```python\ndef f(x):\n    return x + 1\n```\nDone.")
    assert (judgement.verdict.value, judgement.rung) == ("correct", "sandbox/fence")
    assert judgement.cpu_s > 0
    assert judge.describe()["sandbox"] in ("A bubblewrap", "A namespaces", "B landlock", "B sandbox-exec")
    assert (await judge.judge(reference, "```python\ndef f(x")).reason == "unclosed"


async def test_broken_unicode_is_judged(judge: Judge) -> None:
    assert (await judge.judge(MathAnswer("2x"), "x+x \\boxed{2x\ud800}")).verdict is not Verdict.CORRECT
    code = "def f(x):\n    return x + 1  # \ud800"
    assert (await judge.judge(FunctionTests("f", (Case("[1]", "2"),)), code)).verdict is Verdict.CORRECT


async def test_unknown_verifier_is_unverified(judge: Judge) -> None:
    assert (await judge.judge(Custom("mine"), "x")).verdict is Verdict.UNVERIFIED


def test_plain_verdict_costs_microseconds() -> None:
    async def many() -> float:
        judge = Judge()
        answers = [rf"After some thought, it is \boxed{{{n}}}." for n in range(2000)]
        started_s = time.process_time()
        for answer in answers:
            await judge.judge(MathAnswer("42"), answer)
        return (time.process_time() - started_s) / len(answers)

    assert min(asyncio.run(many()) for _ in range(3)) < 100e-6  # 20 us measured on an idle core


def test_import_is_light() -> None:
    code = (
        "import sys, thinkcurve.verify.judge\n"
        "heavy = {'sympy', 'math_verify', 'multiprocessing', 'asyncio', 'subprocess', 'json'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
