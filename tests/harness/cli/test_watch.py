"""``thinkcurve watch``: what it prints is what the run's curve says, and its exit code is the run's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from records import a_failure, an_attempt
from report.watch.followed import MANIFEST, line, write
from thinkcurve.run import load_run
from thinkcurve.store import write_manifest

REFERENCE = Path(__file__).parents[3] / "results" / "reference" / "embedded"


def watch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thinkcurve.cli.main", "watch", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    write_manifest(tmp_path, msgspec.structs.replace(MANIFEST, finished="2026-01-01T00:01:00+00:00"))
    write(tmp_path, b"".join(line(an_attempt(index)) for index in range(4)))
    return tmp_path


def test_the_figures_are_those_of_the_curve() -> None:
    found = json.loads(watch(REFERENCE, "--once", "--json").stdout)
    points = [point for curve in load_run(REFERENCE).curves() for point in curve.points]
    assert found["state"] == "finished"
    for cell, point in zip(found["cells"], points, strict=True):
        assert (cell["budget"], cell["forced"], cell["no_answer"]) == (point.budget, point.forced, point.no_answer)
        assert cell["accuracy"] == pytest.approx(point.accuracy)
        assert (cell["ci_low"], cell["ci_high"]) == (pytest.approx(point.ci_low), pytest.approx(point.ci_high))
        assert cell["thinking_tokens"] == pytest.approx(point.thinking_tokens)


def test_a_whole_run_ends_it_with_0_and_one_with_failures_with_3(ended: Path) -> None:
    whole = watch(ended)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "4 of 4 attempts" in whole.stdout
    assert whole.stdout.rstrip().endswith("finished")
    write(ended, line(a_failure(7)))
    failed = watch(ended)
    assert failed.returncode == 3
    assert "1 failed" in failed.stdout


def test_once_fits_80_columns_and_ends_though_the_run_does_not(ended: Path) -> None:
    write_manifest(ended, MANIFEST)
    done = watch(ended, "--once")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "4 of 4 attempts" in done.stdout
    assert "left" not in done.stdout, "nobody is at work on it"


def test_json_is_a_line_where_something_changed(ended: Path) -> None:
    write_manifest(ended, MANIFEST)
    command = [sys.executable, "-m", "thinkcurve.cli.main", "watch", str(ended), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["done"] == 4
        time.sleep(1.5)  # nothing new, nothing said
        write(ended, line(a_failure(8)))
        assert json.loads(process.stdout.readline())["failed"] == 1
        write_manifest(ended, msgspec.structs.replace(MANIFEST, finished="2026-01-01T00:01:00+00:00"))
        assert json.loads(process.stdout.readline())["state"] == "failed"
        assert process.stdout.read() == ""
        assert process.wait(timeout=20) == 3


def test_help_fits_a_screen_and_ends_in_an_example() -> None:
    lines = watch("--help").stdout.rstrip().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "thinkcurve watch" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "is not a run: it has no manifest.json"),
        ([".", "--page", "--once"], "--page shows a page"),
        ([".", "--port", "8000"], "add --page"),
    ],
)
def test_what_cannot_be_watched_is_said_in_a_line(arguments: list[str], says: str) -> None:
    done = watch(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
