"""Capability density: models of a known line, ends of it, and names of families."""

import math

import numpy as np
import pytest

from analysis.simulated import a_run
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.basis.interval import UNKNOWN
from thinkcurve.analysis.frontiers.density import Density, densities, effective_parameters
from thinkcurve.analysis.frontiers.points import Entry, points_of
from thinkcurve.run import Run

N = 10**9  # problems: so many that half of one changes nothing


def line(size: float) -> float:
    """Accuracy of a family whose log odds rise by 0.5 a doubling, from even at 1e9 parameters."""
    return 1 / (1 + math.exp(-0.5 * math.log2(size / 1e9)))


def effective(sizes: list[int], accuracy: float) -> float:
    reference = np.array([[line(size) for size in sizes]])
    return effective_parameters(sizes, reference, np.array([[accuracy]]), N)[0, 0]


@pytest.mark.parametrize("size", [1e9, 1.7e9, 3e9, 8e9])
def test_a_model_of_the_family_s_line_is_as_dense_as_it(size: float) -> None:
    assert effective([10**9, 2 * 10**9, 8 * 10**9], line(size)) == pytest.approx(size, rel=1e-6)


def test_nothing_is_said_beyond_the_ends_of_the_family() -> None:
    sizes = [10**9, 8 * 10**9]
    assert effective(sizes, line(9e9)) == math.inf
    assert effective(sizes, line(0.9e9)) == 0


@pytest.mark.parametrize(("sizes", "reference"), [([5], [0.5]), ([5, 5], [0.5, 0.6]), ([5, 9], [0.6, 0.6])])
def test_no_family_is_fitted_to_one_size_or_to_no_rise(sizes: list[int], reference: list[float]) -> None:
    assert np.isnan(effective_parameters(sizes, np.array([reference]), np.array([[0.55]]), 100)).all()


def test_none_and_all_right_are_finite_on_the_line() -> None:
    found = effective_parameters([10, 1000], np.array([[0.0, 1.0]]), np.array([[0.5]]), 20)
    assert found[0, 0] == pytest.approx(100)


def entries(runs: list[Run]) -> list[Entry]:
    found = []
    for run in runs:
        info = run.manifest.models[0].info
        (grid,) = grids_of(run.attempts)
        found.append(Entry(grid, run.path.name, info["name"], info.get("active_parameters")))
    return found


A_FAMILY = [
    a_run("hf:x/Fam-1B", (0.2, 0.5), budgets=(0, 64), n=80, parameters=10**9, seed=1),
    a_run("hf:x/Fam-9B", (0.6, 0.9), budgets=(0, 64), n=80, parameters=9 * 10**9, seed=1),
]


def found_in(
    runs: list[Run], n_resamples: int = 200, family: list[int] | None = None
) -> dict[tuple[int, int], Density]:
    densest = densities(points_of(entries(runs)), family, n_resamples=n_resamples)
    return {(d.entry, d.budget or 0): d for d in densest}


def test_a_family_of_two_sizes_does_not_measure_itself() -> None:
    assert found_in(A_FAMILY) == {}


def test_a_model_between_two_sizes_lies_between() -> None:
    other = a_run("hf:y/Other-3B", (0.4, 0.7), budgets=(0, 64), n=80, parameters=3 * 10**9, seed=1)
    found = found_in([*A_FAMILY, other, a_run("api:unknown", (0.4, 0.7), budgets=(0, 64), n=80)])
    assert set(found) == {(2, 0), (2, 64)}  # no size, no density
    between = found[2, 64]
    assert between.effective is not None
    assert 10**9 < between.effective < 9 * 10**9
    density = between.density
    assert density.value == pytest.approx(between.effective / (3 * 10**9))
    assert density.ci_low is not None
    assert density.ci_high is not None
    assert density.ci_low < (density.value or 0) < density.ci_high
    assert (between.family, between.n_sizes, between.effort) == ("fam-#", 2, None)


def test_a_member_is_measured_by_the_others_alone_and_only_between_them() -> None:
    """The middle one is as good as its elder: 9B of a line through 1B and 9B, whatever it is itself."""
    middle = a_run("hf:x/Fam-3B", (0.6, 0.9), budgets=(0, 64), n=80, parameters=3 * 10**9, seed=1)
    found = found_in([*A_FAMILY, middle])
    assert set(found) == {(2, 0), (2, 64)}
    for density in found.values():
        assert density.density.value == pytest.approx(3)
        assert density.n_sizes == 2


