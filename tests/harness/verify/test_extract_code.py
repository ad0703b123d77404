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
EXAMPLES = "    ```\n    f(1)\n    ```\n    ```python\n    f(2)\n    ```\n"
QUOTING = f'def f(x):\n    """As in\n\n{EXAMPLES}    """\n    return x + 1\n'
TICKS = '"""\n```\nf(1)\n```\n"""\n' + F


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
        (f"Begin with\n```python\n{F}```\nand call it:\n```python\nf(1)  # 2\n```", F, "fence"),
        (f"```python\n{F}```\n```python\nf (1) == 2\n```", F, "fence"),
        (f"```python\n{F}```\n```python\nfrom answer import f\nprint(f(1))\n```", F, "fence"),
        ("```python\nfrom operator import neg as f\n```\n```\n-1\n```", "from operator import neg as f\n", "fence"),
        ("```python\nf: object = abs\n```\n```\n1\n```", "f: object = abs\n", "fence"),
        (f"# Comment\n\n{F}```\nThis adds one.", f"# Comment\n\n{F}", "closed"),
        (f"{F}```\nUse it:\n```python\nprint(f(1))\n```", F, "closed"),
        (f"````markdown\n```python\n{F}```\n````", F, "fence"),
        (f"```python\ndef f(x):\n\n```python\n{F}```", F, "fence"),
        ("```python\n" + QUOTING + "```", QUOTING, "fence"),
        (f"````python\n{TICKS}````\ndone", TICKS, "fence"),
        (f"~~~python\n{TICKS}~~~", TICKS, "fence"),
        (f"```python\n{F}```\n```", F, "fence"),
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
        ("Here is my solution:\n```\ndef f(x):\n    ret", "unclosed"),
        ("# Solution\n```\ndef f(x):\n    ret", "unclosed"),
        ("x = 1\n```python\ndef f(x):\n    ret", "unclosed"),
        ("    indented\n```\ndef f(x):\n    ret", "unclosed"),
        ("```python\nf(1)\n```\nNow:\n```\ndef f(x):\n    ret", "unclosed"),
        ("x" * (MAX_CHARS + 1), "too_long"),
    ],
)
def test_no_program_is_no_answer(answer: str, reason: str) -> None:
    assert code_answer(answer, "f") == Missing(reason)


READ = "n = int(input())\nprint(n + 1)\n"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (f"```python\n{READ}```\nFor 1 it prints\n```\n2\n```", READ),
        (f"```Python\n{READ}```\nFor 1 it prints\n```text\n2\n```", READ),
        (f"```py\n{READ}```\nRun it:\n```bash\npython a.py\n```", READ),
        (f"```\n{READ}```\nInput\n```\n1\n```\nOutput\n```\n2\n```", READ),
        (f"Input\n```\n1\n```\n```\n{READ}```", READ),
        (f"```python3\nprint(0)\n```\nBetter:\n```python3\n{READ}```", READ),
        (f"```python\n{READ}```\nIt prints\n```\n2", READ),
        ("```\n1\n```\n```\n2\n```", "2\n"),
        (f"{READ}```\nThat is all.", READ),
    ],
)
def test_program_without_an_entry_point_is_found(answer: str, text: str) -> None:
    found = code_answer(answer)
    assert isinstance(found, Extracted)
    assert found.text == text


G = "def g(x):\n    return x + 1\n"
CALLS = "def f(x):\n    return g(x)\n"


def fenced(*blocks: str) -> str:
    return "\nand\n".join(f"```python\n{block}```" for block in blocks)


