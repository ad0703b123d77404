"""Menus, cascades and their cross-validation, against loops over all there is."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.allocation import router as router_module
from thinkcurve.analysis.allocation.menu import Menu, Step, menu_of, plurality
from thinkcurve.analysis.allocation.router import Cascade, cascades_of, folds, route, run_cascade
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.basis.resample import Estimate, bootstrap

NAN = np.nan


def grid_of(answers: dict[str, list[list[str]]], *, model: str = "m", right: str = "1", **columns: Any) -> Grid:
    """A grid of answers by problem, sample and budget; ``right`` is correct, an empty string is no attempt."""
    cells = [
        (problem, sample, 64 * place, answer)
        for problem, lines in answers.items()
        for sample, line in enumerate(lines)
        for place, answer in enumerate(line)
        if answer
    ]
    thinking = [float(budget) for _, _, budget, _ in cells]
    table = pd.DataFrame(
        {
            "model": model,
            "task": "t",
            "control": "truncate",
            "problem": [p for p, *_ in cells],
            "sample": [s for _, s, *_ in cells],
            "budget": pd.array([b for _, _, b, _ in cells], dtype="Int64"),
            "verdict": ["correct" if a == right else "incorrect" for *_, a in cells],
            "extracted": [a for *_, a in cells],
            "rung": "number/plain",
            "is_forced": [b < 100 for _, _, b, _ in cells],
            "thinking_tokens": thinking,
            "generated_tokens": [t + 10 for t in thinking],
            **columns,
        }
    )
    (found,) = grids_of(table)
    return found


def menu(value: Any, cost: Any, signal: Any, **changed: Any) -> Menu:
    """A menu of arrays of shape (P, n), one trial each, whose steps start anew."""
    parts = [np.asarray(part, dtype=float)[:, None, :] for part in (value, cost, signal)]
    n_problems, _, n = parts[0].shape
    fields: dict[str, Any] = {
        "signal_name": "agreement",
        "axis": "generated_tokens",
        "steps": tuple(Step(0, "m", "truncate", i) for i in range(n)),
        "problems": tuple(map(str, range(n_problems))),
        "levels": None,
        "groups": None,
        "n_left_out": 0,
        "thinking": np.zeros((n_problems, 1, n, 1)),
    }
    return Menu(value=parts[0], cost=parts[1], signal=parts[2], **(fields | changed))


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=6))
def test_a_plurality_is_what_counting_finds(votes: list[int]) -> None:
    value, agreement = plurality(np.array(votes, dtype=float))
    counts = Counter(vote for vote in votes if vote >= 0)
    most = max(counts.values(), default=0)
    tied = [vote for vote, n in counts.items() if n == most]
    assert value == pytest.approx((0 in tied) / len(tied) if tied else 0.0)
    assert agreement == pytest.approx(most / len(votes))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.permutations(range(4)))
def test_agreement_does_not_know_which_answer_is_right(votes: list[int], names: list[int]) -> None:
    _, plain = plurality(np.array(votes, dtype=float))
    _, renamed = plurality(np.array([names[vote] for vote in votes], dtype=float))
    assert plain == renamed


def test_an_unknown_vote_makes_the_plurality_unknown() -> None:
    value, agreement = plurality(np.array([0.0, NAN]))
    assert np.isnan(value)
    assert np.isnan(agreement)


def test_steps_of_a_menu_by_hand() -> None:
    found = menu_of([grid_of({"a": [["2", "1"], ["2", "1"], ["3", "1"]]})], signal="agreement", k=2)
    assert found is not None
    assert [(step.budget, step.k) for step in found.steps] == [(0, 1), (0, 2), (64, 1), (64, 2)]
    assert found.cost[0, 0].tolist() == [10, 20, 74, 148]
    # trials take samples 0 and 1, 1 and 2, 2 and 0
    assert found.signal[0, :, 1].tolist() == [1.0, 0.5, 0.5]
    assert found.signal[0, :, 3].tolist() == [1.0, 1.0, 1.0]
    assert found.value[0].tolist() == [[0, 0, 1, 1]] * 3
    assert np.isnan(found.signal[0, :, 0]).all()


def test_a_tie_with_the_right_answer_is_drawn_by_lot() -> None:
    found = menu_of([grid_of({"a": [["1"], ["2"]]})], signal="agreement", k=2)
    assert found is not None
    assert found.value[0, :, 1].tolist() == [0.5, 0.5]


def test_problems_that_lack_a_step_are_left_out_and_counted() -> None:
    answers = {"a": [["1", "1"], ["1", "1"]], "b": [["1", ""], ["1", ""]], "c": [["1", "1"], ["", "1"]]}
    alone = menu_of([grid_of(answers)], signal="ended")
    assert alone is not None
    assert (alone.problems, alone.n_left_out) == (("a", "c"), 1)
    voting = menu_of([grid_of(answers)], signal="agreement", k=2)
    assert voting is not None
    assert (voting.problems, voting.n_left_out) == (("a",), 2)


@pytest.mark.parametrize(("signal", "k"), [("agreement", 1), ("logprob", 1), ("level", 1)])
def test_a_signal_that_is_not_there_makes_no_menu(signal: str, k: int) -> None:
    assert menu_of([grid_of({"a": [["1", "1"]]}, level=None)], signal=signal, k=k) is None


def test_a_signal_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="agreement, logprob, ended, level"):
        menu_of([grid_of({"a": [["1"]]})], signal="mood")


def test_unknown_costs_and_code_make_no_menu() -> None:
    assert menu_of([grid_of({"a": [["1"]]}, generated_tokens=NAN)], signal="ended") is None
    code = grid_of({"a": [["1"], ["1"]]}, rung="sandbox/function")
    assert menu_of([code], signal="agreement", k=2) is None


def test_log_probabilities_and_natural_ends_are_signals() -> None:
    grid = grid_of({"a": [["2", "1", "1"]]}, mean_logprob=[-0.5, -0.2, -0.1])
    by_logprob, by_end = (menu_of([grid], signal=name) for name in ("logprob", "ended"))
    assert by_logprob is not None
    assert by_end is not None
    assert by_logprob.signal[0, 0].tolist() == [-0.5, -0.2, -0.1]
    assert by_end.signal[0, 0].tolist() == [0, 0, 1]


def test_two_models_share_the_problems_that_both_have() -> None:
    one = grid_of({"a": [["1"]], "b": [["2"]]})
    other = grid_of({"c": [["1"]], "b": [["1"]]}, model="n", generated_tokens=5.0)
    found = menu_of([one, other], signal="ended")
    assert found is not None
    assert found.problems == ("b",)
    assert [(step.curve, step.model) for step in found.steps] == [(1, "n"), (0, "m")]
    assert found.value[0, 0].tolist() == [1, 0]


def by_hand(found: Menu, cascade: Cascade, p: int, t: int) -> tuple[float, float]:
    paid = 0.0
    for i in cascade.steps:
        paid += float(found.cost[p, t, i])
        if found.signal[p, t, i] >= cascade.threshold or i == cascade.steps[-1]:
            return float(found.value[p, t, i]), paid
    raise AssertionError("a cascade ends at its last step")


def noisy(n_problems: int = 40, n_samples: int = 3, seed: int = 0) -> Grid:
    """Three budgets whose samples agree the more, the more often they are right."""
    rng = np.random.default_rng(seed)
    chances = rng.random(n_problems)[:, None] * np.array([0.4, 0.8, 1.0])
    return grid_of(
        {
            str(p): [[str(1 if rng.random() < c else rng.integers(2, 6)) for c in chances[p]] for _ in range(n_samples)]
            for p in range(n_problems)
        }
    )


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
    found = menu_of([grid_of({"a": [["2", "1"]]}, control=control)], signal="ended", goes_on=True)
    assert found is not None
    assert (found.thinking == 0).all()


def test_only_the_last_step_may_show_nothing() -> None:
    found = menu([[0, 1, 1]] * 4, [[1, 2, 3]] * 4, [[0.2, NAN, 0.4], [0.6, NAN, 1.0]] * 2)
    assert {c.steps for c in cascades_of(found)} == {(0,), (1,), (2,), (0, 1), (0, 2)}


def test_many_steps_are_tried_in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_module, "MOST_CASCADES", 1)
    found = menu([[0, 1, 1]] * 4, [[1, 2, 3]] * 4, [[0.2, 0.1, 0.4], [0.6, 0.3, 1.0]] * 2)
    assert {len(c.steps) for c in cascades_of(found)} == {1, 2}


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
    chooser = router_module._ByCascade(found)
    train = np.arange(20) < 12
    for price in (0.0, 1e-3, 1e-2):
        (best,) = chooser._best(train, np.array([price]))
        worths = []
        for cascade in cascades_of(found):
            value, cost = run_cascade(found, cascade)
            worths.append(value[train].mean() - price * cost[train].mean())
        assert worths[best] == pytest.approx(max(worths))
        value, _ = chooser.on(train, ~train, np.array([price]))
        assert value[:, 0] == pytest.approx(run_cascade(found, chooser.cascades[best])[0][~train])


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
    levels = []

    def spy(*given: Any, level: float, **more: Any) -> Estimate:
        levels.append(level)
        return bootstrap(*given, level=level, **more)

    monkeypatch.setattr(router_module, "bootstrap", spy)
    found = menu_of([noisy(20)], signal="agreement", k=3)
    assert found is not None
    router = route(found, n_resamples=20)
    assert router is not None
    assert len(router.points) > 1
    assert levels == pytest.approx([0.95, 1 - 0.05 / len(router.points)])


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
