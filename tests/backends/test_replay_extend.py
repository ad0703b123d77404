"""Replay of runs whose model was told to wait: every piece of its thinking ends where it did."""

from pathlib import Path

import msgspec
import pytest

from thinkcurve.analysis.comparison.exact import compare_exactly
from thinkcurve.budget import Control
from thinkcurve.run import sweep
from thinkcurve.study import Study


@pytest.mark.parametrize("waits", [1, 2])
def test_a_run_with_waits_is_played_back_token_for_token(tmp_path: Path, waits: int) -> None:
    ladder = (0, 16, 60, 64, 100, 256)
    study = Study(
        tasks=("arithmetic",), limit=6, budgets=ladder, samples=2, temperature=0.9, control=Control.EXTEND, waits=waits
    )
    base = sweep(study, tmp_path / "base")
    assert max(len(trace.waits) for trace in base.records.traces.values()) == waits
    replayed = msgspec.structs.replace(study, models=(f"replay:{tmp_path / 'base'}",))
    again = sweep(replayed, tmp_path / "again")
    assert not len(again.failures), again.failures["error"].iloc[0]
    (found,) = compare_exactly(base, again)
    assert (found.is_same, found.n_attempts) == (True, 72)
    before, after = (
        sorted((t.problem, t.sample, t.waits, t.wait_endings) for t in run.records.traces.values())
        for run in (base, again)
    )
    assert before == after
