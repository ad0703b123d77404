"""Which part of an answer is the program, and whether it stands by itself or goes on from the prompt."""

from __future__ import annotations

import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.problem import FunctionTests
from thinkcurve.verify.extract import MAX_CHARS, Extracted, Missing
from thinkcurve.verify.extract_code import code_answer, program
from thinkcurve.verify.judge import Judge

F = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("answer", "text", "rule"),
    [
        (f"```python\n{F}```", F, "fence"),
        (f"```\n{F}```\nand so on", F, "fence"),
        (f"~~~py\n{F}~~~", F, "fence"),
        (f"```python\n{F}```\nUse it:\n```python\nprint(f(1))\n```", F, "fence"),
        (f"```python\ndef f(x): return 0\n```\nBetter:\n```python\n{F}```", F, "fence"),
        (f"```python\n{F}```\n```\n2\n```", F, "fence"),
        (f"```python\n{F}```\nand\n```python\n{F}", F, "fence"),
        (f"{F}```", F, "closed"),
        (F, F, "whole"),
        (f"import math\n\n{F}\nprint(f(1))\n", f"import math\n\n{F}\nprint(f(1))\n", "whole"),
        (f"Here you are:\n\n{F}\nThis adds one.", F, "lines"),
        (f"import math\n{F}\nIt runs in linear time.", f"import math\n{F}", "lines"),
        (f"Sure!\n{F}\n\nx = 3\nprint(f(x))\n\nHope that helps!", f"{F}\n\nx = 3\nprint(f(x))\n", "lines"),
        ("f = lambda x: x + 1", "f = lambda x: x + 1", "whole"),
        ("1. First:\n   ```python\n   def f(x):\n       return x + 1\n   ```", F, "fence"),
    ],
)
def test_program_is_found(answer: str, text: str, rule: str) -> None:
    found = code_answer(answer, "f")
    assert isinstance(found, Extracted)
    assert (found.text, found.rule) == (text, rule)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("```python\n```", "empty"),
        ("Here:\n```python\ndef f(x):\n    ret", "unclosed"),
        ("x" * (MAX_CHARS + 1), "too_long"),
    ],
)
def test_no_program_is_no_answer(answer: str, reason: str) -> None:
    assert code_answer(answer, "f") == Missing(reason)


PROMPT = (
    'from typing import List\n\ndef helper(x):\n    return x + 1\n\ndef f(x: int) -> int:\n    """One more.\n    """\n'
)


@pytest.mark.parametrize(
    ("answer", "is_continuation"),
    [
        ("    return helper(x)\n", True),
        ("return helper(x)", True),
        ("    return helper(x)\n\nThat is all there is to it.", True),
        ("    return helper(x)\n\ndef other():\n    pass\n", True),
        ("```python\n    return helper(x)\n```", True),
        ("    def inner(y):\n        return helper(y)\n    return inner(x)", True),
        (f"{PROMPT}    return helper(x)\n", False),
        (f"```python\n{F}```", False),
        ("```python\ndef f(x: List):\n    return helper(x)\n```", False),
        ("f = helper", False),
    ],
)
async def test_answer_may_go_on_from_the_prompt(answer: str, is_continuation: bool) -> None:
    reference = FunctionTests("f", test="assert f(1) == 2\nassert f(41) == 42", prompt=PROMPT)
    found = program(answer, "f", has_prompt=True)
    assert not isinstance(found, Missing)
    assert found.is_continuation is is_continuation
    judge = Judge()
    try:
        judgement = await judge.judge(reference, answer)
    finally:
        await judge.aclose()
    assert (judgement.verdict.value, judgement.reason) == ("correct", "")


@pytest.mark.parametrize("answer", ["    return x\n", "pass", "x = 1", "    helper(x)", "def g(x):\n    return x + 1"])
async def test_stub_of_the_prompt_is_no_answer(answer: str) -> None:
    judge = Judge()
    try:
        for test in ("assert f(1) == 2", "def check(c):\n    for i in (1, 2):\n        assert c(i) == i + 1"):
            judgement = await judge.judge(FunctionTests("f", test=test, prompt=PROMPT), answer)
            assert judgement.verdict.value == "incorrect"
    finally:
        await judge.aclose()


@pytest.mark.parametrize(
    "piece", ["```\n", "`", "def ", "def f(", "\n ", "f=", "(", "import a\n", "@", "x, ", "'''", "class f:\n", "# \n"]
)
def test_cost_is_linear(piece: str) -> None:
    def cost_s(n: int) -> float:
        text = piece * (n // len(piece))
        started_s = time.process_time()
        program(text, "f", has_prompt=False)
        return time.process_time() - started_s

    assert min(cost_s(1 << 19) for _ in range(2)) < 2.0


@given(st.text(alphabet=st.sampled_from("`~\n def class fx():=#@import,."), max_size=200))
def test_spans_lie_in_the_answer(answer: str) -> None:
    found = code_answer(answer, "f")
    if isinstance(found, Extracted):
        stood = answer[found.span[0] : found.span[1]]
        assert found.text in (stood, textwrap.dedent(stood))
