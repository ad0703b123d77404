"""A gate in words, in Markdown, in JUnit XML and as annotations: all say the one outcome, and names do nothing."""

import re
import xml.etree.ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from report.gate.decisions import HOSTILE, a_check, hostile, of
from thinkcurve.analysis.gate.gate import decision
from thinkcurve.analysis.gate.outcome import Check, Needed, Outcome
from thinkcurve.report.gate.github import annotations_of
from thinkcurve.report.gate.junit import junit
from thinkcurve.report.gate.markdown import SIGNS, markdown
from thinkcurve.report.gate.words import headline, sentence, told

PASS, REGRESSED, INCONCLUSIVE = Outcome.PASS, Outcome.REGRESSED, Outcome.INCONCLUSIVE
CASES = [
    (PASS,),
    (REGRESSED,),
    (INCONCLUSIVE,),
    (PASS, INCONCLUSIVE, PASS),
    (PASS, REGRESSED, INCONCLUSIVE),
    (REGRESSED, REGRESSED),
    (INCONCLUSIVE,) * 30,
    (REGRESSED,) * 30,
]


@pytest.mark.parametrize("outcomes", CASES)
def test_all_forms_say_the_same(outcomes: tuple[Outcome, ...]) -> None:
    decided = of(*outcomes)
    assert decided.exit_code == decided.outcome.exit_code
    text = markdown(decided)
    assert f"### {SIGNS[decided.outcome]} thinkcurve gate: {decided.outcome}" in text
    assert [text.count(f"| {SIGNS[o]} |") for o in Outcome] == [outcomes.count(o) for o in Outcome]
    root = ET.fromstring(junit(decided))
    assert root.get("tests") == str(len(outcomes))
    assert (root.get("failures"), root.get("errors")) == (
        str(outcomes.count(REGRESSED)),
        str(outcomes.count(INCONCLUSIVE)),
    )
    assert len(root.findall(".//failure")) == outcomes.count(REGRESSED)
    assert len(root.findall(".//error")) == outcomes.count(INCONCLUSIVE)
    first, *rest = annotations_of(decided)
    level = {PASS: "notice", REGRESSED: "error", INCONCLUSIVE: "warning"}[decided.outcome]
    assert first.startswith(f"::{level} title=thinkcurve gate%3A {decided.outcome}::")
    assert all(line.startswith(("::error title=", "::warning title=")) for line in rest)
    assert max(sum(line.startswith(f"::{kind}") for line in [first, *rest]) for kind in ("error", "warning")) <= 10


SENTENCES = [
    (
        a_check(REGRESSED),
        "accuracy at 64 fell by 5.0 points (60.0 % → 55.0 %), 3.0 points worse at least; 2 points let through.",
    ),
    (
        a_check(PASS, worsening=-0.01, new=0.61),
        "accuracy at 64 rose by 1.0 points (60.0 % → 61.0 %), 1.5 points worse at most; 2 points let through.",
    ),
    (
        a_check(INCONCLUSIVE),
        "accuracy at 64 fell by 5.0 points (60.0 % → 55.0 %), but may be from 1.0 points better to 9.0 points worse; "
        "2 points let through. About 1,300 problems instead of 200 would decide 4 times in 5, were the truth what was "
        "measured (regressed).",
    ),
    (
        a_check(INCONCLUSIVE, needed=Needed(None, None, INCONCLUSIVE), worsening=0.02, new=0.58),
        "accuracy at 64 fell by 2.0 points (60.0 % → 58.0 %), but may be from 1.0 points better to 9.0 points worse; "
        "2 points let through. So near to what is let through, no number of problems would decide.",
    ),
    (
        a_check(REGRESSED, measure="usd", unit="%", worsening=0.5, base=0.002, new=0.003, least=0.3, tolerance=0.2),
        "dollars at 64 rose by 50.0 % (0.002 → 0.003), 30.0 % worse at least; 20 % let through.",
    ),
    (
        a_check(
            REGRESSED,
            measure="thinking_tokens_to(0.6)",
            unit="%",
            scope="curve",
            worsening=None,
            least=None,
            most=None,
            new=None,
            base=300.0,
            why="new does not reach 60 %",
        ),
        "thinking tokens for 60 % accuracy: new does not reach 60 %.",
    ),
    (
        a_check(
            INCONCLUSIVE, worsening=None, least=None, most=None, p=None, needed=None, why="usd of new is not known"
        ),
        "accuracy at 64: usd of new is not known.",
    ),
    (
        a_check(REGRESSED, measure="any", scope="curve", least=None, p=0.0004),
        "the curve is worse (p < .001), most at 64, by 5.0 points.",
    ),
    (
        a_check(PASS, measure="any", scope="curve", least=None, p=0.4, tolerance=0.05),
        "no loss seen anywhere on the curve (p = .400), and none of more than 1.5 points at any budget.",
    ),
    (
        a_check(INCONCLUSIVE, measure="any", scope="curve", least=None, p=0.4, tolerance=0.05, needed=None),
        "no loss seen on the curve (p = .400), but 9.0 points at some budget cannot be ruled out; 5 points have to be.",
    ),
]


