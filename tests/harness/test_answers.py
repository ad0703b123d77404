"""Lines of answers read strictly, and judged side by side in their order."""

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from thinkcurve.answers import IN_FLIGHT, Entry, judged, read_entries
from thinkcurve.errors import UsageError
from thinkcurve.problem import Judgement, MathAnswer, Reference, Verdict
from thinkcurve.verify.judge import Judge

DOUBLE = {"type": "function_tests", "entry_point": "f", "cases": [{"args": "[1, 2]", "expected": "3"}]}
ADD = {"type": "stdio_tests", "cases": [{"stdin": "1 2", "stdout": "3"}]}


def line(answer: str = "5", name: str | int = "1", /, **reference: Any) -> dict[str, Any]:
    return {"id": name, "reference": reference or {"type": "math", "answer": "5"}, "answer": answer}


def read(text: str | bytes) -> list[Entry]:
    data = text.encode() if isinstance(text, str) else text
    return read_entries(io.BytesIO(data), "a.jsonl")


def reference(**fields: Any) -> str:
    return json.dumps(line(**fields))


def math(**rules: Any) -> str:
    return reference(type="math", answer="5", **rules)


def function(**fields: Any) -> str:
    return reference(**{"type": "function_tests", "entry_point": "f", **fields})


def stdio(**fields: Any) -> str:
    return reference(**{**ADD, **fields})


