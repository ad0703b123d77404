"""What a volume takes, against sums over the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from thinkcurve.analysis.allocation.demand import Demand, project, times
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.tariff import Tariff

NAN = np.nan


def grid_of(tokens: dict[str, list[float]], **columns: Any) -> Grid:
    """One budget; the generated tokens of each sample by problem."""
    cells = [(p, s, n) for p, own in tokens.items() for s, n in enumerate(own)]
    table = pd.DataFrame(
        {
            "model": "m",
            "task": "t",
            "control": "truncate",
            "problem": [p for p, *_ in cells],
            "sample": [s for _, s, _ in cells],
            "budget": pd.array([64] * len(cells), dtype="Int64"),
            "verdict": "correct",
            "generated_tokens": [n for *_, n in cells],
            "thinking_tokens": [n - 1 for *_, n in cells],
            "prompt_tokens": 100.0,
            "wall_s": 0.5,
            "usd": 0.002,
            **columns,
        }
    )
    (found,) = grids_of(table)
    return found


def one(tokens: dict[str, list[float]], volume: float = 1000, **more: Any) -> Demand:
    columns = {name: more.pop(name) for name in ("usd", "wall_s", "generated_tokens", "group") if name in more}
    (found,) = project(grid_of(tokens, **columns), volume=volume, n_resamples=100, **more)
    return found


def test_totals_are_means_over_attempts_times_the_volume() -> None:
    found = one({"a": [10, 30], "b": [50]})
    assert found.tokens_mean.value == 30
    assert found.generated_tokens.value == 30_000
    assert found.prompt_tokens.value == 100_000
    assert found.usd.value == pytest.approx(2.0)
    assert found.usd_source == "measured"
    assert found.wall_s.value == 500
    assert found.accelerator_s.value is None


def test_requests_that_ran_at_once_share_the_device() -> None:
    assert one({"a": [10]}, concurrency=4).accelerator_s.value == 125


def test_intervals_of_totals_hold_the_totals() -> None:
    found = one({str(i): [float(10 + i)] for i in range(20)})
    for total in (found.tokens_mean, found.generated_tokens, found.tokens_p50):
        assert total.value is not None
        assert total.ci_low is not None
        assert total.ci_high is not None
        assert total.ci_low <= total.value <= total.ci_high
    assert found.tokens_p95.ci_high is None  # of 20 attempts none tells what lies beyond the 95th percentile
    assert found.generated_tokens.ci_low == pytest.approx(1000 * (found.tokens_mean.ci_low or 0))


def test_a_price_that_is_unknown_stays_so() -> None:
    found = one({"a": [10], "b": [20]}, usd=[0.1, NAN])
    assert (found.usd.value, found.usd_source) == (None, "unknown")
    assert found.generated_tokens.value == 15_000


def test_a_tariff_prices_the_tokens() -> None:
    found = one({"a": [10], "b": [30]}, tariff=Tariff(input=2.0, output=5.0), usd=NAN)
    assert found.usd.value == pytest.approx(1000 * (100 * 2 + 20 * 5) / 1e6)
    assert found.usd_source == "tariff"


def test_a_tariff_without_a_price_is_unknown() -> None:
    assert one({"a": [10]}, tariff=Tariff(input=2.0)).usd_source == "unknown"


def test_unknown_tokens_leave_the_rest_known() -> None:
    found = one({"a": [10], "b": [30]}, generated_tokens=NAN)
    assert found.tokens_p50 == found.generated_tokens == Interval(None, None, None)
    assert found.wall_s.value == 500


def test_one_problem_has_no_interval() -> None:
    assert one({"a": [10, 20]}).tokens_mean == Interval(15, None, None)


@pytest.mark.parametrize("wrong", [{"volume": -1}, {"volume": NAN}, {"volume": 1, "concurrency": 0}])
def test_no_volume_and_no_concurrency_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        project(grid_of({"a": [10]}), **wrong)  # type: ignore[arg-type]


def test_a_table_without_prices_and_seconds_has_none() -> None:
    grid = grid_of({"a": [10]})
    bare = grids_of(grid.attempts.drop(columns=["usd", "wall_s", "prompt_tokens"]))[0]
    (found,) = project(bare, volume=10, n_resamples=10)
    assert found.usd.value is found.wall_s.value is found.prompt_tokens.value is None
    assert found.generated_tokens.value == 100


problems = st.lists(st.lists(st.integers(0, 30).map(float), min_size=1, max_size=4), min_size=1, max_size=5)


def test_times_keeps_what_is_unknown() -> None:
    assert times(Interval(2.0, 1.0, None), 3) == Interval(6.0, 3.0, None)
