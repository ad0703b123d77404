"""Attempts that a run has no record of: counted, and said wherever the run is shown."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from analysis.simulated import a_family, a_run
from thinkcurve.analysis.missing import Missing, missing_of, missing_remarks
from thinkcurve.cli import compare, show
from thinkcurve.report.leaderboard.entry import entries_of
from thinkcurve.run import Run, load_run
from thinkcurve.store import Records
from thinkcurve.tables import attempts_path

REFERENCE = Path(__file__).parents[3] / "results" / "reference" / "embedded"
GOOD = (0.1, 0.3, 0.6, 0.9)


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed run whose failures were left out: its table lacks the last 100 attempts."""
    path = tmp_path_factory.mktemp("runs") / "forgetful"
    shutil.copytree(REFERENCE, path, ignore=shutil.ignore_patterns("journal.jsonl", "curve.html"))
    rows = pq.read_table(attempts_path(path))
    pq.write_table(rows.slice(0, rows.num_rows - 100), attempts_path(path))
    return path


def test_a_whole_run_misses_nothing_and_failures_are_records() -> None:
    for run in (*a_family(), a_run("m", GOOD, n=20, fail=[(3, 64), (4, 0)]), load_run(REFERENCE)):
        assert missing_of(run) == ()


def test_what_has_no_record_is_counted() -> None:
    whole = a_run("m", GOOD, n=20, samples=2, fail=[(3, 64)])
    records = Records()
    for event in (*whole.records.failures.values(), *whole.records.attempts.values()):
        if event.problem != "t/test/5" and event.budget != 256:
            records.add(event)
    run = Run(whole.path, whole.manifest, records)
    assert missing_of(run) == (Missing("m", "sums", 2 * 4 + 2 * 19, 160),)
    assert missing_remarks(run) == ["sums: 46 of 160 attempts are missing, not even recorded as failed"]


def test_show_compare_and_the_leaderboard_say_it(forgetful: Path) -> None:
    said = "induce: 100 of 1,200 attempts are missing"
    shown = CliRunner().invoke(show.command, [str(forgetful)], env={"COLUMNS": "80"})
    assert shown.exit_code == 0, shown.output
    assert said in shown.stderr
    assert "missing" not in CliRunner().invoke(show.command, [str(REFERENCE)]).stderr
    args = [str(REFERENCE), str(forgetful), "--fail-if", "induce/accuracy@mean:5pp"]
    told = json.loads(CliRunner().invoke(compare.command, [*args, "--json"], standalone_mode=False).stdout)
    assert f"new: {said}" in " ".join(told["comparisons"][0]["notes"])
    assert "100 of 1,200 attempts of new are missing" in " ".join(told["gate"]["notes"])
    assert told["gate"]["outcome"] == "inconclusive"
    notes = [note for entry in entries_of(forgetful) for note in entry.notes]
    assert any("100 of 1,200 attempts are missing" in note for note in notes)
