"""What the harness makes of a hostile task's bytes: an outcome, no exception, no pass that was not earned."""

from __future__ import annotations

import json
from collections.abc import Callable

from hammer import Hammer
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from wires import EXPECTED, JSON, LOOP, WIRES

from thinkcurve.problem import Case, FunctionTests, StdioCase, StdioTests, Verdict
from thinkcurve.verify.conversation import Result
from thinkcurve.verify.inside.wire import Encoder, decode
from thinkcurve.verify.process import Reply
from thinkcurve.verify.sandbox import Outcome, judge_code

DOCUMENTED = (ValueError, TypeError, ArithmeticError, RecursionError)  # what a reader of the wire must expect
CPU_S = 0.5


class Hostile:
    """A sandbox in which the task knew the request's secrets and wrote what it liked."""

    def __init__(self, write: Callable[[str], bytes], header: dict[str, object]) -> None:
        self._write, self._header = write, header

    async def run(self, request: dict[str, object], wall_s: float) -> Reply:
        return Reply(self._header, self._write(str(request.get("nonce", ""))))

    async def converse(self, test: dict[str, object], answer: dict[str, object], wall_s: float) -> Result:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


Line = tuple[int, str, object, str]  # index, tag, wire value, what is wrong with the line
FAULTS = ("", "", "", "no nonce", "nonce twice", "half", "garbage", "extra")


def _line(nonce: str, line: Line) -> bytes:
    index, tag, value, fault = line
    text = json.dumps([index, tag, value]) if fault != "extra" else json.dumps([index, tag, value, 1])
    lead = {"no nonce": "", "nonce twice": nonce * 2}.get(fault, nonce)
    cut = len(text) // 2 if fault == "half" else len(text)
    return (lead + text[:cut]).encode() + (b"\xff\x00" if fault == "garbage" else b"") + b"\n"


def _lines(n: int) -> SearchStrategy[list[Line]]:
    """Mostly the right lines for the first ``n`` cases, then with accidents."""
    value = st.sampled_from(EXPECTED).map(lambda v: Encoder().encode(v)) | WIRES
    tag = st.sampled_from("vvvvemox") | st.text(max_size=2)
    line = st.tuples(st.integers(-1, n + 1), tag, value, st.sampled_from(FAULTS))
    right = [(index, "v", Encoder().encode(EXPECTED[index]), "") for index in range(n)]
    touched = st.lists(st.tuples(st.integers(0, n), line | st.none()), max_size=3)
    return st.builds(_touch, st.just(right), touched) | st.lists(line, max_size=n + 2)


def _touch(right: list[Line], touched: list[tuple[int, Line | None]]) -> list[Line]:
    lines = list(right)
    for at, line in touched:
        lines[at : at + 1] = [] if line is None else [line]
    return lines


HEADERS = st.fixed_dictionaries(
    {
        "end": st.sampled_from(("exit", "exit", "exit", "timeout", "killed", "output_limit", "", 3)),
        "is_ready": st.booleans(),
    },
    optional={"code": st.integers(-9, 255) | JSON, "cpu_s": st.floats(0, 10) | JSON},
)
N_CASES = st.integers(1, len(EXPECTED))
FUNCTION = st.tuples(
    N_CASES.flatmap(lambda n: st.tuples(st.just(n), _lines(n))), st.binary(max_size=40) | st.just(b""), HEADERS
)


def check_function(asked: tuple[tuple[int, list[Line]], bytes, dict[str, object]]) -> None:
    (n, lines), tail, header = asked
    reference = FunctionTests("f", cases=tuple(Case(f"[{i}]", repr(EXPECTED[i])) for i in range(n)), test="")
    hostile = Hostile(lambda nonce: b"".join(_line(nonce, line) for line in lines) + tail, header)
    outcome = LOOP.run_until_complete(judge_code(hostile, _literal(reference), "def f(x): return x"))
    _is_plain(outcome)
    if outcome.verdict is Verdict.CORRECT:
        assert header["end"] == "exit"
        assert b"\n" not in tail
        assert _is_earned(lines, n), lines


def _literal(reference: FunctionTests) -> FunctionTests:
    """Without the case whose value no literal can say (infinity)."""
    cases = tuple(Case(c.args, "1e999" if c.expected == "inf" else c.expected) for c in reference.cases)
    return FunctionTests(reference.entry_point, cases=cases)


def _is_earned(lines: list[Line], n: int) -> bool:
    """Each case answered in order with its value, by a reading of the wire that is not the harness's own."""
    if len(lines) != n:
        return False
    for index, (number, tag, value, fault) in enumerate(lines):
        if fault or number != index or tag != "v":
            return False
        right = EXPECTED[index]
        if value != Encoder().encode(right) and not _is_equal_number(value, right):
            try:
                if decode(value) != right:
                    return False
            except DOCUMENTED:
                return False
    return True


def _is_equal_number(value: object, right: object) -> bool:
    return isinstance(value, bool | int) and isinstance(right, bool | int | float) and value == right


def _is_plain(outcome: Outcome) -> None:
    assert isinstance(outcome.verdict, Verdict)
    assert (outcome.verdict is Verdict.CORRECT) == (outcome.reason == "")
    assert isinstance(outcome.cpu_s, float)


def test_no_bytes_earn_a_pass_but_the_right_ones(hammer: Callable[..., Hammer]) -> None:
    hammer(check_function, FUNCTION, cpu_s=CPU_S).run()


def check_raw(asked: tuple[bytes, dict[str, object]]) -> None:
    """Bytes that do not know the secret word: a function never passes, and a program only by what it had to print."""
    payload, header = asked
    hostile = Hostile(lambda _: payload, header)
    function = FunctionTests("f", cases=(Case("[1]", "1"),))
    outcome = LOOP.run_until_complete(judge_code(hostile, function, "f = lambda x: x"))
    _is_plain(outcome)
    assert outcome.verdict is not Verdict.CORRECT
    outcome = LOOP.run_until_complete(judge_code(hostile, StdioTests((StdioCase("", "12\n"),)), "print(12)"))
    _is_plain(outcome)
    if outcome.verdict is Verdict.CORRECT:
        assert payload.decode("utf-8", "replace").strip() == "12"


def test_bytes_without_the_secret_word(hammer: Callable[..., Hammer]) -> None:
    lines = st.lists(
        st.sampled_from((b'[0,"v",1]', b"12", b"\n", b"[" * 3000, b"\xff", b'"', b"0" * 32, b" ", b"1e999"))
    )
    payload = st.binary(max_size=200) | lines.map(b"".join)
    hammer(check_raw, st.tuples(payload, HEADERS), cpu_s=CPU_S).run()