def test_a_second_run_of_a_member_is_not_measured_by_the_first() -> None:
    middle, twin = (
        a_run("hf:x/Fam-3B", (0.6, 0.9), budgets=(0, 64), n=80, parameters=3 * 10**9, seed=1, where=where)
        for where in ("runs/one", "runs/two")
    )
    found = found_in([*A_FAMILY, middle, twin])
    assert (
        {key for key, density in found.items() if density.n_sizes == 2}
        == set(found)
        == {(i, b) for i in (2, 3) for b in (0, 64)}
    )


def test_a_family_that_is_asked_for_measures_what_names_would_not() -> None:
    other = a_run("hf:y/Other-3B", (0.4, 0.7), budgets=(0, 64), n=80, parameters=3 * 10**9, seed=1)
    larger = a_run("hf:z/Third-12B", (0.8, 1.1), budgets=(0, 64), n=80, parameters=12 * 10**9, seed=1)
    found = found_in([*A_FAMILY, other, larger], family=[2, 3])
    assert {entry for entry, _ in found} == {0, 1}
    assert {density.family for density in found.values()} == {"y/Other-3B, z/Third-12B"}


def test_levels_of_effort_have_their_names() -> None:
    runs = [
        a_run(f"hf:x/Fam-{size}B", (right,), budgets=(4,), n=40, parameters=size * 10**9, control="effort")
        for size, right in ((1, 0.2), (3, 0.4), (9, 0.8))
    ]
    assert {(d.budget, d.effort) for d in found_in(runs).values()} == {(4, "high")}


def test_one_problem_has_no_interval() -> None:
    other = a_run("hf:y/Other-3B", (0.0, 0.0), budgets=(0, 64), n=1, parameters=3 * 10**9)
    one = [
        a_run("hf:x/Fam-1B", (0.0, 0.0), budgets=(0, 64), n=1, parameters=10**9),
        a_run("hf:x/Fam-9B", (1.1, 1.1), budgets=(0, 64), n=1, parameters=9 * 10**9),
        other,
    ]
    for density in found_in(one).values():
        assert density.density.value == pytest.approx(1 / 3)
        assert (density.density.ci_low, density.density.ci_high, density.outside) == (None, None, None)


def test_the_interval_covers_the_truth() -> None:
    """Accuracies of a line of log odds, each problem by itself: a model of 2e9 of it that has 4e9 is half as dense."""
    hits, n, sizes = 0, 60, (10**9, 16 * 10**9, 4 * 10**9)
    chances = [line(size) for size in (1e9, 16e9, 2e9)]
    for seed in range(n):
        rng = np.random.default_rng(seed)
        runs = [
            a_run(f"hf:x/F{name}", (0.5,), budgets=(0,), n=200, parameters=s)
            for name, s in zip(["a-1B", "a-16B", "b-4B"], sizes, strict=True)
        ]
        for run, chance in zip(runs, chances, strict=True):
            run.attempts["verdict"] = np.where(rng.random(200) < chance, "correct", "incorrect")
        (found,) = [d for d in found_in(runs).values() if d.entry == 2]
        low, high = found.density.ci_low or 0.0, found.density.ci_high or np.inf
        hits += low <= 0.5 <= high
    assert hits / n > 0.86  # 0.95 less three standard errors


def test_what_is_better_than_the_whole_family_is_said_to_be_off_it() -> None:
    runs = [
        a_run("hf:x/Fam-1B", (0.1,), budgets=(0,), n=80, parameters=10**9, seed=1),
        a_run("hf:x/Fam-9B", (0.3,), budgets=(0,), n=80, parameters=9 * 10**9, seed=1),
        a_run("hf:y/Other-3B", (0.9,), budgets=(0,), n=80, parameters=3 * 10**9, seed=1),
    ]
    found = found_in(runs)[2, 0]
    assert (found.is_above, found.is_below, found.effective) == (True, False, None)
    assert (found.density, found.outside) == (UNKNOWN, 1.0)


def test_a_family_of_unknown_size_is_refused() -> None:
    runs = [a_run("m", (0.5,), budgets=(0,)), a_run("n", (0.5,), budgets=(0,))]
    with pytest.raises(ValueError, match="no known size"):
        densities(points_of(entries(runs)), [0, 1])
