"""The section ``diagnostics``: what is said of thinking and answers, at 80 columns and in the JSON."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from analysis.simulated import a_run
from records import a_trace, an_attempt
from thinkcurve.analysis.behaviour.diagnostics import Diagnostics
from thinkcurve.budget import Ending
from thinkcurve.cli.sections.diagnostics import lines, results
from thinkcurve.problem import Verdict
from thinkcurve.run import Run
from thinkcurve.store import Attempt, Event, Records, Trace

MANIFEST = a_run("m", [0.5], budgets=[8]).manifest


def found_of(attempts: Sequence[Attempt], traces: Sequence[Trace] = ()) -> Diagnostics:
    records = Records()
    events: list[Event] = [*traces, *attempts]
    for event in events:
        records.add(event)
    (found,) = results([Run(Path("runs/one"), MANIFEST, records)])
    return found


def text(found: Diagnostics) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False)
    for line in lines(found):
        console.print(line)
    said = out.getvalue()
    assert max(map(len, said.splitlines())) <= 80
    assert "nan" not in said
    assert "\x1b" not in said
    return said


LADDER = [an_attempt(i, budget) for i in range(12) for budget in (8, 16, None)]


def test_no_word_of_doubt_has_an_upper_end_in_text_and_json() -> None:
    found = found_of(LADDER, [replace(a_trace(i), thinking_tokens=100) for i in range(12)])
    end = -1000 * math.log(0.025) / 1200
    assert f"self-correction: 0.00 [0.00 – {end:.2f}] per 1,000 tokens" in text(found)
    rate = msgspec.json.decode(msgspec.json.encode(found))["thinking"][0]["markers_per_1k"]
    assert rate == {"value": 0.0, "ci_low": 0.0, "ci_high": pytest.approx(end)}


def test_a_rate_of_one_problem_has_no_interval() -> None:
    found = found_of([an_attempt()], [replace(a_trace(text="Wait, no."), thinking_tokens=500)])
    assert "self-correction: 2.00 per 1,000 tokens" in text(found)


def test_a_run_without_traces_says_so() -> None:
    assert "thinking: no traces" in text(found_of(LADDER))


def test_thinking_whose_length_nobody_counted_has_no_rate() -> None:
    found = found_of(LADDER, [replace(a_trace(i, text="Wait."), thinking_tokens=None) for i in range(12)])
    assert "12 words; per 1,000 tokens unknown\n    (doubt 12, check 0, turn 0)\n" in text(found)


def test_levels_of_effort_have_their_names() -> None:
    rows = [
        replace(an_attempt(i, place), control="effort", effort=name) for i in range(3) for place, name in LEVELS.items()
    ]
    traces = [replace(a_trace(i), budget=place, effort=name) for i in range(3) for place, name in LEVELS.items()]
    found = found_of(rows, traces)
    assert [(thinking.budget, thinking.effort) for thinking in found.thinking] == [(2, "low"), (4, "high")]
    said = text(found)
    assert "thinking at low: 3 traces" in said
    assert " effort " in said
    assert " budget " not in said.splitlines()[2]


LEVELS = {2: "low", 4: "high"}


def test_nothing_of_what_can_go_wrong_breaks_it() -> None:
    for verdict in Verdict:
        text(found_of([an_attempt(0, 8, verdict)], [a_trace(0)]))
        text(found_of([replace(row, verdict=verdict, extracted=None) for row in LADDER]))
    cut = replace(
        a_trace(
            0,
            text="",
        ),
        ending=Ending.BUDGET,
        thinking_tokens=0,
        token_ids=(),
    )
    text(found_of([an_attempt(0, 0)], [cut]))
    text(found_of([*LADDER, *(an_attempt(i, 8, sample=1) for i in range(5))], [a_trace(99)]))


def test_hostile_names_are_printed_plainly() -> None:
    name = "m\x1b[2J\x1b]0;x\x07[red]"
    found = found_of(
        [replace(row, model=name, task=name) for row in LADDER], [replace(a_trace(0), model=name, task=name)]
    )
    assert "[red]" in text(found)
