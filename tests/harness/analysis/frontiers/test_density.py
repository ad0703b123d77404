"""Capability density: models of a known line, ends of it, and names of families."""

import math

import numpy as np
import pytest

from analysis.simulated import a_family, a_run
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.frontiers.density import densities, effective_parameters, family_of, reference_family
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


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen3-1.7B", "qwen3-#"),
        ("Qwen3-0.6B-Q8_0.gguf", "qwen3-#-q8_0.gguf"),
        ("SmolLM2-360M-Instruct", "smollm2-#-instruct"),
        ("Qwen3-30B-A3B", "qwen3-#-a3b"),
        ("gpt-5", None),
        ("thinkcurve-tiny", None),
        ("model-8bit", None),
    ],
)
def test_a_family_is_a_name_without_its_size(name: str, family: str | None) -> None:
    assert family_of(name) == family


def entries(runs: list[Run]) -> list[Entry]:
    found = []
    for run in runs:
        info = run.manifest.models[0].info
        (grid,) = grids_of(run.attempts)
        found.append(Entry(grid, run.path.name, info["name"], info.get("active_parameters")))
    return found


def test_the_reference_is_the_family_with_the_most_sizes() -> None:
    assert reference_family(entries(a_family())) == (0, 1, 2)
    lone = [a_run("hf:a/A-1B", (0.5,), budgets=(0,), parameters=10**9), a_run("hf:b/B-2B", (0.5,), budgets=(0,))]
    assert reference_family(entries(lone)) == ()
    assert densities(points_of(entries(lone))) == ()


def test_two_sizes_are_their_own_measure_at_every_budget_and_a_model_between_lies_between() -> None:
    runs = [
        a_run("hf:x/Fam-1B", (0.2, 0.5), budgets=(0, 64), n=80, parameters=10**9, seed=1),
        a_run("hf:x/Fam-9B", (0.6, 0.9), budgets=(0, 64), n=80, parameters=9 * 10**9, seed=1),
        a_run("hf:y/Other-3B", (0.4, 0.7), budgets=(0, 64), n=80, parameters=3 * 10**9, seed=1),
        a_run("api:unknown", (0.4, 0.7), budgets=(0, 64), n=80),
    ]
    found = {(d.entry, d.budget): d for d in densities(points_of(entries(runs)), n_resamples=200)}
    assert {entry for entry, _ in found} == {0, 1, 2}  # no size, no density
    for key in ((0, 0), (0, 64), (1, 0), (1, 64)):
        assert found[key].density == pytest.approx(1)
    between = found[2, 64]
    assert between.effective is not None
    assert 10**9 < between.effective < 9 * 10**9
    assert between.density == pytest.approx(between.effective / (3 * 10**9))
    assert between.ci_low is not None
    assert between.ci_high is not None
    assert between.ci_low < (between.density or 0) < between.ci_high
    assert between.family == "fam-#"


def test_what_is_better_than_the_whole_family_is_said_to_be_off_it() -> None:
    runs = [
        a_run("hf:x/Fam-1B", (0.1,), budgets=(0,), n=80, parameters=10**9, seed=1),
        a_run("hf:x/Fam-9B", (0.3,), budgets=(0,), n=80, parameters=9 * 10**9, seed=1),
        a_run("hf:y/Other-3B", (0.9,), budgets=(0,), n=80, parameters=3 * 10**9, seed=1),
    ]
    found = densities(points_of(entries(runs)), n_resamples=200)[2]
    assert (found.is_above, found.is_below, found.effective, found.density) == (True, False, None, None)
    assert (found.ci_low, found.ci_high, found.outside) == (None, None, 1.0)


def test_a_family_of_unknown_size_is_refused() -> None:
    runs = [a_run("m", (0.5,), budgets=(0,)), a_run("n", (0.5,), budgets=(0,))]
    with pytest.raises(ValueError, match="no known size"):
        densities(points_of(entries(runs)), [0, 1])
