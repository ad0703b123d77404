"""The best use of an allowance, against choices made one at a time in exact fractions, and on made problems whose
truth is known."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkcurve.analysis.basis.resample import draws
from thinkcurve.analysis.parallel.allowance import STRATEGIES, BestUse, Scored, allowances_of, best_uses
from thinkcurve.analysis.parallel.estimators import pass_at_k

AXIS = "thinking_tokens"


def scored(scores: object, prices: object, **more: object) -> Scored:
    """Problems with ``scores`` (P, B, K) and what one sample costs at each budget (B,)."""
    values = np.array(scores, dtype=float)
    return Scored(values, np.arange(1, values.shape[2] + 1), {AXIS: np.array(prices, dtype=float)}, **more)  # type: ignore[arg-type]


def only_use(of: Scored, **more: int) -> BestUse:
    (use,) = best_uses(of, **{"n_resamples": 40, "n_splits": 4, **more})
    return use


def by_hand(of: Scored, allowance: float, strategy: str, weights: np.ndarray | None = None) -> Fraction | None:
    """The accuracy of the best cell that fits, cell by cell."""
    times = [1] * len(of.scores) if weights is None else [int(w) for w in weights]
    n_budgets, n_ks = of.scores.shape[1:]
    best = None
    for b, i in product(range(n_budgets), range(n_ks)):
        is_full = b == n_budgets - 1
        if (strategy == "sequential" and i) or (strategy == "parallel" and not is_full):
            continue
        is_dear = int(of.ks[i]) * Fraction(float(of.prices[AXIS][b])) > Fraction(allowance)
        if is_dear or np.isnan(of.scores[:, b, i]).any():
            continue
        total = sum(t * Fraction(float(x)) for t, x in zip(times, of.scores[:, b, i], strict=True))
        best = max(best, total / sum(times)) if best is not None else total / sum(times)
    return best


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n=st.integers(1, 5), n_budgets=st.integers(1, 3), n_ks=st.integers(1, 4))
def test_the_best_cells_are_those_of_a_search_by_hand(data: st.DataObject, n: int, n_budgets: int, n_ks: int) -> None:
    eighths = st.integers(0, 8).map(lambda i: i / 8)
    rows = data.draw(st.lists(eighths, min_size=n * n_budgets * n_ks, max_size=n * n_budgets * n_ks))
    prices = data.draw(st.lists(st.integers(0, 40), min_size=n_budgets, max_size=n_budgets))
    deepest = data.draw(st.lists(st.integers(1, n_ks), min_size=n_budgets, max_size=n_budgets))
    scores = np.array(rows).reshape(n, n_budgets, n_ks)
    for b, deep in enumerate(deepest):
        scores[:, b, deep:] = np.nan
    of = scored(scores, prices)
    use = only_use(of)
    for a, allowance in enumerate(use.allowances):
        for place, strategy in enumerate(STRATEGIES):
            expected = by_hand(of, float(allowance), strategy)
            b, i = use.cells[a, place]
            if expected is None:
                assert (b, i) == (-1, -1)
                assert np.isnan(use.best.value[a, place])
            else:
                assert use.best.value[a, place] == pytest.approx(float(expected))
                assert of.scores[:, b, i].mean() == pytest.approx(float(expected))
        assert use.has_choice[a] == any(
            k > 1 and k * prices[b] <= allowance for b in range(n_budgets) for k in range(1, deepest[b] + 1)
        )


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n=st.integers(1, 5), n_budgets=st.integers(1, 3), n_ks=st.integers(1, 4))
def test_what_fits_a_resample_is_by_its_own_prices(data: st.DataObject, n: int, n_budgets: int, n_ks: int) -> None:
    shape = (n, n_budgets)
    spent = np.array(data.draw(st.lists(st.integers(0, 40), min_size=n * n_budgets, max_size=n * n_budgets)))
    drawn = np.array(data.draw(st.lists(st.integers(1, 3), min_size=n * n_budgets, max_size=n * n_budgets)))
    weights = np.array([data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)) for _ in range(3)])
    weights[:, 0] += weights.sum(axis=1) == 0
    spent, drawn = spent.reshape(shape).astype(float), drawn.reshape(shape).astype(float)
    of = scored(np.zeros((*shape, n_ks)), spent.sum(axis=0) / drawn.sum(axis=0), spent={AXIS: spent}, drawn=drawn)
    allowances = np.array([1.0, 8.0, 64.0])
    found = of.n_fit(AXIS, allowances, weights.astype(float))
    for r, a, b in product(range(3), range(3), range(n_budgets)):
        total, many = Fraction(int(weights[r] @ spent[:, b])), int(weights[r] @ drawn[:, b])
        assert found[r, a, b] == sum(int(k) * total / many <= int(allowances[a]) for k in of.ks)


def test_each_resample_makes_its_own_choice_at_the_same_prices() -> None:
    rng = np.random.default_rng(3)
    of = scored(rng.random((7, 3, 4)), rng.integers(1, 60, size=3))
    use = only_use(of, n_resamples=30)
    (weights,) = draws(7, n_resamples=30)
    for a, allowance in enumerate(use.allowances):
        for place, strategy in enumerate(STRATEGIES):
            found = [by_hand(of, float(allowance), strategy, row) for row in weights]
            if found[0] is None:
                assert np.isnan(use.best.se[a, place])
                continue
            assert use.best.se[a, place] == pytest.approx(np.std([float(x or 0) for x in found], ddof=1))
    assert len({by_hand(of, float(use.allowances[-1]), "mix", row) for row in weights}) > 10


def test_of_equal_cells_the_cheapest_is_taken() -> None:
    use = only_use(scored([[[0.5, 0.5], [0.5, 0.75]]], [8, 2]))
    assert use.allowances.tolist() == [2, 4, 8, 16]
    assert use.cells[:, 0].tolist() == [[1, 0]] * 4
    assert use.cells[:, 2].tolist() == [[1, 0], [1, 1], [1, 1], [1, 1]]


def test_parallel_is_full_samples_only_and_nothing_where_none_is_paid_for() -> None:
    use = only_use(scored([[[0.25, 0.9], [0.5, 0.75]]], [4, 16]))
    assert use.allowances.tolist() == [4, 8, 16, 32]
    assert use.cells[:, 1].tolist() == [[-1, -1], [-1, -1], [1, 0], [1, 1]]
    assert np.isnan(use.best.value[:, 1]).tolist() == [True, True, False, False]
    assert use.cells[:, 2].tolist() == [[0, 0], [0, 1], [0, 1], [0, 1]]


def test_one_sample_only_leaves_the_mix_no_choice() -> None:
    use = only_use(scored([[[0.25, 0.9], [0.5, 0.75]]], [4, 6]))
    assert use.allowances.tolist() == [4, 8, 16]
    assert use.has_choice.tolist() == [False, True, True]


def test_allowances_are_powers_of_two_around_all_cells() -> None:
    assert allowances_of(np.array([[5.0, 10], [30, 60]])).tolist() == [8, 16, 32, 64]
    assert allowances_of(np.array([0.0, 8, 64])).tolist() == [8, 16, 32, 64]
    assert allowances_of(np.array([0.3])).tolist() == [0.5]
    assert allowances_of(np.array([1.0, np.nan])).size == 0
    assert allowances_of(np.array([0.0, 0.0])).size == 0


def test_what_costs_nothing_fits_every_allowance() -> None:
    use = only_use(scored([[[0.25, 0.8], [0.75, 0.75]]], [0, 100]))
    assert use.cells[0, 2].tolist() == [0, 1]


def test_an_unknown_cost_leaves_the_other_axes_as_they_are() -> None:
    of = scored([[[0.5, 0.6]], [[0.5, 0.7]]], [4])
    both = Scored(of.scores, of.ks, {"usd": np.array([np.nan]), **of.prices})
    unknown, known = best_uses(both, n_resamples=20, n_splits=2)
    assert unknown.allowances.size == 0
    assert known.allowances.tolist() == [4, 8]
    (nothing,) = best_uses(Scored(of.scores, of.ks, {"usd": np.array([np.nan])}))
    assert nothing.allowances.size == nothing.held_out.size == 0


def test_held_out_figures_do_not_flatter_a_choice_among_equals() -> None:
    rng = np.random.default_rng(11)
    flattered, honest = [], []
    for seed in range(30):  # 40 cells, all truly .5 right
        of = scored(rng.integers(0, 2, size=(40, 10, 4)), [4] * 10)
        use = only_use(of, n_resamples=2, n_splits=20, seed=seed)
        flattered.append(use.best.value[-1, 2])
        honest.append(use.held_out[-1, 2])
    assert np.mean(flattered) > 0.6
    assert np.mean(honest) == pytest.approx(0.5, abs=0.025)  # one standard error: .08/sqrt(30) = .015


def test_a_gain_that_is_there_is_found_held_out_too() -> None:
    use = only_use(scored(np.tile([[[0.25, 0.75]]], (20, 1, 1)), [4]))
    assert use.gain.value[-1] == pytest.approx(0.5)
    assert use.held_out_gain[-1] == pytest.approx(0.5)


def test_a_group_is_never_in_both_halves() -> None:
    # one group is always right with one sample, the other with two: whoever chooses is wrong on the other half
    scores = [[[1.0, 0.0]]] * 3 + [[[0.0, 1.0]]] * 3
    grouped = only_use(scored(scores, [4], groups=np.array([0] * 3 + [1] * 3)))
    assert grouped.held_out[-1, 2] == 0
    assert only_use(scored(scores, [4]), n_splits=50).held_out[-1, 2] > 0.1


def test_one_problem_cannot_be_halved() -> None:
    use = only_use(scored([[[0.5, 0.75]]], [4]))
    assert np.isnan(use.held_out).all()
    assert np.isnan(use.held_out_gain).all()


def test_the_same_seed_gives_the_same_figures() -> None:
    of = scored(np.random.default_rng(0).random((9, 2, 3)), [4, 4])
    one, same, other = only_use(of), only_use(of), only_use(of, seed=1)
    assert one.best.low.tolist() == same.best.low.tolist()
    assert one.held_out.tolist() == same.held_out.tolist()
    assert one.held_out.tolist() != other.held_out.tolist()


def chances(rng: np.random.Generator, n: int) -> np.ndarray:
    """How likely each of ``n`` problems is to be solved at three budgets, of shape (n, 3)."""
    return 1 / (1 + np.exp(-rng.normal(scale=1.5, size=(n, 1)) - np.array([-0.4, 0.0, 0.6])))


@pytest.mark.slow
def test_held_out_figures_err_low_by_little() -> None:
    ks, costs, allowances = np.arange(1, 5), np.array([100.0, 200, 400]), [128, 256, 512, 1024, 2048]
    true = np.stack([1 - (1 - chances(np.random.default_rng(99), 400_000)) ** k for k in ks], axis=2).mean(axis=0)
    best = np.array([true[costs[:, None] * ks <= allowance].max() for allowance in allowances])
    studies = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        use = only_use(scored(pass_at_k(rng.binomial(4, chances(rng, 100)), 4, ks), costs), n_resamples=2)
        assert use.allowances.tolist() == allowances
        studies.append([use.best.value[:, 2] - best, use.held_out[:, 2] - best])
    flattered, held_out = np.mean(studies, axis=0)
    assert (flattered > -0.005).all()
    assert (held_out > -0.025).all()
    assert (held_out < 0.005).all()
