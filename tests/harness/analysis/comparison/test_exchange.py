"""Area and ratio over compute: by hand, and simulated where hardly any problem differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Grid
from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.comparison.exchange import Area, Ratio, over_compute
from thinkcurve.analysis.comparison.sides import Side

LADDER = (16, 32, 64, 128, 256)
Floats = NDArray[np.float64]


def side_of(is_right: NDArray[np.bool_], tokens: Floats, budgets: tuple[int, ...] = LADDER) -> Side:
    """Answers of shape (P, B, S) and the tokens of each (P, B)."""
    rows = np.arange(is_right.size).reshape(is_right.shape)
    table = pd.DataFrame({"thinking_tokens": np.repeat(tokens[:, :, None], is_right.shape[2], axis=2).ravel()})
    names = tuple(f"p{i}" for i in range(len(is_right)))
    samples = tuple(range(is_right.shape[2]))
    grid = Grid("m", "t", "truncate", names, budgets, samples, is_right.astype(np.int8), rows, table)
    return Side(grid, np.ones(is_right.shape, dtype=bool))


def two_runs(rng: np.random.Generator, n: int, k: int, lost: float) -> tuple[Side, Side]:
    """Problems that need 8 to 256 tokens, then right 99 times in 100; new never solves some of them."""
    need = 2 ** rng.uniform(3, 8, n)
    p = np.where(np.array(LADDER) >= need[:, None], 0.99, 0.001)
    q = np.where(rng.random(n)[:, None] < lost, 0.0, p)
    tokens = np.minimum(np.array(LADDER, dtype=float), need[:, None] * 1.2)
    draws = (rng.random((n, len(LADDER), k)) < chance[:, :, None] for chance in (p, q))
    return side_of(next(draws), tokens), side_of(next(draws), tokens)


def test_area_and_ratio_by_hand() -> None:
    # new has .5 at 32 tokens and 1 at 128 where base has .25 and .75: a quarter more at any compute, as the lines are
    # parallel; base has .5 at 64 and .75 at 128, new at 32 and 64: half the compute
    answers = [[[1, 1], [0, 1], [0, 1], [0, 0]], [[1, 1], [1, 1], [0, 1], [0, 1]]]
    tokens = np.tile([32.0, 128.0], (4, 1))
    base, new = (side_of(np.array(rows, dtype=bool)[:, :, None], tokens, (32, 128)) for rows in answers)
    area, ratio = over_compute(base, new, "thinking_tokens", n_resamples=50)
    assert (area.value, area.compute_low, area.compute_high) == pytest.approx((0.25, 32, 128))
    assert (ratio.value, ratio.accuracy_low, ratio.accuracy_high) == pytest.approx((0.5, 0.5, 0.75))


def holds(found: Area | Ratio, true: float) -> bool:
    return found.ci_low is not None and found.ci_high is not None and found.ci_low <= true <= found.ci_high


@pytest.mark.slow  # the tables of docs/statistics.md have such worlds too
def test_intervals_hold_where_nearly_all_problems_are_alike() -> None:
    rng = np.random.default_rng(2)
    one_unit = np.zeros(100_000, dtype=int)  # the value alone: nothing to draw anew
    area, ratio = over_compute(*two_runs(rng, 100_000, 1, 0.02), "thinking_tokens", groups=one_unit)
    assert area.value is not None
    assert ratio.value is not None
    n_area = n_ratio = 0
    for seed in range(100):
        one = over_compute(*two_runs(rng, 60, 4, 0.02), "thinking_tokens", n_resamples=100, seed=seed)
        n_area += holds(one[0], area.value)
        n_ratio += holds(one[1], ratio.value)
    assert min(n_area, n_ratio) >= 92  # resamples alone hold it 68 times in 100


@pytest.mark.parametrize("n", [20, 60])
def test_where_nothing_changed_an_area_is_as_sure_as_a_mean_over_budgets(n: int) -> None:
    """One problem that changed altogether is one rule, at whatever accuracy the two stand."""
    right = np.arange(n)[:, None, None] % 4 < np.array([0, 1, 2, 2, 3])[:, None]
    side = side_of(right, np.tile(np.array(LADDER, dtype=float), (n, 1)))
    area, ratio = over_compute(side, side, "thinking_tokens", n_resamples=50)
    mean = paired_difference((side.means - side.means).mean(axis=1))
    assert (area.value, mean.difference, ratio.value) == (0, 0, pytest.approx(1))
    assert (area.ci_low, area.ci_high) == pytest.approx((mean.ci_low, mean.ci_high), rel=0.02)
    assert ratio.ci_low is not None
    assert ratio.ci_low < 0.95


def test_spread_out_differences_have_the_interval_of_resamples() -> None:
    """Where many problems differ one more that changed altogether adds nothing."""
    rng = np.random.default_rng(3)
    p = rng.beta(2, 3, (80, 1)) * np.linspace(0.3, 1, len(LADDER))
    tokens = np.tile(np.array(LADDER, dtype=float), (80, 1))
    base, new = (side_of(rng.random((80, len(LADDER), 2)) < chance[:, :, None], tokens) for chance in (p, p**0.8))
    area = over_compute(base, new, "thinking_tokens", n_resamples=400)[0]
    d = (new.means - base.means) @ np.array([0.125, 0.25, 0.25, 0.25, 0.125])  # equal steps of log2
    assert area.value == pytest.approx(d.mean())
    assert area.value is not None
    assert area.ci_low is not None
    assert area.value - area.ci_low == pytest.approx(2 * d.std(ddof=1) / np.sqrt(80), rel=0.15)


def test_one_problem_has_no_interval_and_two_stay_within_bounds() -> None:
    for n in (1, 2):
        rng = np.random.default_rng(n)
        area, ratio = over_compute(*two_runs(rng, n, 2, 0.0), "thinking_tokens", n_resamples=50)
        assert (area.ci_low is None) == (n == 1)
        assert n == 1 or -1 <= (area.ci_low or 0) <= (area.ci_high or 0) <= 1
        assert n == 2 or ratio.ci_low is None
