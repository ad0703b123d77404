"""The cross-validated frontier of a router, against loops over all there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.allocation.menus import NAN, menu, noisy
from thinkcurve.analysis.allocation import cascades as cascades_module
from thinkcurve.analysis.allocation import router as router_module
from thinkcurve.analysis.allocation.cascades import Cascade, cascades_of, run_cascade
from thinkcurve.analysis.allocation.choosers import ByCascade, ByLevel
from thinkcurve.analysis.allocation.menu import Menu, menu_of
from thinkcurve.analysis.allocation.router import folds, route
from thinkcurve.analysis.basis.interval import Interval


@given(st.integers(2, 30), st.integers(2, 5), st.booleans())
def test_every_problem_is_held_out_once_a_repeat_with_its_group(n: int, n_folds: int, has_groups: bool) -> None:
    groups = np.arange(n) // 3 if has_groups else None
    masks = list(folds(n, groups, n_folds=n_folds, n_repeats=2, seed=1))
    assert len(masks) == 2 * n_folds
    assert (np.sum(masks[:n_folds], axis=0) == 1).all()
    if groups is not None:
        for mask, group in itertools.product(masks, set(groups)):
            assert len(set(mask[groups == group])) == 1


def test_what_is_chosen_on_the_training_folds_is_the_best_of_all_cascades() -> None:
    found = menu_of([noisy(20)], signal="agreement", k=3)
    assert found is not None
    chooser = ByCascade(found)
    train = np.arange(20) < 12
    for price in (0.0, 1e-3, 1e-2):
        picked = chooser.picked(train, np.array([price]))
        assert picked.shape == (20, 1)
        (best,) = set(picked[:, 0].tolist())
        worths = []
        for cascade in cascades_of(found):
            value, cost = run_cascade(found, cascade)
            worths.append(value[train].mean() - price * cost[train].mean())
        assert worths[best] == pytest.approx(max(worths))
        assert chooser.value[:, best] == pytest.approx(run_cascade(found, chooser.cascades[best])[0])


def test_a_level_that_was_not_seen_gets_what_is_best_for_all() -> None:
    levels = np.array([1, 1, 2, 2, "hard"], dtype=object)
    value = [[1, 1], [1, 1], [0, 1], [0, 1], [0, 0]]
    chooser = ByLevel(menu(value, [[1, 10]] * 5, np.full((5, 2), NAN), levels=levels, signal_name="level"))
    assert chooser.names == ["1", "2", "hard"]
    picked = chooser.picked(np.arange(5) < 4, np.array([0.01]))
    assert picked[:, 0].tolist() == [0, 0, 1, 1, 1]


def test_levels_are_named_in_the_order_of_numbers() -> None:
    levels = np.array([10, 9.0, None, 2], dtype=object)
    chooser = ByLevel(menu([[1, 1]] * 4, [[1, 10]] * 4, np.full((4, 2), NAN), levels=levels, signal_name="level"))
    assert chooser.names == ["2", "9", "10", "none"]


def test_a_signal_that_tells_all_is_better_than_the_same_for_all() -> None:
    rng = np.random.default_rng(0)
    is_easy = rng.random(200) < 0.5
    value = np.stack([is_easy, np.ones(200)], axis=1)
    router = route(menu(value, [[1, 10]] * 200, np.stack([is_easy, np.ones(200)], axis=1)), n_resamples=200)
    assert router is not None
    assert router.is_better
    best = max(router.points, key=lambda point: point.accuracy.value or 0)
    assert best.accuracy.value == pytest.approx(1.0)
    assert best.cost.value == pytest.approx(1 + 10 * (1 - is_easy.mean()))
    assert best.cascade is not None
    assert best.cascade.steps == (0, 1)
    # a cascade pays its first step where that was in vain, which hindsight does not
    assert best.efficiency.value is not None
    assert 0 < best.efficiency.value < 1


def test_all_points_are_judged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    monkeypatch.setattr(router_module, "_is_above", lambda _, n, units: judged.append((n, units)) or n > 1)
    found = menu_of([noisy(20)], signal="agreement", k=3)
    assert found is not None
    router = route(found, n_resamples=20)
    assert router is not None
    assert len(router.points) > 1
    assert judged == [(len(router.points), 20)] * len(router.points)
    assert router.is_better


def test_one_of_many_gains_must_be_farther_above_nothing() -> None:
    """An end of 95 % at .01, .1 below the gain; for ten together t's 19 degrees of freedom ask for 1.52 times that."""
    gain = Interval(0.11, 0.01, 0.2)
    assert router_module._is_above(gain, 1, 20)
    assert not router_module._is_above(gain, 10, 20)
    assert router_module._is_above(Interval(0.16, 0.06, 0.2), 10, 20)
    assert not router_module._is_above(Interval(0.16, None, None), 1, 1)


def test_a_signal_that_tells_nothing_is_no_better() -> None:
    false_alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        value = rng.random((60, 3)) < [0.3, 0.5, 0.7]
        router = route(menu(value, [[1, 2, 4]] * 60, rng.random((60, 3))), n_repeats=2, n_resamples=200, seed=seed)
        assert router is not None
        false_alarms += router.is_better
    assert false_alarms <= 4  # 2 of 40 are a twentieth