def a_case(args: Any = "[1]", expected: Any = "2", **more: Any) -> str:
    return function(cases=[{"args": "[0]", "expected": "0"}, {"args": args, "expected": expected, **more}])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a.jsonl holds no answers; a line is {"),
        (" \n\n", "a.jsonl holds no answers"),
        ("hello", 'a.jsonl:1: "hello" is not JSON (malformed'),
        ('{"id": 1', r'"{\"id\": 1" is not JSON (Input data was truncated)'),
        ("[" * 100_000, "is not JSON (nested too deeply)"),
        ('{"id": NaN}', "is not JSON"),
        (b'{"id": "\xff"}', "a.jsonl:1: byte 9 of the line is not UTF-8"),
        (b"\x00\x01\x02", "is not JSON"),
        ("[1, 2]", "a.jsonl:1: [1, 2] is not an object; a line is {"),
        ("null", "null is not an object"),
        ('"' + "x" * 1000 + '"', f'"{"x" * 38}… is not an object'),
        ("{}", "the line has no 'id'"),
        ('{"id": 1, "answer": "5"}', "the line has no 'reference'; known keys: id, reference, answer"),
        ('{"id": 1, "reference": {"type": "math", "answer": "5"}}', "the line has no 'answer'"),
        (json.dumps(line() | {"anwser": "6"}), "unknown key \"anwser\" in the line. Did you mean 'answer'?"),
        (json.dumps(line() | {"answer": 5}), "answer is 5, not a string"),
        (json.dumps(line() | {"answer": None}), "answer is null, not a string"),
        (json.dumps(line() | {"id": None}), "id is null, not a whole number or a string"),
        (json.dumps(line() | {"id": True}), "id is true, not a whole number or a string"),
        (json.dumps(line() | {"reference": "5"}), 'reference is "5", not an object'),
        (reference(answer="5"), "the reference has no 'type'; it is one of math, choice,"),
        (reference(type="maths", answer="5"), "unknown reference type \"maths\". Did you mean 'math'? Known types:"),
        (reference(type="custom", verifier="mine"), 'unknown reference type "custom". Known types: math, choice'),
        (reference(type=["math"], answer="5"), 'reference.type is ["math"]; it is one of math'),
        (reference(type="math"), "the reference has no 'answer'"),
        (reference(type="math", answer=5), "reference.answer is 5, not a string"),
        (math(tolerence=0.1), "unknown key \"tolerence\" in the reference. Did you mean 'tolerance'? Known keys: type"),
        (math(tolerance="0.1"), 'reference.tolerance is "0.1", not a number'),
        (math(tolerance=-1), "reference.tolerance is -1; it is a number from 0 up"),
        (reference(type="choice", answer="B", choices="AB"), 'reference.choices is "AB", not a list'),
        (reference(type="choice", answer="B", choices=["A", 2]), "reference.choices[1] is 2, not a string"),
        (function(), "reference.cases and reference.test are both empty; give one of them"),
        (function(cases=DOUBLE["cases"], test="assert f(1)"), "reference.cases and reference.test are both given"),
        (function(test="assert f(1)", entry_point="f()"), 'reference.entry_point is "f()", not the name of a function'),
        (function(test="assert f(1)", entry_point=""), 'reference.entry_point is "", not the name of a function'),
        (function(test="assert f(1)", entry_point="class"), 'reference.entry_point is "class", not the name of a'),
        (function(test="assert f(1)", entry_point="A.f."), 'reference.entry_point is "A.f.", not the name of a'),
        (function(test="assert f(1)", entry_point="A.1"), 'reference.entry_point is "A.1", not the name of a'),
        (function(test="assert f(1) == = 2"), "a.jsonl:1: reference.test is not Python (line 1: invalid syntax)"),
        (function(test="x = 1\nassert f(1"), "reference.test is not Python (line 2: '(' was never closed)"),
        (function(test="assert f(1)\0"), "reference.test is not Python (source code string cannot contain null bytes)"),
        (function(test="assert " + "-" * 100_000 + "1"), "reference.test is not Python ("),
        (function(test="assert g(1) == 2"), 'reference.test neither defines check(candidate) nor calls "f"'),
        (function(test="# f"), 'reference.test neither defines check(candidate) nor calls "f"'),
        (
            function(test="assert f(1)", prompt="def f(x:"),
            "reference.prompt is not Python, also with 'pass' behind it (line",
        ),
        (function(test="assert f(1)", prompt="Add one."), "reference.prompt is not Python"),
        (a_case(args=[1]), "reference.cases[1].args is [1], not a string"),
        (a_case(args="1"), 'reference.cases[1].args is "1", not a list as Python writes it'),
        (a_case(args="[x]"), 'reference.cases[1].args is "[x]", not a list as Python writes it'),
        (a_case(expected="two"), 'reference.cases[1].expected is "two", not a value as Python writes it'),
        (a_case(exected="2"), "unknown key \"exected\" in a case. Did you mean 'expected'?"),
        (function(cases=[5]), "reference.cases[0] is 5, not an object"),
        (function(cases=[{"args": "[1]"}]), "a case has no 'expected'; known keys: args, expected"),
        (function(cases={}), "reference.cases is {}, not a list"),
        (stdio(cases=[]), "reference.cases is empty; give at least one"),
        (stdio(cases=DOUBLE["cases"]), 'unknown key "args" in a case. Known keys: stdin, stdout'),
        (stdio(cpu_s=0), "reference.cpu_s is 0; it is a number of seconds from 0.01 to 3600"),
        (stdio(cpu_s=0.001), "reference.cpu_s is 0.001; it is a number of seconds from 0.01 to 3600"),
        (stdio(cpu_s=3601), "reference.cpu_s is 3601; it is"),
        (stdio(cpu_s=None), "reference.cpu_s is null, not a number"),
        (stdio(memory_mb=0.5), "reference.memory_mb is 0.5, not a whole number"),
        (stdio(memory_mb=0), "reference.memory_mb is 0; it is a number of megabytes from 1 to 65536"),
        (stdio(memory_mb=65537), "reference.memory_mb is 65537; it is a number"),
        (stdio(memory_mb=2**62), "reference.memory_mb is 4611686018427387904; it is a number"),
    ],
)
def test_what_is_no_line_is_refused_in_one_sentence(text: str | bytes, complaint: str) -> None:
    with pytest.raises(UsageError) as error:
        read(text)
    assert complaint in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 250


def test_the_complaint_names_the_line() -> None:
    with pytest.raises(UsageError, match=r"^a\.jsonl:3: "):
        read(math() + "\n\n" + "{}\n" + math())