@pytest.mark.parametrize(
    ("blocks", "used"),
    [
        ((G, CALLS), (0, 1)),
        (("import math\n", "def f(x):\n    return math.floor(x)\n"), (0, 1)),
        (("from math import (\n    ceil,\n    floor,\n)\n", "def f(x):\n    return floor(x)\n"), (0, 1)),
        (("class Node:\n    pass\n", "def f(x: list[int, Node], y=0) -> int:\n    return 1\n"), (0, 1)),
        (("MOD = 7\n", "def f(x):\n    return f'{x % MOD}'\n"), (0, 1)),
        (("import math\n", "def g(x):\n    return math.floor(x)\n", CALLS), (0, 1, 2)),
        ((G, "print(2)\n", CALLS), (0, 2)),
        (("def g(x):\n    return 0\n", G, CALLS), (1, 2)),
        ((G, CALLS, "print(f(1))\n"), (0, 1)),
        ((G, F), (1,)),
        ((G, f"{G}\n{CALLS}"), (1,)),
        (("x = 1\nprint(x)\n", F), (1,)),
        (("y = 1\n", "def f(x):\n    return [y for y in x]\n"), (1,)),
        (("y, z = 1, 2\n", "def f(x):\n    y, z = x\n    return y\n"), (1,)),
        (("y = 1\n", "def f(x):\n    return x.y  # y\n"), (1,)),
        (("y = 1\n", 'def f(x):\n    """y"""\n    return "y" + \'y\'\n'), (1,)),
        (("def f(x):\n    return h(x)\n", CALLS), (1,)),
    ],
)
def test_helper_of_an_earlier_block_comes_along(blocks: tuple[str, ...], used: tuple[int, ...]) -> None:
    answer = fenced(*blocks)
    found = code_answer(answer, "f")
    assert isinstance(found, Extracted)
    assert found.text == "\n".join(blocks[index] for index in used)
    assert found.rule == ("fences" if len(used) > 1 else "fence")
    first, last = answer.index(blocks[used[0]]), answer.index(blocks[used[-1]]) + len(blocks[used[-1]])
    assert found.span == (first, last)


def test_helper_in_a_block_that_is_no_python_stays_out() -> None:
    found = code_answer(f"```text\n{G}```\n{fenced(CALLS)}", "f")
    assert isinstance(found, Extracted)
    assert (found.text, found.rule) == (CALLS, "fence")


async def test_answer_in_two_blocks_is_correct() -> None:
    judge = Judge()
    try:
        judgement = await judge.judge(FunctionTests("f", test="assert f(1) == 2"), fenced(G, CALLS))
    finally:
        await judge.aclose()
    assert (judgement.verdict.value, judgement.rung) == ("correct", "sandbox/fences")


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
        ("    return helper(x)\n```\nThat is all.", True),
        ("return helper(x)\n```", True),
        ("```python\n    return helper(x)\n```\nIt gives\n```\n2\n```", True),
        ("```python\nhelper(1)\n```\nThe rest:\n```python\n    return helper(x)\n```", True),
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
    "piece",
    [
        *("```\n", "`", "def ", "def f(", "\n ", "f=", "(", "import a\n", "@", "x, ", "'''", "class f:\n", "# \n"),
        *("x", "x ", " ", "x:", "for ", "lambda ", "[", "\\", '"', "f'", "a=b,", "a:", "```py\n", "~", "*", "    #\n"),
    ],
)
def test_cost_is_linear(piece: str) -> None:
    def cost_s(n: int) -> float:
        text = piece * (n // len(piece))
        started_s = time.process_time()
        program(text, "f", has_prompt=False)
        program(f"```py\n{text}\n```\n```py\ndef f(x): return y\n{text}\n```", "f", has_prompt=False)
        return time.process_time() - started_s

    assert min(cost_s(1 << 19) for _ in range(2)) < 2.0


@given(st.text(alphabet=st.sampled_from("`~\n def class fx():=#@import,."), max_size=200))
def test_spans_lie_in_the_answer(answer: str) -> None:
    found = code_answer(answer, "f")
    if isinstance(found, Extracted) and found.rule != "fences":
        stood = answer[found.span[0] : found.span[1]]
        assert found.text in (stood, textwrap.dedent(stood))