@pytest.mark.parametrize(("check", "words"), SENTENCES)
def test_a_check_in_words(check: Check, words: str) -> None:
    assert sentence(check) == words


def test_budgets_that_cannot_be_decided_are_told_together() -> None:
    found = told(of(INCONCLUSIVE, REGRESSED, INCONCLUSIVE))
    assert [(outcome, name) for outcome, name, _ in found] == [
        (REGRESSED, "accuracy:2pp at 128"),
        (INCONCLUSIVE, "accuracy:2pp"),
    ]
    assert "accuracy at 64, 256 cannot be told to be within 2 points: at 64 new may be 9.0 points worse" in found[1][2]
    assert headline(of(REGRESSED, PASS)) == "1 of 2 checks got worse by more than is let through"


def test_notes_are_annotated() -> None:
    lines = list(annotations_of(of(PASS)))
    assert lines[1:] == ["::warning title=thinkcurve gate%3A to be known::a note"]


def test_every_suite_of_junit_has_its_own_outcome() -> None:
    checks = [a_check(PASS, task="one"), a_check(REGRESSED, task="two")]
    root = ET.fromstring(junit(decision(checks, 0.05)))
    said = [{p.get("name"): p.get("value") for p in suite.iter("property")} for suite in root.iter("testsuite")]
    assert [(facts["outcome"], facts["gate"]) for facts in said] == [("pass", "regressed"), ("regressed", "regressed")]
    assert [(s.get("tests"), s.get("failures")) for s in root.iter("testsuite")] == [("1", "0"), ("1", "1")]


def test_hostile_names_are_text_and_nothing_else_in_markdown() -> None:
    text = markdown(hostile())
    assert len(text) < 40_000
    html = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").render(text)
    tags = set(re.findall(r"<[/!]?([a-zA-Z0-9-]+)", html))
    assert tags <= {"h3", "p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td", "--"}
    assert html.count("<h3>") == 1
    assert "href" not in html
    rows = [line for line in text.splitlines() if line.startswith("| ✅") or line.startswith("| ❌")]
    assert {row.count("|") for row in rows} == {8}
    assert not set("\u202e\u2066\x00\x1b\x85") & set(text)
    assert "@" not in text  # nor does GitHub look for people in code
    assert "://" not in text
    assert all("everyone" not in part for part in re.sub(r"<code>.*?</code>", "", html).split("\n"))


def test_hostile_names_are_text_in_junit() -> None:
    root = ET.fromstring(junit(hostile()))
    assert len(root.findall(".//testcase")) == len(HOSTILE)
    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "error",
        "system-out",
    }
    assert any("<script>" in (case.get("name") or "") for case in root.iter("testcase"))


def test_hostile_names_start_no_command() -> None:
    lines = list(annotations_of(hostile()))
    assert all(re.match(r"::(error|warning|notice) title=[^:,\r\n]*::[^\r\n]*$", line) for line in lines)
    assert all(len(line) < 4000 for line in lines)
