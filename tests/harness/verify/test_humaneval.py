"""HumanEval and MBPP through the whole path: every canonical solution is right, every spoilt one is not."""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from thinkcurve.problem import FunctionTests, Judgement
from thinkcurve.verify.judge import Judge

DATA = Path(os.environ.get("THINKCURVE_DATA", "/nowhere"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="THINKCURVE_DATA names no folder with the data sets")
JudgeAll = Callable[[list[tuple[str, FunctionTests, str]]], Awaitable[dict[str, Judgement]]]

# The solution, in names of its own so that its recursion is untouched, behind a function that spoils what it returns.
SPOILT = """
_names = {{"__name__": "spoilt"}}
exec({source!r}, _names)
globals().update((k, v) for k, v in _names.items() if k not in globals())
def {entry_point}(*args, **kwargs):
    return _spoilt(_names[{entry_point!r}](*args, **kwargs))
def _spoilt(value):
    if value is None: return 1
    if isinstance(value, bool): return not value
    if isinstance(value, (int, float, complex)): return value * 2 + 1 if value != -1 else 5  # beyond any tolerance
    if isinstance(value, str): return value + "x"
    if isinstance(value, list): return value[::-1] + [0]
    if isinstance(value, tuple): return value + (0,)
    if isinstance(value, dict): return {{**value, "x": 0}}
    if isinstance(value, (set, frozenset)): return value ^ {{0, "x"}}
    return [value]
"""


@pytest.fixture
async def judge_all() -> AsyncIterator[JudgeAll]:
    """Judges named (reference, answer) pairs, two at a time."""
    judge = Judge(workers=2)

    async def judged(trials: list[tuple[str, FunctionTests, str]]) -> dict[str, Judgement]:
        verdicts = await asyncio.gather(*(judge.judge(reference, answer) for _, reference, answer in trials))
        return {name: verdict for (name, _, _), verdict in zip(trials, verdicts, strict=True)}

    yield judged
    await judge.aclose()


def humaneval() -> list[dict[str, str]]:
    text = gzip.decompress((DATA / "humaneval/HumanEval.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


def reference(row: dict[str, str], *, has_prompt: bool = False) -> FunctionTests:
    prompt = row["prompt"] if has_prompt else ""
    return FunctionTests(row["entry_point"], test=row["test"], prompt=prompt, cpu_s=5.0)


def whole(row: dict[str, str]) -> str:
    return row["prompt"] + row["canonical_solution"]


def fenced(code: str) -> str:
    return f"This does it:\n\n```python\n{code}\n```\n"


def spoilt(source: str, entry_point: str) -> str:
    return SPOILT.format(source=source, entry_point=entry_point)


def emptied(source: str, entry_point: str) -> str:
    """The entry point with ``pass`` for its body."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def not_correct(verdicts: dict[str, Judgement]) -> list[tuple[str, str]]:
    return [(name, f"{v.verdict.value} {v.reason}") for name, v in verdicts.items() if v.verdict != "correct"]


def not_incorrect(verdicts: dict[str, Judgement]) -> list[tuple[str, str]]:
    return [(name, f"{v.verdict.value} {v.reason}") for name, v in verdicts.items() if v.verdict != "incorrect"]


async def test_humaneval_solutions_are_correct(judge_all: JudgeAll) -> None:
    rows = humaneval()
    assert len(rows) == 164
    assert not_correct(await judge_all([(r["task_id"], reference(r), whole(r)) for r in rows])) == []


async def test_humaneval_continuations_are_correct(judge_all: JudgeAll) -> None:
    trials = [(r["task_id"], reference(r, has_prompt=True), r["canonical_solution"]) for r in humaneval()]
    assert not_correct(await judge_all(trials)) == []


async def test_humaneval_fenced_functions_are_correct(judge_all: JudgeAll) -> None:
    trials = [(r["task_id"], reference(r, has_prompt=True), fenced(whole(r))) for r in humaneval()]
    assert not_correct(await judge_all(trials)) == []


async def test_humaneval_spoilt_results_are_incorrect(judge_all: JudgeAll) -> None:
    trials = [
        (r["task_id"], reference(r, has_prompt=True), fenced(spoilt(whole(r), r["entry_point"]))) for r in humaneval()
    ]
    assert not_incorrect(await judge_all(trials)) == []


async def test_humaneval_empty_bodies_are_incorrect(judge_all: JudgeAll) -> None:
    trials = [
        (r["task_id"], reference(r, has_prompt=True), fenced(emptied(whole(r), r["entry_point"]))) for r in humaneval()
    ]
    trials += [(f"{r['task_id']} rest", reference(r, has_prompt=True), "    pass\n") for r in humaneval()]
    assert not_incorrect(await judge_all(trials)) == []


@pytest.mark.slow
async def test_verdicts_hold_on_a_busy_machine(judge_all: JudgeAll) -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(10)]  # noqa: ASYNC220
    try:
        right = [(r["task_id"], reference(r), whole(r)) for r in humaneval()]
        wrong = [(r["task_id"], reference(r), fenced(spoilt(whole(r), r["entry_point"]))) for r in humaneval()]
        assert not_correct(await judge_all(right)) == []
        assert not_incorrect(await judge_all(wrong)) == []
    finally:
        for process in busy:
            process.kill()
            process.wait()


def mbpp() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "mbpp/mbpp.jsonl").read_text().splitlines()]


def called(code: str, test: str) -> str | None:
    """The function of the solution that the tests call, ``None`` where they call it by another name."""
    names = re.findall(r"^(?:def|class)\s+(\w+)", code, re.MULTILINE)
    return next((name for name in reversed(names) if re.search(rf"\b{name}\b", test)), None)


def trials(tests: dict[str, tuple[str, str]], *, is_spoilt: bool) -> list[tuple[str, FunctionTests, str]]:
    """Of each named (code, test): the reference, and the code or what was made of it."""
    found = []
    for name, (code, test) in tests.items():
        entry_point = called(code, test)
        if entry_point is None:
            continue
        answer = fenced(spoilt(code, entry_point) if is_spoilt else code)
        found.append((name, FunctionTests(entry_point, test=test, cpu_s=20.0), answer))
    return found


# Tests that are not about plain values: they pass types, or objects of the answer's own classes.
NOT_SUPPORTED = {"367", "533", "601", "927"}


@pytest.mark.slow
async def test_mbpp(judge_all: JudgeAll) -> None:
    rows = mbpp()
    assert len(rows) == 974
    tests = {str(r["task_id"]): (r["code"], "\n".join([r["test_setup_code"], *r["test_list"]])) for r in rows}
    right = await judge_all(trials(tests, is_spoilt=False))
    wrong = await judge_all(trials(tests, is_spoilt=True))
    assert {name for name, _ in not_correct(right)} <= NOT_SUPPORTED
    assert {name for name, _ in not_incorrect(wrong)} <= NOT_SUPPORTED
    assert {v.verdict for name, v in (*right.items(), *wrong.items()) if name in NOT_SUPPORTED} <= {"unverified"}


async def test_mbpp_sanitized(judge_all: JudgeAll) -> None:
    text = (DATA / "mbpp/mbpp_sanitized.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    imports = "import math, sys\n"  # which this copy of the tests has lost
    tests = {
        r["task_id"]: (without_docstring(r["prompt"]) + r["canonical_solution"], imports + r["test"]) for r in rows
    }
    del tests["MbppEval/56"]  # its function is called ``check``, as the test is
    right, wrong = trials(tests, is_spoilt=False), trials(tests, is_spoilt=True)
    assert len(right) == len(wrong) == 426
    assert not_correct(await judge_all(right)) == []
    assert not_incorrect(await judge_all(wrong)) == []


def without_docstring(prompt: str) -> str:
    """The prompt's head: its docstring is set in by four spaces, where the solution may be by two or a tab."""
    return re.sub(r"\s*\'{3}.*?\'{3}\s*\n", "\n", prompt, flags=re.DOTALL)
