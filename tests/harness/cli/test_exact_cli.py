"""``thinkcurve compare --exact``: what it prints and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from thinkcurve.cli.exact import LISTED, print_exact
from thinkcurve.run import load_run, sweep
from thinkcurve.store import Attempt, journal_path, read_manifest, write_manifest
from thinkcurve.study import Study

HOSTILE = "\x1b[31m</script>\u202e" + "x" * 1_000_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A run, and one in which every answer at budget 16 and one verdict are others."""
    folder = tmp_path_factory.mktemp("exact")
    study = Study(tasks=("arithmetic",), limit=12, budgets=(0, 16, 256))
    base = sweep(study, folder / "base")
    sweep(study, folder / "new")
    changed = [msgspec.structs.replace(a, answer=HOSTILE, answer_ids=(1,)) for a in at(base.records.attempts, 16)]
    lost = msgspec.structs.replace(at(base.records.attempts, 256)[0], verdict="incorrect", extracted="[bold]7")
    with journal_path(folder / "new").open("ab") as journal:
        journal.writelines(msgspec.json.encode(attempt) + b"\n" for attempt in (*changed, lost))
    manifest = read_manifest(folder / "new")
    (model,) = manifest.models
    info = {**model.info, "engine": "xllamacpp 1 · F16 · [red]GPU"}
    write_manifest(
        folder / "new", msgspec.structs.replace(manifest, models=(msgspec.structs.replace(model, info=info),))
    )
    return str(folder / "base"), str(folder / "new")


def at(attempts: dict[object, Attempt], budget: int) -> list[Attempt]:
    return sorted((attempt for attempt in attempts.values() if attempt.budget == budget), key=lambda a: a.index)


def test_the_same_is_said_in_a_line(
    runs: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert print_exact(runs[0], runs[0]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "The same: 36 attempts, token for token, and every verdict."


def test_what_differs_is_listed_and_fits_80_columns_whatever_was_written(
    runs: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert print_exact(*runs) == 1
    text = capsys.readouterr().out
    lines = text.splitlines()
    paths = 2
    assert max(map(len, lines[paths:])) <= 80
    assert "13 of 36 attempts are not the same: 12 part at the answer, 1 part at the verdict." in " ".join(text.split())
    assert "arithmetic/test/0 · sample 0 · 256 · verdict · correct → incorrect" in lines
    assert "  new  incorrect, read [bold]7" in lines
    assert f"and {13 - LISTED} more; --json lists them all" in lines
    assert "→ xllamacpp 1 · F16 · [red]GPU (thinking, answer)" in " ".join(text.split())
    assert not any(mark in text for mark in "\x1b\u202e")


def test_json_has_every_attempt_that_differs(runs: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert print_exact(*runs, as_json=True) == 1
    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == ["schema", "base", "new", "is_same", "comparisons"]
    (one,) = shown["comparisons"]
    assert (shown["is_same"], len(one["partings"]), len(load_run(runs[0]).attempts)) == (False, 13, 36)
    assert {"what": "engine", "steps": ["thinking", "answer"]}.items() <= {
        key: value for key, value in one["causes"][0].items() if key in ("what", "steps")
    }.items()
    assert [rung["answers"] for rung in one["rungs"]] == [0, 12, 0]


def test_the_command_ends_as_diff_does(runs: tuple[str, str], tmp_path: Path) -> None:
    def call(*args: str) -> int:
        command = [sys.executable, "-m", "thinkcurve.cli.main", "compare", "--exact", *args]
        return subprocess.run(command, env=os.environ, capture_output=True, check=False).returncode

    assert call(runs[0], runs[0]) == 0
    assert call(*runs) == 1
    assert call(runs[0], str(tmp_path)) == 2
