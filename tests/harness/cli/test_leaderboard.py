"""``thinkcurve leaderboard``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from thinkcurve.cli.leaderboard import command
from thinkcurve.errors import UsageError

REFERENCE = Path(__file__).parents[3] / "results/reference/embedded"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_it_prints_the_page_and_says_what_it_did(tmp_path: Path) -> None:
    done = call(REFERENCE, "-o", tmp_path / "site", "--title", "Ours")
    assert done.exit_code == 0
    assert done.stdout == f"{tmp_path / 'site/index.html'}\n"
    assert "1 runs (1 read anew), 1 models, 2 tasks" in done.stderr
    assert "<title>Ours</title>" in (tmp_path / "site/index.html").read_text()


def test_json_says_the_same(tmp_path: Path) -> None:
    first = json.loads(call(REFERENCE, "-o", tmp_path / "site", "--json").stdout)
    again = json.loads(call(REFERENCE, "-o", tmp_path / "site", "--json").stdout)
    assert first["schema"] == 1
    assert (first["read"], first["n_models"], first["n_tasks"]) == (1, 1, 2)
    assert (again["read"], again["written"], again["unchanged"]) == (0, 0, first["written"])


def test_a_title_stays_until_another_is_given(tmp_path: Path) -> None:
    call(REFERENCE, "-o", tmp_path, "--title", "Ours")
    call(REFERENCE, "-o", tmp_path)
    assert "<title>Ours</title>" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("arguments", [(REFERENCE,), (REFERENCE, "--check", "-o", "x"), ("nowhere", "-o", "x")])
def test_misuse_is_one_sentence(arguments: tuple[object, ...]) -> None:
    assert isinstance(call(*arguments).exception, UsageError)


def test_help_ends_in_examples() -> None:
    lines = call("--help").stdout.rstrip().splitlines()
    assert "thinkcurve leaderboard --check" in lines[-1]
    assert max(map(len, lines)) <= 80


def test_a_check_says_what_was_found_and_fails_on_a_wrong_verdict(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(REFERENCE, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["tasks"][0]["fingerprint"] = "0" * 16
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = call("--check", copy)
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert "its problems are others than here" in " ".join(done.stdout.split())


def test_a_check_that_cannot_be_made_is_no_pass(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(REFERENCE, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["tasks"] = [{**task, "spec": "hf:x/y"} for task in manifest["tasks"]]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = call("--check", copy, "--json")
    (found,) = json.loads(done.stdout)["submissions"]
    assert done.exit_code == 3
    assert found["outcome"] == "unknown"
    assert found["n_regraded"] == 0