def test_a_complaint_carries_no_escapes_of_a_terminal() -> None:
    with pytest.raises(UsageError) as error:
        read(reference(type="\x1b[2J\u202emath"))
    assert str(error.value).isprintable()


def test_blank_lines_a_bom_and_windows_ends_of_lines_are_fine() -> None:
    text = b"\xef\xbb\xbf" + math().encode() + b"\r\n\r\n" + math().encode()
    assert len(read(text)) == 2


def test_equal_ids_are_fine_and_an_id_may_be_a_number() -> None:
    assert [entry.id for entry in read("\n".join(json.dumps(line("5", i)) for i in (7, 7, "7")))] == [7, 7, "7"]


def test_a_line_of_10_mb_is_read() -> None:
    (entry,) = read(json.dumps(line("x" * 10_000_000)))
    assert len(entry.answer) == 10_000_000


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(UsageError, match=r"a\.jsonl:2: the line is longer than 64 MiB"):
        read(math().encode() + b"\n" + bytes((64 << 20) + 5))


def test_half_an_emoji_is_read_as_a_question_mark() -> None:
    assert read('{"id": "1", "reference": {"type": "math", "answer": "5"}, "answer": "5 \\ud83d"}')[0].answer == "5 ?"


def test_all_that_a_reference_may_say_is_read() -> None:
    (entry,) = read(function(cases=[{"args": "(1,)", "expected": "2.0"}], tolerance=1, cpu_s=1, memory_mb=64))
    assert (entry.reference.tolerance, entry.reference.cpu_s) == (1.0, 1.0)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fields",
    [
        {"test": "assert f(1) == 2", "prompt": "def f(x):\n"},
        {"test": "assert f(1) == 2", "prompt": 'import re\n\ndef f(x):\n    """As in \\d."""\n'},
        {"test": "assert f(1) == 2", "prompt": "class Solution:\n    def f(self, x):\n        "},
        {"test": "def check(candidate):\n    assert candidate(1) == 2"},
        {"test": "import math\nfor i in range(3):\n    assert math.isclose(f(i), i)"},
        {"test": "s = Solution()\nassert s.f(1) == 2", "entry_point": "Solution.f"},
        {"test": "assert Solution().f(1) == 2"},
        {"test": "assert f(1) == 2", "entry_point": "f", "cpu_s": 0.01, "memory_mb": 65536},
    ],
)
def test_code_references_of_every_kind_are_read(fields: dict[str, Any]) -> None:
    assert len(read(function(**fields))) == 1


def test_equal_references_are_kept_once() -> None:
    first, second = read("\n".join([json.dumps(line("x", **DOUBLE)), json.dumps(line("y", **DOUBLE))]))
    assert first.reference is second.reference


# Many at once --------------------------------------------------------------------------------------------


class Slow(Judge):
    """Takes longest over the first answer; counts how many it has in hand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    async def judge(self, reference: Reference, answer: str) -> Judgement:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.2 if answer == "0" else 0.001)
        self.now -= 1
        return Judgement(Verdict.CORRECT, extracted=answer)


async def test_answers_are_judged_side_by_side_and_told_in_order() -> None:
    judge, gold = Slow(), MathAnswer("5")

    def items() -> Iterator[tuple[Reference, str]]:
        yield from ((gold, str(i)) for i in range(500))

    told = [judgement.extracted async for judgement in judged(judge, items())]
    assert told == [str(i) for i in range(500)]
    assert judge.most == IN_FLIGHT


class Refusing(Judge):
    """A judge that cannot work on this machine."""

    async def judge(self, reference: Reference, answer: str) -> Judgement:
        raise UsageError("no sandbox of this level here")


async def test_what_the_judge_refuses_ends_it() -> None:
    with pytest.raises(UsageError, match="no sandbox"):
        _ = [judgement async for judgement in judged(Refusing(), [(MathAnswer("5"), "5")] * 3)]


async def test_stopping_early_leaves_nothing_in_hand() -> None:
    judge, gold = Slow(), MathAnswer("5")
    async with aclosing(judged(judge, ((gold, str(i)) for i in range(500)))) as judgements:
        async for _ in judgements:
            break
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
