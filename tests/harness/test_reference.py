"""The committed reference run: the same study gives the same tokens here, and the same curve anywhere."""

import asyncio
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from thinkcurve.run import Run, load_run, sweep

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "embedded"


@pytest.fixture(scope="module")
def reference() -> Run:
    return load_run(REFERENCE, warn=pytest.fail)


def is_same_platform(one: Run, other: Run) -> bool:
    """Same engine, processor family and weights: then greedy tokens are the same."""
    keys = ("system", "machine", "processor")
    hardware = [[run.manifest.sittings[-1].hardware.get(key) for key in keys] for run in (one, other)]
    engines = [run.manifest.models[0].info["engine"] for run in (one, other)]
    return hardware[0] == hardware[1] and engines[0] == engines[1]


def repeat(reference: Run, tmp_path: Path, limit: int | None) -> Run:
    run = sweep(msgspec.structs.replace(reference.manifest.study, limit=limit), tmp_path)
    if is_same_platform(reference, run):
        check_tokens(reference, run)
    check_curve(reference, run)
    return run


def check_tokens(reference: Run, run: Run) -> None:
    for key, attempt in run.records.attempts.items():
        known = reference.records.attempts[key]
        assert (attempt.answer_ids, attempt.verdict, attempt.thinking_tokens) == (
            known.answer_ids,
            known.verdict,
            known.thinking_tokens,
        ), key


def check_curve(reference: Run, run: Run) -> None:
    """The new interval holds the accuracy of the reference on all problems."""
    for known, curve in zip(reference.curves(), run.curves(), strict=True):
        for old, new in zip(known.points, curve.points, strict=True):
            assert new.ci_low <= old.accuracy <= new.ci_high, (curve.task, old.budget)


def test_forty_problems_of_each_task_are_reproduced(reference: Run, tmp_path: Path) -> None:
    repeat(reference, tmp_path, limit=40)


@pytest.mark.slow
def test_the_whole_reference_run_is_reproduced(reference: Run, tmp_path: Path) -> None:
    run = repeat(reference, tmp_path, limit=None)
    assert len(run.attempts) == len(reference.attempts) == 2400


def test_the_reference_is_the_shipped_model(reference: Run) -> None:
    from thinkcurve.plugins import open_backend

    backend = open_backend("embedded")
    asyncio.run(backend.aclose())
    assert backend.model.fingerprint == reference.manifest.models[0].info["fingerprint"]


def test_the_curve_is_what_the_model_was_made_for(reference: Run) -> None:
    floor = {"arithmetic": 0.80, "induce": 0.70}
    for curve in reference.curves():
        accuracies = [point.accuracy for point in curve.points]
        rises = sum(later > earlier + 0.03 for earlier, later in pairwise(accuracies))
        assert accuracies[0] < 0.10
        assert accuracies[-1] >= floor[curve.task]
        assert rises >= 4
        assert all(point.no_answer < 0.02 * 200 for point in curve.points)


def test_easy_levels_saturate_before_hard_ones(reference: Run) -> None:
    for task, rows in reference.attempts.groupby("task"):
        accuracy = (rows["verdict"] == "correct").groupby([rows["level"], rows["budget"]]).mean().unstack()
        first = [next(b for b in accuracy.columns if accuracy.loc[level, b] >= 0.7) for level in accuracy.index[:4]]
        assert first == sorted(first), task
