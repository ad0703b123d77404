"""The section ``parallel``: what k samples are worth, as JSON and at 80 columns."""

import io

import msgspec
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.parallel.measures import Measures, measures_of
from thinkcurve.cli.sections.parallel import lines, shown


def attempts(
    n_problems: int = 12,
    n_samples: int = 8,
    budgets: tuple[int | None, ...] = (64, 1024, None),
    *,
    rung: str = "number/boxed",
    share: float | None = None,
    **columns: object,
) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for p in range(n_problems):
        for b, budget in enumerate(budgets):
            for s in range(n_samples):
                is_right = rng.random() < ((p + b) / (n_problems + len(budgets)) if share is None else share)
                said = "7" if is_right else str(rng.integers(8, 11))
                row = {"model": "m", "task": "t", "control": "truncate", "problem": f"p{p}", "group": None}
                row |= {"budget": budget, "sample": s, "rung": rung, "extracted": said}
                rows.append(row | {"verdict": "correct" if is_right else "incorrect"} | columns)
    return pd.DataFrame(rows)


def parallel(table: pd.DataFrame) -> Measures:
    return measures_of(grids_of(table)[0])


def text(found: Measures) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False)
    for line in lines(found):
        console.print(line)
    return out.getvalue()


def test_every_k_of_every_budget_is_in_the_json() -> None:
    found = msgspec.json.decode(msgspec.json.encode(parallel(attempts())))
    assert [at["budget"] for at in found["budgets"]] == [64, 1024, None]
    for at in found["budgets"]:
        assert list(at["chances"]) == ["pass@k", "pass^k", "maj@k"]
        for by_k in at["chances"].values():
            assert list(by_k) == [str(k) for k in range(1, 9)]
            assert all(c["ci_low"] <= c["value"] <= c["ci_high"] for c in by_k.values())


def test_all_measures_of_one_sample_are_the_accuracy() -> None:
    table = attempts(reward=1.0)
    accuracy = grids_of(table)[0].means.mean(axis=0)
    for at, mean in zip(parallel(table).budgets, accuracy, strict=True):
        assert len(at.chances) == 5
        assert [by_k["1"].value for by_k in at.chances.values()] == pytest.approx([mean] * 5)


def test_tables_fit_80_columns_however_many_samples() -> None:
    printed = text(parallel(attempts(n_samples=100, budgets=(1_000_000, None), share=1.0, mean_logprob=-0.5)))
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    for name in ("pass@k", "pass^k", "maj@k", "best-of-k by mean_logprob", "vote by mean_logprob"):
        assert f"{name}, %" in printed
    assert "random subsets" in printed


def test_what_is_sure_still_has_a_width() -> None:
    chance = parallel(attempts(n_problems=20, share=1.0)).budgets[0].chances["pass@k"]["4"]
    assert (chance.value, chance.ci_high) == (1, 1)
    assert chance.ci_low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)  # Wilson, all of 20 right


def test_rounding_is_no_spread() -> None:
    # every subset of 64 elects the correct answer, by a sum of binomials that comes to 1 but for rounding
    table = attempts(n_problems=6, n_samples=64, budgets=(64,), share=0.95)
    chance = parallel(table).budgets[0].chances["maj@k"]["64"]
    assert (chance.value, chance.ci_high) == (1, 1)
    assert chance.ci_low is not None
    assert chance.ci_low < 0.7


def test_one_sample_is_said_in_a_line() -> None:
    printed = text(parallel(attempts(n_samples=1)))
    assert "one sample of each problem" in " ".join(printed.split())
    assert "pass@k" not in printed


def test_one_problem_has_no_interval() -> None:
    found = parallel(attempts(n_problems=1, n_samples=3))
    assert all(c.ci_low is None for at in found.budgets for by_k in at.chances.values() for c in by_k.values())
    assert "nan" not in text(found)


def test_programs_have_no_vote_and_it_is_said() -> None:
    found = parallel(attempts(rung="sandbox/fence"))
    for at in found.budgets:
        assert at.chances["maj@k"] == {"1": at.chances["pass@k"]["1"]}
    printed = " ".join(text(found).split())
    assert "maj@k is not known beyond k = 1, where it is the accuracy" in printed
    assert "maj@k, %" not in printed


def test_a_score_that_misses_somewhere_is_not_known_there() -> None:
    table = attempts(reward=1.0)
    table.loc[0, "reward"] = np.nan
    found = parallel(table)
    assert ["best-of-k by reward" in at.chances for at in found.budgets] == [False, True, True]
    assert "best-of-k by reward is not known at 64" in text(found)


def test_a_score_of_ones_own_is_asked_by_name() -> None:
    grid = grids_of(attempts(mine=1.0))[0]
    assert "best-of-k by mine" in measures_of(grid, scores=["mine"]).budgets[0].chances
    with pytest.raises(KeyError, match="yours"):
        measures_of(grid, scores=["yours"])


def test_samples_that_failures_took_end_k_at_their_budget() -> None:
    table = attempts(n_samples=4)
    found = parallel(table[~((table["problem"] == "p0") & (table["budget"] == 64) & (table["sample"] > 1))])
    assert [at.n_samples for at in found.budgets] == [2, 4, 4]
    assert list(found.budgets[0].chances["maj@k"]) == ["1", "2"]
    printed = text(found)
    assert "no more than 2 samples" in " ".join(printed.split())


def test_a_name_with_markup_is_printed_as_it_is() -> None:
    table = attempts(n_samples=2)
    table["task"] = "[red]t[/red]"
    assert "[red]t[/red]" in text(parallel(table))


@pytest.mark.parametrize(("n", "columns"), [(2, [1, 2]), (6, [1, 2, 4, 6]), (100, [1, 4, 8, 16, 32, 64, 100])])
def test_columns_are_powers_of_two_and_the_last(n: int, columns: list[int]) -> None:
    assert shown(n) == columns
