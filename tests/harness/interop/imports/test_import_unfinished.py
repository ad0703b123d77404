"""A run that did not end well is not made whole by being imported: unfinished, with its failures, and what it lost."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exported import content, wishes
from lm_eval_lines import line, write

from thinkcurve.interop.exports.lm_eval import write as export
from thinkcurve.interop.imports.write import import_files, write_run
from thinkcurve.run import Run, load_run
from thinkcurve.store import write_manifest
from thinkcurve.tables import compact

LOGS = Path(__file__).parent / "inspect_logs"


def inspect_log(path: Path, **changes: Any) -> Path:
    log = json.loads((LOGS / "failing.json").read_text())
    path.write_text(json.dumps({**log, **changes}))
    return path


def brought_in(folder: Path, kind: str, *files: Path, **options: Any) -> Run:
    write_run(import_files(files, kind, **options), folder)
    return load_run(folder)


@pytest.mark.parametrize("status", ["cancelled", "error", "started", None])
def test_a_log_that_inspect_did_not_end_well_is_no_finished_run(tmp_path: Path, status: str | None) -> None:
    run = brought_in(tmp_path / "run", "inspect", inspect_log(tmp_path / "log.json", status=status))
    assert run.manifest.finished is None
    assert len(run.records.failures) == 3


def test_a_log_that_ended_well_is_finished_though_samples_failed(tmp_path: Path) -> None:
    run = brought_in(tmp_path / "run", "inspect", inspect_log(tmp_path / "log.json"))
    assert run.manifest.finished


def test_one_log_that_did_not_end_well_leaves_the_run_unfinished(tmp_path: Path) -> None:
    logs = [inspect_log(tmp_path / "a.json"), inspect_log(tmp_path / "b.json", status="cancelled")]
    run = brought_in(tmp_path / "run", "inspect", *logs, budgets="1,2")
    assert run.manifest.finished is None


def test_a_log_that_lost_samples_is_not_finished(tmp_path: Path) -> None:
    samples = json.loads((LOGS / "failing.json").read_text())["samples"][:-1]
    found = import_files([inspect_log(tmp_path / "log.json", samples=samples)], "inspect")
    assert found.manifest.finished is None
    assert any("holds 3 of the 4 samples that were evaluated" in note for note in found.notes)


def test_samples_of_lm_eval_that_lost_lines_are_not_finished(tmp_path: Path) -> None:
    samples = write(tmp_path, [line(0), line(1), line(1)])
    (results,) = tmp_path.glob("results_*.json")
    said = json.loads(results.read_text())
    for effective, is_whole in ((2, True), (3, False)):
        said["n-samples"] = {"sums": {"original": 3, "effective": effective}}
        results.write_text(json.dumps(said))
        found = import_files([samples], "lm-eval")
        assert bool(found.manifest.finished) is is_whole
        assert any(f"holds 2 of the {effective} documents" in note for note in found.notes) is not is_whole


def copied(run: Run, folder: Path) -> Path:
    shutil.copytree(run.path, folder)
    return folder


def test_an_unfinished_run_of_ours_comes_back_unfinished(tmp_path: Path, failed: Run) -> None:
    folder = copied(failed, tmp_path / "run")
    write_manifest(folder, msgspec.structs.replace(failed.manifest, finished=None))
    export(content(load_run(folder)), tmp_path / "out", wishes())
    again = brought_in(tmp_path / "again", "lm-eval", tmp_path / "out")
    assert again.manifest.finished is None
    assert again.records.failures == failed.records.failures != {}


def test_with_one_part_of_an_unfinished_run_the_whole_is_unfinished(tmp_path: Path, failed: Run) -> None:
    """Two exports of one study, the first of them finished: a run of both is not."""
    folder = copied(failed, tmp_path / "run")
    export(content(load_run(folder)), tmp_path / "a", wishes())
    write_manifest(folder, msgspec.structs.replace(failed.manifest, finished=None))
    export(content(load_run(folder)), tmp_path / "b", wishes())
    again = brought_in(tmp_path / "again", "lm-eval", tmp_path / "a" / "budget-0", tmp_path / "b" / "budget-8")
    assert again.manifest.finished is None


def test_failures_survive_the_round_trip_without_a_journal(tmp_path: Path, failed: Run) -> None:
    """A committed run has tables only; what comes back has tables only."""
    folder = copied(failed, tmp_path / "run")
    (folder / "journal.jsonl").unlink(missing_ok=True)
    export(content(load_run(folder)), tmp_path / "out", wishes())
    again = brought_in(tmp_path / "again", "lm-eval", tmp_path / "out")
    assert again.records.failures == failed.records.failures != {}
    assert (tmp_path / "again" / "failures.parquet").exists()
    assert again.manifest.finished == failed.manifest.finished


def test_a_run_that_lost_some_of_its_costs_comes_back_without_them(tmp_path: Path, failed: Run) -> None:
    """FLOPs that are not known stay so: none is computed anew, and a mean over the others would not be the point's."""
    folder = copied(failed, tmp_path / "run")
    (folder / "journal.jsonl").unlink(missing_ok=True)
    records = load_run(folder).records
    for attempt in list(records.attempts.values()):
        records.add(msgspec.structs.replace(attempt, flops=None if attempt.index == 5 else 1e9))
    compact(folder, records)
    export(content(load_run(folder)), tmp_path / "out", wishes())
    again = brought_in(tmp_path / "again", "lm-eval", tmp_path / "out")
    assert again.records.attempts == records.attempts
    assert {(a.flops, a.index == 5) for a in again.records.attempts.values()} == {(None, True), (1e9, False)}
    assert {point.flops for point in again.curves()[0].points} == {None}
