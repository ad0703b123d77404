"""Cascades, against paying step by step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.allocation.menus import NAN, grid_of, menu, noisy
from thinkcurve.analysis.allocation import cascades as cascades_module
from thinkcurve.analysis.allocation.cascades import Cascade, cascades_of, run_cascade
from thinkcurve.analysis.allocation.menu import Menu, menu_of
from thinkcurve.analysis.basis.grid import grids_of


def by_hand(found: Menu, cascade: Cascade, p: int, t: int) -> tuple[float, float]:
    paid = 0.0
    for i in cascade.steps:
        paid += float(found.cost[p, t, i])
        if found.signal[p, t, i] >= cascade.threshold or i == cascade.steps[-1]:
            return float(found.value[p, t, i]), paid
    raise AssertionError("a cascade ends at its last step")


def test_a_cascade_pays_every_step_up_to_the_one_that_is_content() -> None:
    found = menu_of([noisy()], signal="agreement", k=3)
    assert found is not None
    cascades = cascades_of(found)
    assert {len(cascade.steps) for cascade in cascades} == {1, 2, 3}
    for cascade in cascades:
        value, cost = run_cascade(found, cascade)
        for p in range(0, 40, 7):
            pairs = [by_hand(found, cascade, p, t) for t in range(found.value.shape[1])]
            assert (value[p], cost[p]) == pytest.approx(tuple(np.mean(pairs, axis=0)))


def test_going_on_from_a_trace_pays_its_thinking_once() -> None:
    answers = {"a": [["2", "3", "1"], ["3", "2", "1"]]}
    anew, on = (menu_of([grid_of(answers)], signal="agreement", k=2, goes_on=g) for g in (False, True))
    assert anew is not None
    assert on is not None
    names = [(step.budget, step.k) for step in on.steps]
    chain = Cascade((names.index((64, 2)), names.index((128, 2))), 0.9)
    assert run_cascade(anew, chain)[1][0] == (64 + 10) * 2 + (128 + 10) * 2
    assert run_cascade(on, chain)[1][0] == (128 + 10 + 10) * 2
    single = Cascade((names.index((64, 2)), names.index((128, 1))), 0.9)
    assert run_cascade(on, single)[1][0] == (64 + 10) * 2 + 64 + 10


@pytest.mark.parametrize("control", ["server", "effort"])
def test_where_no_trace_is_shared_nothing_is_gone_on_from(control: str) -> None:
    grid = grid_of({"a": [["2", "1"]]})
    (grid,) = grids_of(grid.attempts.assign(control=control, budget=pd.array([1, 3], dtype="Int64")))
    found = menu_of([grid], signal="ended", goes_on=True)
    assert found is not None
    assert (found.thinking == 0).all()


def test_only_the_last_step_may_show_nothing() -> None:
    found = menu([[0, 1, 1]] * 4, [[1, 2, 3]] * 4, [[0.2, NAN, 0.4], [0.6, NAN, 1.0]] * 2)
    assert {c.steps for c in cascades_of(found)} == {(0,), (1,), (2,), (0, 1), (0, 2)}


def test_many_steps_are_tried_in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = np.tile([[0.2], [0.6]], (2, 5))
    found = menu([[0, 1, 1, 0, 1]] * 4, [[1, 2, 3, 4, 5]] * 4, signal)
    monkeypatch.setattr(cascades_module, "MOST_CASCADES", 20)  # 10 pairs and 10 of three, with 2 thresholds each
    assert [sum(len(c.steps) == n for c in cascades_of(found)) for n in (1, 2, 3)] == [5, 20, 20]
    monkeypatch.setattr(cascades_module, "MOST_CASCADES", 19)
    assert [sum(len(c.steps) == n for c in cascades_of(found)) for n in (1, 2, 3)] == [5, 12, 0]


def test_pairs_of_very_many_steps_are_capped_and_reach_both_ends() -> None:
    rng = np.random.default_rng(0)
    shape = (12, 200)
    found = menu(rng.integers(0, 2, shape), np.tile(np.arange(1.0, 201), (12, 1)), rng.random(shape))
    cascades = cascades_of(found)
    pairs = {c.steps for c in cascades if len(c.steps) == 2}
    assert 1000 < len(cascades) - 200 <= cascades_module.MOST_CASCADES
    assert (0, 199) in pairs
    assert len({c.steps for c in cascades if len(c.steps) == 1}) == 200


def test_pairs_are_thinned_by_cost_and_not_by_who_is_right() -> None:
    rng = np.random.default_rng(1)
    shape = (12, 100)
    costs, signal = np.tile(np.arange(1.0, 101), (12, 1)), rng.random(shape)
    one, other = (cascades_of(menu(np.full(shape, value), costs, signal)) for value in (0.0, 1.0))
    assert one == other


def test_only_first_steps_that_show_a_signal_are_thinned_in() -> None:
    signal = np.full((12, 200), NAN)
    signal[:, ::50] = np.random.default_rng(2).random((12, 4))
    found = cascades_of(menu(np.ones((12, 200)), np.tile(np.arange(1.0, 201), (12, 1)), signal))
    assert {c.steps[0] for c in found if len(c.steps) == 2} == {0, 50, 100, 150}
