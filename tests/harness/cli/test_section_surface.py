"""The section ``surface`` as a person reads it: in 80 columns, nothing unknown as a number."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.cli.sections.surface import SECTION

BUDGETS = (0, 512, 16_384, None)


def attempts(n_samples: int = 8, budgets: tuple[int | None, ...] = BUDGETS, **columns: object) -> pd.DataFrame:
    """Ten problems that are right more often at larger budgets."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for problem in range(10):
        for place, budget in enumerate(budgets):
            for sample in range(n_samples):
                is_right = rng.random() < 0.2 * (place + 1)
                spent = min(20_000 if budget is None else budget, 16_000)
                said = "1" if is_right else str(rng.integers(2, 5))
                costs = {"thinking_tokens": spent, "generated_tokens": spent + 20, "total_tokens": spent + 99}
                row = {"problem": f"p{problem}", "budget": budget, "sample": sample, "extracted": said}
                rows.append({**row, **costs, "verdict": "correct" if is_right else "incorrect"})
    known = {"model": "embedded", "task": "t", "control": "truncate", "rung": "number", "level": None, "group": None}
    unknown = dict.fromkeys(("flops", "wall_s", "joules", "usd"), np.nan)
    return pd.DataFrame(rows).assign(**known, **unknown).assign(**columns)


def printed(table: pd.DataFrame, **options: str) -> str:
    console = Console(width=80, file=io.StringIO(), highlight=False)
    for record in SECTION.results([SimpleNamespace(grids=grids_of(table))], **options):  # type: ignore[list-item]
        for line in SECTION.lines(record):
            console.print(line)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_it_shows_accuracy_by_budget_and_k_and_the_best_uses() -> None:
    text = printed(attempts())
    for words in ("pass@k, %", "maj@k, %", "k = 1      2      4", "sequential", "parallel", "mix", "held out +"):
        assert words in text
    assert "Best use of so many generated tokens a problem" in text  # no thinking costs no thinking tokens
    assert "none x " in text  # the natural end
    assert "nan" not in text.lower()
    assert "…" not in text


def test_where_every_cell_costs_thinking_the_allowance_is_of_thinking() -> None:
    assert "Best use of so many thinking tokens a problem" in printed(attempts(budgets=(64, 512)))


def test_one_sample_says_what_a_surface_needs() -> None:
    text = printed(attempts(n_samples=1))
    assert "a surface needs more than one sample of each problem" in text
    assert "pass@k" not in text


def test_unknown_costs_leave_the_allowance_unknown() -> None:
    unknown = dict.fromkeys(("thinking_tokens", "generated_tokens", "total_tokens"), np.nan)
    text = printed(attempts(**unknown))
    assert "is not known" in text
    assert "sequential  " not in text


def test_levels_of_effort_have_their_names() -> None:
    text = printed(attempts(budgets=(2, 4), control="effort"))
    assert "effort   k = 1" in text
    assert "high x " in text


def test_names_are_no_markup() -> None:
    assert "[red]x[/]" in printed(attempts(task="[red]x[/]", n_samples=2))


def test_holes_are_said() -> None:
    table = attempts(n_samples=3)
    holed = table[~((table["problem"] == "p0") & (table["budget"] == 512))]
    text = " ".join(printed(holed).split())
    assert "9 of 10 problems that have attempts at every budget" in text
    assert "the budgets rest on different problems: 10 at 0, 9 at 512, 10 at 16384, 10 at none" in text
    assert "different problems" not in printed(table)


def test_an_axis_that_is_asked_for_is_the_one_of_the_allowances() -> None:
    table = attempts(wall_s=lambda of: of["generated_tokens"] / 50)
    assert "Best use of so many seconds a problem" in printed(table, axis="wall_s")
    assert "its dollars are not known at every budget" in " ".join(printed(table, axis="usd").split())


def test_what_pays_for_no_full_sample_has_no_parallel() -> None:
    text = printed(attempts(n_samples=2, budgets=(1024, 16_384)))
    row = next(line.split() for line in text.splitlines() if line.split()[:1] == ["1,024"])
    assert row == ["1,024", "1024", "x", "1", "–", "1024", "x", "1", "–"]


@pytest.mark.parametrize("n_samples", [2, 3, 64])
def test_every_line_fits(n_samples: int) -> None:
    text = printed(attempts(n_samples=n_samples, budgets=(1024, 16_384)))
    assert max(map(len, text.splitlines())) <= 80
    (head,) = {line.split()[-1] for line in text.splitlines() if "k = 1" in line}
    assert head == str(n_samples)
