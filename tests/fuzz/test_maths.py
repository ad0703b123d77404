"""The maths parser and comparison: what they raise, what they cost, and no "equal" that can be proved wrong."""

import asyncio
import re
from collections.abc import Callable

import msgspec
import pytest
from hammer import Hammer
from hypothesis import strategies as st
from seeds import pairs
from strategies import grown, mathematics, mutated
from valued import FAMILIES, Valued

from thinkcurve.problem import MathAnswer, Verdict
from thinkcurve.verify import math
from thinkcurve.verify.extract import Missing
from thinkcurve.verify.judge import Judge
from thinkcurve.verify.maths.parse import parse
from thinkcurve.verify.maths.tree import Node, ParseError

CPU_S = 2.0  # a comparison, whatever it is given


def forget() -> None:
    """Empty the caches: what they hold is no leak."""
    parse.cache_clear()
    math._gold.cache_clear()


def check_parse(text: str) -> None:
    try:
        tree = parse(text)
    except ParseError:
        return
    assert isinstance(tree, Node)


def test_parse_gives_a_tree_or_a_parse_error(hammer: Callable[..., Hammer]) -> None:
    hammer(check_parse, mathematics(), cpu_s=lambda text: 0.1 + 100e-6 * min(len(text), 4000), reset=forget).run()


def check_compare(asked: tuple[str, str]) -> None:
    gold, answer = asked
    for one, other in ((gold, answer), (answer, gold)):
        found = math.compare(one, other)
        assert found.equal in (True, False, None)
        assert found.rung
        math.judge_text(one, other)


def test_compare_ends_and_never_raises(hammer: Callable[..., Hammer]) -> None:
    related = st.sampled_from(pairs()).flatmap(lambda pair: st.tuples(mutated([pair[0]]), mutated([pair[1]])))
    asked = st.tuples(mathematics(4000), mathematics(4000)) | related | st.tuples(grown(), grown())
    hammer(check_compare, asked, cpu_s=CPU_S, reset=forget).run()


RULES = st.builds(
    MathAnswer,
    st.just(""),
    tolerance=st.none() | st.sampled_from((0.0, 1e-6, 0.5, 1e300)),
    is_rounded=st.booleans(),
    percent=st.sampled_from(("either", "exact")),
    units=st.sampled_from(("optional", "required")),
    order=st.sampled_from(("gold", "any", "exact")),
    angles=st.sampled_from(("either", "degrees", "radians")),
    form=st.sampled_from(("expression", "time", "date")),
    base=st.none() | st.sampled_from((2, 16, 36)),
)
SAID = st.sampled_from(("5 June 2024", "2024-06-05", "3:30 pm", "15:30", "12:00 a.m.", "33.3", "1e-400", "101", "FF"))
TIMES = SAID | mutated(["Wednesday, 5 June 2024", "06/05/24", "quarter past 3 pm", "3:30:15 PM"])


def check_rules(asked: tuple[str, str, MathAnswer]) -> None:
    gold, answer, rules = asked
    for one, other in ((gold, answer), (answer, gold)):
        reading = math.judge_text(one, other, msgspec.structs.replace(rules, answer=one))
        assert isinstance(reading, Missing) or reading.compared.equal in (True, False, None)


def test_rules_of_a_task(hammer: Callable[..., Hammer]) -> None:
    """Times, dates, tolerances, bases: whatever a task asks, and whatever is said."""
    text = grown(6) | TIMES | mathematics(2000)
    hammer(check_rules, st.tuples(text, text, RULES), cpu_s=CPU_S, reset=forget).run()


def test_verdicts_with_the_worker(hammer: Callable[..., Hammer]) -> None:
    """The whole judge: what this process cannot tell is told, or given up, within the worker's limits."""
    related = st.sampled_from(pairs()).flatmap(lambda pair: st.tuples(mutated([pair[0]]), mutated([pair[1]])))
    with asyncio.Runner() as runner:
        judge = Judge()

        def check(asked: tuple[str, str]) -> None:
            judgement = runner.run(judge.judge(MathAnswer(asked[0]), asked[1]))
            assert (judgement.verdict is Verdict.CORRECT) == (not judgement.reason)
            assert judgement.cpu_s < 4.0

        hammer(check, related | st.tuples(grown(), grown()), cpu_s=CPU_S, reset=lambda: _forget_all(judge)).run()
        runner.run(judge.aclose())


def _forget_all(judge: Judge) -> None:
    judge._cache.clear()
    forget()


def check_itself(text: str) -> None:
    """By the whole path, and as an extracted answer; of several boxes extraction takes what counts."""
    for other in (text, f" {text}\n", f"{text} "):
        reading = math.judge_text(text, other)
        assert isinstance(reading, Missing) or reading.compared.equal is not False, other
        assert "box" in text or math.compare(text, other).equal is not False, other


def test_nothing_differs_from_itself(hammer: Callable[..., Hammer]) -> None:
    hammer(check_itself, mathematics(4000), cpu_s=CPU_S, reset=forget).run()


def check_written_again(text: str) -> None:
    """A dollar sign on each side, or brackets that LaTeX may size, change nothing."""
    try:
        parse(text)
    except ParseError:
        return
    if (
        "box" in text or "text" in text or "mathrm" in text
    ):  # extraction's matter, and words, where brackets are letters
        return
    sized = re.sub(r"(?<!\\)[()]", lambda mark: r"\left(" if mark[0] == "(" else r"\right)", text)
    for other in (f"${text}$", sized, text.replace(r"\frac", r"\dfrac")):
        assert math.compare(text, other).equal is not False, other


def test_no_other_way_of_writing_differs(hammer: Callable[..., Hammer]) -> None:
    hammer(check_written_again, grown(), cpu_s=CPU_S, reset=forget).run()


def check_known(asked: tuple[Valued, Valued]) -> None:
    one, other = asked
    for gold, answer in ((one, other), (other, one)):
        found = math.compare(gold.text, answer.text)
        if gold.key == answer.key:
            assert found.equal is not False, found
        else:
            assert found.equal is not True, found


@pytest.mark.parametrize("family", FAMILIES)
def test_known_values(hammer: Callable[..., Hammer], family: str) -> None:
    hammer(check_known, FAMILIES[family](), cpu_s=CPU_S, reset=forget).run()
