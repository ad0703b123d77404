"""Sections strata, items and diagnostics: they fit 80 columns, show no markup of users', and their JSON has no NaN."""

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from rich.console import Console

from records import a_trace, an_attempt
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.cli.sections import section
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, TaskRecord, Trace

NAMES = ("strata", "items", "diagnostics")
HOSTILE = "[bold red]m[/]\x1b[31m\nx"


def frame(rows: list[Any], kind: type[msgspec.Struct]) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in kind.__struct_fields__})


def a_run(attempts: list[Attempt], traces: list[Trace]) -> Any:
    """As much of a run as sections read."""
    manifest = SimpleNamespace(tasks=[TaskRecord("t", "1", 30, "f")])
    table = frame(attempts, Attempt)
    return SimpleNamespace(
        attempts=table,
        traces=frame(traces, Trace),
        manifest=manifest,
        questions=[],
        grids=grids_of(table) if len(table) else [],
    )


def drawn(n_problems: int, budgets: tuple[int | None, ...], n_samples: int, **more: Any) -> list[Attempt]:
    rng = np.random.default_rng(0)
    rows = []
    for index in range(n_problems):
        for sample in range(n_samples):
            for place, budget in enumerate(budgets):
                is_right = rng.random() < (place + 1) / (len(budgets) + 1)
                verdict = Verdict.CORRECT if is_right else Verdict(rng.choice(["incorrect", "no_answer", "unverified"]))
                rows.append(replace(an_attempt(index, budget, verdict, sample), rung="number/boxed", **more))
    return rows


def cases() -> Iterator[tuple[str, list[Any]]]:
    yield "one attempt", [a_run(drawn(1, (8,), 1), [])]
    yield "one sample", [a_run(drawn(30, (0, 8, None), 1), [a_trace(i) for i in range(30)])]
    yield "samples", [a_run([replace(row, level=row.index % 3) for row in drawn(30, (0, 8, 64), 4)], [])]
    ragged = [row for i, row in enumerate(drawn(25, (0, 8, 64), 3)) if i % 7]
    yield "ragged", [a_run(ragged, [replace(a_trace(1), text="", thinking_tokens=None)])]
    named = drawn(24, (0, 8, None), 2, model=HOSTILE, group=HOSTILE, extracted=HOSTILE)
    yield "hostile", [a_run(named, [replace(a_trace(i), model=HOSTILE, text=HOSTILE * 50) for i in range(3)])]
    effort = drawn(24, (0, 2, 4), 1, control="effort", thinking_source="unknown", thinking_tokens=None)
    yield "effort", [a_run(effort, [])]
    native = drawn(24, (256, 512, 1024, 2048, 4096, 8192, 16384, 32768), 2, control="native", thinking_tokens=None)
    yield "a long ladder", [a_run(native, [])]
    verdicts = (Verdict.CORRECT, Verdict.INCORRECT)
    yield "all the same", [a_run([replace(row, verdict=v) for row in drawn(24, (0, 8), 2)], []) for v in verdicts]
    contests = [replace(row, level=row.index % 2, group=f"contest {row.index % 13}") for row in drawn(40, (0, 8), 3)]
    yield "contests", [a_run(contests, []), a_run([replace(row, model="other") for row in contests], [])]
    two = [
        *drawn(24, (0, 8), 1),
        *drawn(24, (0, 8), 1, model="llamacpp:/a/long/folder/of/a/model-with-a-long-name.gguf"),
    ]
    yield "two models", [a_run(two, []), a_run(drawn(40, (0, 8, 64), 2), [])]


@pytest.mark.parametrize("runs", [pytest.param(runs, id=case) for case, runs in cases()])
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_run_is_printed(name: str, runs: list[Any]) -> None:
    made = section(name)
    results = made.results(runs)
    assert results
    text = msgspec.json.encode(results).decode()
    assert "NaN" not in text
    json.loads(text)
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False)
    for result in results:
        for line in made.lines(result):
            console.print(line)
    printed = out.getvalue()
    assert "nan" not in printed.lower()
    assert "\x1b" not in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_difficulty_is_said_to_be_impossible_with_one_sample_of_one_model() -> None:
    made = section("strata")
    (found,) = made.results([a_run(drawn(30, (0, 8), 1), [])])
    assert "not possible" in " ".join(map(str, made.lines(found)))


def test_models_of_another_version_of_a_task_do_not_tell_difficulty() -> None:
    mine = a_run(drawn(30, (0, 8), 1), [])
    other = a_run(drawn(30, (0, 8), 1, model="other"), [])
    made = section("strata")
    assert [found.source for found in made.results([mine, other])] == ["models", "models"]
    other.manifest.tasks[0] = TaskRecord("t", "2", 30, "f")
    assert [found.source for found in made.results([mine, other])] == [None, None]


def test_models_on_one_task_are_ranked_and_one_model_is_not() -> None:
    mine = a_run(drawn(30, (0, 8), 2), [])
    other = a_run(drawn(30, (0, 8, 64), 2, model="other"), [])
    made = section("items")
    assert len(made.results([mine])) == 1
    *_, ranking = made.results([mine, other])
    assert len(ranking.ranking) == 5
