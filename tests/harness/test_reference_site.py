"""The committed reference runs and their site: whole, small, of the models they name, and clean in a browser."""

import asyncio
import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from browser import chromium, opened
from thinkcurve.budget import format_budget
from thinkcurve.plugins import open_backend
from thinkcurve.run import load_run

FOLDER = Path(__file__).parents[2] / "results" / "reference"
SITE = FOLDER / "site"
MOST_BYTES = 3_000_000


def load(name: str) -> ModuleType:
    """A script of the folder, as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


MAKE, QUANTISE = load("make"), load("quantise")
NAMES = [one.name for one in (*MAKE.RUNS, MAKE.SAMPLED)]


@pytest.mark.parametrize("name", NAMES)
def test_every_run_is_whole_and_says_what_it_asked(name: str) -> None:
    run = load_run(FOLDER / name, warn=pytest.fail)
    study = run.manifest.study
    n_problems = sum(task.n_problems for task in run.manifest.tasks)
    assert len(run.attempts) == n_problems * study.samples * len(study.budgets)
    assert len(run.questions) == n_problems
    assert all(question.question for question in run.questions)
    assert run.manifest.finished is not None
    assert sorted(path.name for path in (FOLDER / name).iterdir() if path.name != "curve.svg") == sorted(MAKE.FILES)


@pytest.mark.parametrize("kind", QUANTISE.KINDS)
def test_a_rounded_model_is_the_one_that_was_run_and_near_the_original(kind: str, tmp_path: Path) -> None:
    file = QUANTISE.quantise(kind, tmp_path / "model.gguf")
    backend = open_backend(f"llamacpp:{file}", {"slots": 1, "threads": 1})
    asyncio.run(backend.aclose())
    made = load_run(FOLDER / f"embedded-{kind.lower()}").manifest.models[0].info
    assert backend.model.fingerprint == made["fingerprint"]
    steps = 2 ** int(kind[1]) - 1  # of a block of 32, whose largest weight spans half of them
    original = Path(importlib.util.find_spec("thinkcurve_backends.embedded").origin).parent / "thinkcurve-tiny.gguf"  # type: ignore[union-attr, arg-type]  # it is installed
    for before, after in zip(gguf.GGUFReader(original).tensors, gguf.GGUFReader(file).tensors, strict=True):
        assert before.name == after.name
        weights = dequantize(after.data, after.tensor_type).reshape(before.data.shape)
        if len(before.shape) == 1:
            assert np.array_equal(weights, before.data)
            continue
        largest = np.abs(before.data.reshape(-1, 32)).max(axis=1, keepdims=True)
        error = np.abs(weights - before.data).reshape(-1, 32)
        assert (error <= 2.01 * largest / steps).all(), before.name
        assert error.max() > 0


def test_fewer_bits_are_never_told_to_be_better() -> None:
    """Eight bits and five are the original within what 200 problems can tell; four are worse."""
    import thinkcurve

    base = load_run(FOLDER / "embedded")
    for kind, is_worse in (("q8_0", False), ("q5_0", False), ("q4_0", True)):
        found = thinkcurve.compare(base, load_run(FOLDER / f"embedded-{kind}"))
        points = [point for contrast in found.comparisons for point in contrast.points]
        assert any(point.p_holm < 0.05 and point.difference < 0 for point in points) is is_worse, kind
        assert not any(point.p_holm < 0.05 and point.difference > 0 for point in points), kind


def test_the_site_says_what_the_runs_say() -> None:
    with (SITE / "data" / "points.csv").open(newline="", encoding="utf-8") as file:
        said = {(row["model"], row["task"], row["budget"]): float(row["accuracy"]) for row in csv.DictReader(file)}
    n_points = 0
    for one in MAKE.RUNS:
        run = load_run(FOLDER / one.name)
        name = run.manifest.models[0].info["name"]
        for curve in run.curves():
            for point in curve.points:
                assert said[name, curve.task, format_budget(point.budget, curve.control)] == pytest.approx(
                    point.accuracy
                ), (name, curve.task)
                n_points += 1
    assert len(said) == n_points


def test_all_of_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < MOST_BYTES


def pages() -> list[Path]:
    """One page of each kind."""
    one_each = [next((SITE / "tasks").glob("arithmetic*")), next((SITE / "models").glob("*q4*"))]
    return [SITE / "index.html", *one_each, SITE / "report.html", SITE / "sampled.html"]


def test_the_site_is_clean_in_a_browser_and_links_to_what_is_there() -> None:
    with chromium() as browser:
        for path in pages():
            with opened(browser, path) as seen:
                seen.page.wait_for_selector("svg", state="attached")
                assert seen.is_clean(), (path.name, seen.errors, seen.requests)
                links = seen.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
                gone = [link for link in links if link.startswith("file:") and not exists(link)]
                assert gone == [], path.name


@pytest.mark.slow
def test_the_site_is_fresh(tmp_path: Path) -> None:
    MAKE.make_site(tmp_path / "site")
    made = tmp_path / "site"
    before, now = ({path.relative_to(top): path for path in top.rglob("*") if path.is_file()} for top in (SITE, made))
    assert sorted(before) == sorted(now)
    same_everywhere = [name for name in now if name.suffix != ".parquet"]  # which holds the version of its writer
    stale = [str(name) for name in same_everywhere if before[name].read_bytes() != now[name].read_bytes()]
    assert stale == [], "run results/reference/make.py site"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_site(scheme: str) -> None:
    with chromium() as browser:
        for path in pages():
            with opened(browser, path, color_scheme=scheme) as seen:
                seen.page.wait_for_selector("svg", state="attached")
                assert seen.flaws() == [], path.name


def exists(link: str) -> bool:
    from urllib.parse import unquote, urlsplit

    return Path(unquote(urlsplit(link).path)).exists()
