"""``thinkcurve regrade``: what it prints, what it writes, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from corrupt import bytes_of, corrupt
from thinkcurve.run import load_run, sweep
from thinkcurve.store import Journal, journal_path, read_manifest
from thinkcurve.study import Study

BASE = [sys.executable, "-m", "thinkcurve.cli.main"]


def call(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    command = [*BASE, "regrade", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("regrade") / "run"
    sweep(Study(tasks=("arithmetic",), limit=8, budgets=(0, 16, 256)), path)
    return path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def verdicts(run: Path) -> dict[object, str]:
    return {key: attempt.verdict.value for key, attempt in load_run(run).records.attempts.items()}


def test_a_run_judged_by_the_same_rules_says_so(run: Path) -> None:
    done = call(run)
    assert (done.returncode, done.stderr) == (0, "")
    assert "24 attempts" in done.stdout
    assert done.stdout.endswith("Nothing changed.\n")


def test_json_has_the_documented_keys(run: Path) -> None:
    corrupt(run, every=10)
    shown = json.loads(call(run, "--json").stdout)
    assert list(shown) == ["schema", "run", "n_attempts", "n_judged", "changed", "counts"]
    assert (shown["schema"], shown["run"], shown["n_attempts"], len(shown["changed"])) == (1, str(run), 24, 3)
    change = shown["changed"][0]
    assert list(change) == ["model", "problem", "sample", "budget", "before", "after"]
    assert list(change["before"]) == list(change["after"]) == ["verdict", "reason", "rung", "extracted"]


def test_the_counts_add_up(run: Path) -> None:
    corrupt(run)
    counts = json.loads(call(run, "--json").stdout)["counts"]
    assert list(counts) == ["before", "after", "changed", "other_rung", "kept"]
    assert sum(counts["before"].values()) == sum(counts["after"].values()) == 24
    assert (counts["before"]["correct"], counts["changed"]) == (counts["after"]["incorrect"], 24)


def test_wrong_verdicts_are_set_right(made: Path, run: Path) -> None:
    corrupt(run, every=3)
    assert call(run).returncode == 0
    assert verdicts(run) == verdicts(made)
    assert len(read_manifest(run).regrades) == 1


def test_what_changed_fits_80_columns(run: Path) -> None:
    corrupt(run)
    shown = call("run", cwd=run.parent).stdout
    assert max(len(text.rstrip()) for text in shown.splitlines()) <= 80
    assert "and 4 more; --json lists them all" in shown


def test_the_list_names_the_attempt_and_both_verdicts(run: Path) -> None:
    corrupt(run, every=100)
    (key,) = [tuple(c[k] for k in ("problem", "budget")) for c in changes_of(run)]
    row = next(text.split() for text in call(run).stdout.splitlines() if text.startswith(f" {key[0]} "))
    assert row[1] == str(key[1])
    assert set(row[2:4]) == {"correct", "incorrect"}


def changes_of(run: Path) -> list[dict[str, object]]:
    return json.loads(call(run, "--dry-run", "--json").stdout)["changed"]  # type: ignore[no-any-return]


def test_it_says_what_that_means_for_accuracy(run: Path) -> None:
    corrupt(run)
    shown = call(run).stdout.splitlines()
    at = shown.index("arithmetic · embedded · truncate")
    assert shown[at + 2].split() == ["budget", "accuracy", "before", "after", "change"]
    assert [text.split()[0] for text in shown[at + 4 : at + 7]] == ["0", "16", "256"]


def test_a_dry_run_says_so_and_changes_no_byte(run: Path) -> None:
    corrupt(run)
    before = bytes_of(run)
    assert "Nothing was written; without --dry-run it is." in call(run, "--dry-run").stdout
    assert bytes_of(run) == before


def test_a_run_that_has_only_its_tables_is_regraded(made: Path, run: Path) -> None:
    corrupt(run)
    journal_path(run).unlink()
    assert call(run).returncode == 0
    assert verdicts(run) == verdicts(made)


def test_a_run_that_is_being_written_is_one_line(run: Path) -> None:
    held = Journal(run)
    done = call(run)
    held.close()
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "being written by another process" in done.stderr


def test_other_problems_are_one_line(run: Path) -> None:
    manifest = run / "manifest.json"
    fingerprint = read_manifest(run).tasks[0].fingerprint
    manifest.write_text(manifest.read_text().replace(fingerprint, "0" * 16))
    done = call(run)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "task 'arithmetic' has other problems than this run began with" in done.stderr


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_run_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    done = call(tmp_path / name)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_is_130_and_the_same_command_does_the_rest(tmp_path: Path) -> None:
    run = tmp_path / "run"
    sweep(Study(tasks=("induce",), limit=4, budgets=(0, 16, 256)), run)
    slow = "```python\ndef f(x):\n    while True: pass\n```"
    corrupt(run, lambda a: msgspec.structs.replace(a, answer=slow + "#" * (a.budget or 0)))
    before = journal_path(run).read_bytes()
    with subprocess.Popen(
        [*BASE, "regrade", str(run), "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            while process.poll() is None and not read_manifest(run).regrades:
                time.sleep(0.02)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"the same command does the rest" in stderr
    assert b"Traceback" not in stderr
    assert journal_path(run).read_bytes().startswith(before)
    Journal(run).close()
