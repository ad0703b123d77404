"""Strata: what is counted where, fifths that do not regress to the mean, and partial pooling."""

import numpy as np
import pytest
from scipy.special import betainc, betaln

from strata_grids import a_grid
from thinkcurve.analysis.basis.grid import MISSING, NO_ANSWER, Grid
from thinkcurve.analysis.items.difficulty import difficulty_of, fifths
from thinkcurve.analysis.items.pooling import pooled
from thinkcurve.analysis.items.strata import Strata, strata_of


def by(kind: str, found: list[Strata]) -> Strata:
    return next(strata for strata in found if strata.by == kind)


def drawn(chances: np.ndarray, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Verdicts (P, B, S) with these chances (P, B)."""
    return (rng.random((*chances.shape, n_samples)) < chances[..., None]).astype(int)


def test_a_level_is_the_mean_over_its_problems_of_the_mean_over_samples() -> None:
    verdicts = np.array([[[1, 1, 0, 0]], [[1, MISSING, MISSING, MISSING]], [[0, 0, NO_ANSWER, 1]]])
    levels = by("level", strata_of(a_grid(verdicts, level=np.array([1, 1, 2], dtype=object))))
    first, second = (stratum.cells[0] for stratum in levels.strata)
    assert first is not None
    assert second is not None
    assert (first.accuracy.value, first.n_problems, first.n_attempts) == (0.75, 2, 5)
    assert first.se == pytest.approx(0.25)  # of 0.5 and 1: sd sqrt(1/8) by sqrt(2)
    assert (second.accuracy.value, second.se, second.pooled.value) == (0.25, None, None)


def test_levels_are_in_order_of_their_numbers_and_groups_of_their_names() -> None:
    verdicts = np.ones((4, 1, 1), dtype=int)
    groups = np.array(["b", "a", None, "b"], dtype=object)
    found = strata_of(a_grid(verdicts, level=np.array([10, 9.0, 2, np.nan]), group=groups))
    assert [s.name for s in by("level", found).strata] == ["2", "9", "10"]
    assert [(s.name, s.n_problems) for s in by("group", found).strata] == [("a", 1), ("b", 2)]
    assert [by(kind, found).n_unplaced for kind in ("level", "group")] == [1, 1]


def test_without_levels_and_groups_there_is_only_difficulty() -> None:
    assert [strata.by for strata in strata_of(a_grid(np.ones((12, 1, 2), dtype=int)))] == ["difficulty"]


def test_one_sample_of_one_model_says_that_it_is_not_possible() -> None:
    (found,) = strata_of(a_grid(np.ones((50, 3, 1), dtype=int)))
    assert found.strata == ()
    assert found.reason is not None
    assert "not possible" in found.reason


def test_a_budget_where_all_failed_has_empty_cells() -> None:
    verdicts = np.ones((20, 2, 2), dtype=int)
    verdicts[:10, 0] = MISSING
    levels = np.array([1] * 10 + [2] * 10, dtype=object)
    found = by("level", strata_of(a_grid(verdicts, level=levels)))
    assert [stratum.cells[0] is None for stratum in found.strata] == [True, False]


def test_ties_at_a_border_are_shared_and_fifths_are_of_one_size() -> None:
    shares = fifths(np.array([0, 0, 0, 1, 1, 1, 1, np.nan, 1, 1, 1]))
    assert shares.sum(axis=0) == pytest.approx(np.full(5, 2.0))
    assert shares[0] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0])
    assert shares[3] == pytest.approx([0, 1 / 7, 2 / 7, 2 / 7, 2 / 7])
    assert shares[7].sum() == 0


def test_a_sample_has_no_part_in_its_own_fifth() -> None:
    rng = np.random.default_rng(1)
    verdicts = drawn(rng.random((40, 3)), 4, rng)
    before = difficulty_of(a_grid(verdicts))
    verdicts[7, :, 2] = 1 - verdicts[7, :, 2]
    after = difficulty_of(a_grid(verdicts))
    assert before is not None
    assert after is not None
    assert (before.membership[7, 2] == after.membership[7, 2]).all()
    assert (before.membership[7, 0] != after.membership[7, 0]).any()


def _fifth_means(grid: Grid) -> np.ndarray:
    cells = [stratum.cells[0] for stratum in by("difficulty", strata_of(grid)).strata]
    return np.array([cell.accuracy.value for cell in cells if cell is not None])


def test_naive_fifths_are_biased_and_cross_fitted_ones_are_not() -> None:
    rng = np.random.default_rng(2)
    n_studies, n_problems, n_samples = 50, 100, 4
    ours, naive, truth = (np.zeros((n_studies, 5)) for _ in range(3))
    for study in range(n_studies):
        chances = rng.beta(2, 2, size=(n_problems, 1))
        verdicts = drawn(chances, n_samples, rng)
        grid = a_grid(verdicts)
        found = difficulty_of(grid)
        assert found is not None
        ours[study] = _fifth_means(grid)
        weights = found.membership.sum(axis=1)
        truth[study] = weights.T @ chances[:, 0] / weights.sum(axis=0)  # of the problems that lie there
        own = fifths(verdicts[:, 0].mean(axis=1))
        naive[study] = own.T @ verdicts[:, 0].mean(axis=1) / own.sum(axis=0) - own.T @ chances[:, 0] / own.sum(axis=0)
    # the samples that were left out are not told apart from those that decided, so the truth is that of the problems
    assert np.abs(naive.mean(axis=0)[[0, 4]]).min() > 0.1
    spread = (ours - truth).std(axis=0, ddof=1) / np.sqrt(n_studies)
    assert (np.abs((ours - truth).mean(axis=0)) < 4 * spread + 0.002).all()


def test_with_no_differences_cross_fitted_fifths_are_all_the_same() -> None:
    rng = np.random.default_rng(3)
    found = np.array([_fifth_means(a_grid(drawn(np.full((200, 1), 0.5), 2, rng))) for _ in range(40)])
    assert np.abs(found.mean(axis=0) - 0.5).max() < 4 * 0.5 / np.sqrt(40 * 80)


def test_with_one_sample_other_models_tell_the_difficulty() -> None:
    rng = np.random.default_rng(4)
    chances = np.repeat(np.linspace(0.05, 0.95, 100)[:, None], 4, axis=1)
    mine, theirs = drawn(chances, 1, rng), drawn(chances, 1, rng)
    others = [a_grid(theirs, model="other"), a_grid(mine)]  # the model itself is no other
    found = by("difficulty", strata_of(a_grid(mine), others))
    assert found.source == "models"
    means = [stratum.cells[0].accuracy.value for stratum in found.strata if stratum.cells[0] is not None]
    assert means[0] < 0.35
    assert means[4] > 0.65


def test_other_tasks_and_the_model_itself_do_not_tell() -> None:
    grid = a_grid(np.ones((30, 1, 1), dtype=int))
    assert difficulty_of(grid, [grid]) is None


def brute_pooled(right: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and the share below each mean, summed over a finer grid of the same prior."""
    m, s = np.meshgrid((np.arange(300) + 0.5) / 300, (np.arange(300) + 0.5) / 300)
    a, b = (m / s**2).ravel(), ((1 - m) / s**2).ravel()
    logs = sum(betaln(a + r, b + k - r) - betaln(a, b) for r, k in zip(right, n, strict=True))
    share = np.exp(logs - logs.max())
    share /= share.sum()
    means = np.array([(share * (a + r) / (a + b + k)).sum() for r, k in zip(right, n, strict=True)])
    found = pooled(right, n)
    assert found is not None
    ends = zip(right, n, found.low, found.high, strict=True)
    inside = [
        (share * (betainc(a + r, b + k - r, high) - betainc(a + r, b + k - r, low))).sum() for r, k, low, high in ends
    ]
    return means, np.array(inside)


@pytest.mark.parametrize(
    ("right", "n"),
    [
        ([1, 4, 9], [10, 10, 10]),
        ([0, 0, 0, 0], [3, 5, 4, 9]),
        ([20, 1, 150], [20, 2, 300]),
        ([2.5, 1, 7.5], [5, 3, 10]),
    ],
)
def test_pooling_agrees_with_a_finer_sum(right: list[float], n: list[float]) -> None:
    found = pooled(np.array(right), np.array(n))
    assert found is not None
    means, inside = brute_pooled(np.array(right, dtype=float), np.array(n, dtype=float))
    assert found.mean == pytest.approx(means, abs=0.005)
    ends_open = (found.low > 0) & (found.high < 1)  # an interval that reaches 0 or 1 leaves nothing out there
    assert inside == pytest.approx(np.where(ends_open, 0.95, 0.975), abs=0.015)


def test_the_smaller_stratum_is_drawn_further() -> None:
    found = pooled(np.array([50.0, 60.0, 2.0, 55.0]), np.array([100.0, 100.0, 2.0, 100.0]))
    assert found is not None
    assert found.weight[2] < found.weight[0]
    assert found.mean[2] < 0.8
    assert found.mean[1] == pytest.approx(0.6, abs=0.03)


def test_two_strata_are_not_pooled_and_an_empty_one_has_no_figure() -> None:
    assert pooled(np.array([1.0, 2, 0]), np.array([3.0, 3, 0])) is None
    found = pooled(np.array([1.0, 2, 0, 3]), np.array([3.0, 3, 0, 4]))
    assert found is not None
    assert np.isnan(found.mean).tolist() == [False, False, True, False]


def test_pooling_errs_less_than_the_raw_means() -> None:
    rng = np.random.default_rng(5)
    raw = drawn_in = covered = 0.0
    for _ in range(60):
        chances = rng.beta(6, 4, size=8)
        n = rng.integers(3, 30, size=8).astype(float)
        right = rng.binomial(n.astype(int), chances).astype(float)
        found = pooled(right, n)
        assert found is not None
        raw += float(((right / n - chances) ** 2).sum())
        drawn_in += float(((found.mean - chances) ** 2).sum())
        covered += float(((found.low <= chances) & (chances <= found.high)).mean()) / 60
    assert drawn_in < 0.8 * raw
    assert 0.92 < covered < 0.98


def test_a_fifth_whose_problems_are_worth_less_than_two_is_not_pooled() -> None:
    from thinkcurve.analysis.items.parts import Parts
    from thinkcurve.analysis.items.strata import _cells

    mean, n = np.array([0.04, 0.5, 0.9, 1.0]), np.array([1.1, 8.0, 9.0, 1.0])
    ends = Parts(mean, np.full(4, 0.1), mean - 0.1, mean + 0.1, n)
    thin, some, more, alone = _cells(ends, np.array([12.0, 12.0, 12.0, 1.0]), np.full(4, 48.0))
    assert all(cell is not None for cell in (thin, some, more, alone))
    assert [cell.pooled.value is None for cell in (thin, some, more, alone) if cell] == [True, False, False, False]
    assert [cell.n_effective for cell in (thin, some) if cell] == [1.1, 8.0]