def test_levels_are_routed_to_a_step_each() -> None:
    levels = np.array([1, 2] * 20, dtype=object)
    value = np.stack([levels == 1, np.ones(40)], axis=1)
    found = menu(value, [[1, 10]] * 40, np.full((40, 2), NAN), levels=levels, signal_name="level")
    router = route(found, n_resamples=200)
    assert router is not None
    point = next(p for p in router.points if p.by_level == {"1": 0, "2": 1})
    assert point.accuracy.value == pytest.approx(1.0)
    assert point.cost.value == pytest.approx(5.5)
    assert point.efficiency.value == pytest.approx(1.0)


def test_levels_of_noise_are_not_flattered() -> None:
    gains = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        levels = rng.integers(0, 10, 50).astype(object)
        value = rng.random((50, 2)) < 0.5
        found = menu(value, [[1, 2]] * 50, np.full((50, 2), NAN), levels=levels, signal_name="level")
        router = route(found, n_repeats=2, n_resamples=20, seed=seed)
        assert router is not None
        gains += [point.gain.value for point in router.points if point.gain.value is not None]
    assert np.mean(gains) < 0.01


def test_too_few_problems_have_no_router() -> None:
    assert route(menu([[0, 1]] * 9, [[1, 2]] * 9, [[0, 1]] * 9)) is None
    one_group = menu([[0, 1]] * 40, [[1, 2]] * 40, [[0, 1]] * 40, groups=np.zeros(40, dtype=np.int64))
    assert route(one_group) is None


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_and_all_wrong_have_nothing_to_win(value: float) -> None:
    router = route(menu([[value] * 2] * 12, [[1, 2]] * 12, [[0, 1]] * 12), n_resamples=50)
    assert router is not None
    assert not router.is_better
    assert all(point.efficiency.value is None for point in router.points)


def test_the_same_seed_is_the_same_router() -> None:
    found = menu_of([noisy(20)], signal="agreement", k=2)
    assert found is not None
    assert route(found, n_resamples=50, seed=4) == route(found, n_resamples=50, seed=4)


def by_folds(found: Menu, cascade: Cascade, prices: np.ndarray, n_folds: int, n_repeats: int) -> list[float]:
    """How many held-out problems get a cascade at each price, by trying all cascades on every training fold."""
    shares = []
    for price in prices:
        n_same = 0
        for held_out in folds(len(found.problems), None, n_folds=n_folds, n_repeats=n_repeats, seed=0):
            outcomes = [(run_cascade(found, c), c) for c in cascades_of(found)]
            worth = [(v[~held_out].mean() - price * c[~held_out].mean(), c[~held_out].mean()) for (v, c), _ in outcomes]
            most = max(w for w, _ in worth)
            best = min((c, i) for i, (w, c) in enumerate(worth) if w >= most - 1e-12)[1]
            n_same += int(held_out.sum()) * (outcomes[best][1] == cascade)
        shares.append(n_same / (len(found.problems) * n_repeats))
    return shares


def test_a_point_says_what_its_steps_cost_and_how_many_got_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascades_module, "MOST_STEPS", 2)
    found = menu_of([noisy(15)], signal="agreement", k=3)
    assert found is not None
    router = route(found, n_folds=3, n_repeats=2, n_resamples=20)
    assert router is not None
    prices = router_module._prices(found.value.mean(axis=1), found.cost.mean(axis=1))
    assert len({point.cascade for point in router.points}) == len(router.points)  # one point a choice
    for point in router.points:
        assert point.cascade is not None
        assert point.own_cost == pytest.approx(run_cascade(found, point.cascade)[1].mean())
        shares = by_folds(found, point.cascade, prices, 3, 2)
        assert any(point.agreement == pytest.approx(share) for share in shares)
        if point.agreement == 1:
            assert point.cost.value == pytest.approx(point.own_cost)
            assert point.accuracy.value == pytest.approx(run_cascade(found, point.cascade)[0].mean())


def test_where_hindsight_wins_nothing_sure_there_is_no_share_of_it() -> None:
    # of 60 problems one is solved by the dear step only: the room for a router is within its error of nothing
    value = np.ones((60, 2))
    value[0, 0] = 0
    router = route(menu(value, [[1, 10]] * 60, np.random.default_rng(0).random((60, 2))), n_resamples=200)
    assert router is not None
    assert all(point.efficiency.value is None for point in router.points)


def test_a_router_that_is_always_right_may_yet_be_wrong() -> None:
    router = route(menu([[1.0, 1.0]] * 30, [[1, 2]] * 30, [[0, 1], [1, 0]] * 15), n_resamples=50)
    assert router is not None
    (point,) = router.points
    assert point.accuracy.value == 1.0
    assert point.accuracy.ci_low == pytest.approx(0.8865, abs=1e-4)  # Wilson for 30 of 30
    assert (point.gain.ci_low, point.gain.ci_high) == (0.0, 0.0)  # the cheapest step for all is the blind choice


def test_steps_that_cost_nothing_are_no_error() -> None:
    router = route(menu([[0.0, 1.0]] * 12, [[0, 0]] * 12, [[0, 1], [1, 0]] * 6), n_resamples=50)
    assert router is not None
    assert [point.cost.value for point in router.points] == [0.0]
    assert [point.accuracy.value for point in router.points] == [1.0]
