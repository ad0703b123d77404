"""Families of models: by their names, and asked for."""

import pytest

from analysis.simulated import a_family, a_run
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.frontiers.density import densities
from thinkcurve.analysis.frontiers.families import family_of, named, names_of, reference_family
from thinkcurve.analysis.frontiers.points import Entry, points_of
from thinkcurve.run import Run


def entries(runs: list[Run]) -> list[Entry]:
    found = []
    for run in runs:
        info = run.manifest.models[0].info
        (grid,) = grids_of(run.attempts)
        found.append(Entry(grid, run.path.name, info["name"], info.get("active_parameters")))
    return found


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


def test_the_reference_is_the_family_with_the_most_sizes() -> None:
    assert reference_family(entries(a_family())) == (0, 1, 2)
    lone = [a_run("hf:a/A-1B", (0.5,), budgets=(0,), parameters=10**9), a_run("hf:b/B-2B", (0.5,), budgets=(0,))]
    assert reference_family(entries(lone)) == ()
    assert densities(points_of(entries(lone))) == ()


def test_models_are_asked_for_by_name_or_family_smallest_first() -> None:
    found = entries(a_family())
    assert {"hf:org/Fam-1B", "org/Fam-1B", "fam-#"} <= names_of(found[0])
    assert named(found, ["org/Fam-8B", "hf:org/Fam-1B"]) == (0, 2)
    assert named(found, ["fam-#"]) == (0, 1, 2)
    assert named(found, ["org/Fam-8B"]) == named(found, ["nothing"]) == ()


def test_those_asked_for_are_of_one_control_and_one_of_each_size() -> None:
    runs = [
        a_run("hf:Fam-1B", (0.5,), budgets=(3,), parameters=10**9, control="effort"),
        a_run("hf:Fam-1B", (0.5,), budgets=(3,), parameters=10**9),
        a_run("hf:Fam-2B", (0.5,), budgets=(3,), parameters=2 * 10**9),
        a_run("hf:Fam-2B", (0.5,), budgets=(3,), parameters=2 * 10**9, control="effort"),
        a_run("hf:Fam-2B", (0.5,), budgets=(3,), parameters=2 * 10**9, control="effort", where="runs/two"),
    ]
    assert named(entries(runs), ["fam-#"]) == (0, 3)
