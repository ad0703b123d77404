"""docs/examples/gate.yml, its shell steps run one after the other as GitHub would, the model played back."""

import shutil
import sys
from pathlib import Path

import msgspec
import pytest

import thinkcurve
from thinkcurve.problem import Verdict
from thinkcurve.store import Manifest
from thinkcurve.tables import compact
from workflows import Job, run_job

ROOT = Path(thinkcurve.__file__).parents[2]
WORKFLOW = ROOT / "docs" / "examples" / "gate.yml"
REFERENCE = ROOT / "results" / "reference" / "embedded"
GITHUB = {"token": "t0ken", "event.pull_request.number": "7", "repository": "me/mine"}

TELLER = """#!/bin/sh
echo "${0##*/}" "$@" >> told
"""


def job(where: Path, *, limit: int, baseline: Path = REFERENCE, gh: str = TELLER) -> Job:
    """The workflow in a directory with a baseline; ``pip`` and ``gh`` only write down what they were asked."""
    shutil.copytree(baseline, where / "baseline")
    programs = where / "programs"
    programs.mkdir()
    for name in ("gh", "python"):
        (programs / name).write_text(gh if name == "gh" else TELLER)
        (programs / name).chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    env = {"MODEL": f"replay:{REFERENCE}", "LIMIT": str(limit), "BUDGETS": "64,256", "PATH": path, "COLUMNS": "80"}
    return run_job(WORKFLOW, "gate", where, env=env, github=GITHUB)


def better(run: Path, where: Path) -> Path:
    """A baseline that is always right at a budget of 64."""
    loaded = thinkcurve.load_run(run)
    records = loaded.records
    for key, attempt in records.attempts.items():
        if attempt.budget == 64:
            records.attempts[key] = msgspec.structs.replace(attempt, verdict=Verdict.CORRECT)
    where.mkdir()
    compact(where, records)
    manifest: Manifest = loaded.manifest
    (where / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return where


def test_the_same_model_passes_and_the_pull_request_is_told(tmp_path: Path) -> None:
    done = job(tmp_path, limit=100)
    assert [step.rc for step in done.steps] == [None, None, 0, 0, 0, 0, None, 0], done.steps
    assert done.outputs["gate"] == {"code": "0"}
    assert "thinkcurve gate: pass" in done.summary
    told = (tmp_path / "told").read_text()
    assert f"pip install thinkcurve=={thinkcurve.__version__}" in told
    assert "gh pr comment 7 --body-file gate.md" in told
    assert "repos/me/mine/issues/7/comments" in told
    assert (tmp_path / "gate.xml").read_text().startswith("<?xml")


def test_a_regression_fails_the_job_after_it_was_told(tmp_path: Path) -> None:
    done = job(tmp_path, limit=100, baseline=better(REFERENCE, tmp_path / "better"))
    assert done.step("Decide").rc == 1
    assert done.outputs["gate"] == {"code": "1"}
    assert "thinkcurve gate: regressed" in done.summary
    assert "::error title=regressed%3A accuracy@mean%3A5pp::" in done.step("Compare it with the baseline").out
    assert done.step("Tell it on the pull request").rc == 0


def test_an_earlier_comment_of_the_gate_is_written_anew(tmp_path: Path) -> None:
    done = job(tmp_path, limit=10, gh=TELLER + '[ "$3" = PATCH ] || echo 41\n')
    assert done.step("Tell it on the pull request").rc == 0
    told = (tmp_path / "told").read_text()
    assert "api --method PATCH repos/me/mine/issues/comments/41 -F body=@gate.md" in told
    assert "pr comment" not in told


def test_a_comment_that_a_fork_may_not_make_decides_nothing(tmp_path: Path) -> None:
    done = job(tmp_path, limit=100, gh="#!/bin/sh\nexit 1\n")
    assert (done.step("Tell it on the pull request").rc, done.step("Decide").rc) == (1, 0)
    assert "continue-on-error: true" in WORKFLOW.read_text()


def test_too_few_problems_are_not_decided(tmp_path: Path) -> None:
    done = job(tmp_path, limit=10)
    assert (done.step("Decide").rc, done.outputs["gate"]) == (3, {"code": "3"})
    assert "::warning" in done.step("Compare it with the baseline").out


def test_a_baseline_that_is_none_fails_and_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = job(tmp_path, limit=2, baseline=tmp_path / "empty")
    assert done.step("Decide").rc == 2
    assert done.step("Tell it on the pull request").rc is None
    assert "error: " in done.step("Compare it with the baseline").out


@pytest.mark.parametrize("name", ["Install", "Run the new model", "Compare it with the baseline", "Decide"])
def test_every_step_is_there(name: str) -> None:
    assert f"name: {name}\n" in WORKFLOW.read_text()
