"""docs/examples/gate.yml, its shell steps run one after the other as GitHub would, the model played back."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

import thinkcurve
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Event, Records, write_manifest
from thinkcurve.tables import compact
from workflows import Job, run_job

ROOT = Path(thinkcurve.__file__).parents[2]
WORKFLOW = ROOT / "docs" / "examples" / "gate.yml"
REFERENCE = ROOT / "results" / "reference" / "embedded"
GITHUB = {"token": "t0ken", "event.pull_request.number": "7", "repository": "me/mine"}

TELLER = """#!/bin/sh
echo "${0##*/}" "$@" >> told
"""
PROGRAM = Path(sys.executable).parent / "thinkcurve"


def part(where: Path, *, n: int = 200, edit: Callable[[Attempt], Attempt] = lambda one: one) -> Path:
    """The first problems of one task of the reference run at two budgets, as tables."""
    loaded, records = thinkcurve.load_run(REFERENCE), Records()
    events: list[Event] = [*loaded.records.traces.values(), *loaded.records.attempts.values()]
    for event in events:
        is_wanted = event.task == "arithmetic" and int(event.problem.rpartition("/")[2]) < n
        if is_wanted and isinstance(event, Attempt) and event.budget in (64, 256):
            records.add(edit(event))
        elif is_wanted and not isinstance(event, Attempt):
            records.add(event)
    where.mkdir()
    compact(where, records)
    told, (task, *_) = loaded.manifest, loaded.manifest.tasks
    study = replace(told.study, tasks=("arithmetic",), budgets=(64, 256))
    write_manifest(where, replace(told, study=study, tasks=(replace(task, n_problems=n),)))
    return where


def job(where: Path, *, baseline: Path, model: Path, gh: str = TELLER, instead: str = "") -> Job:
    """The workflow in a directory with a baseline; ``pip`` and ``gh`` only write down what they were asked.

    ``instead`` are lines of a shell that do what ``thinkcurve`` would, where they end it.
    """
    shutil.copytree(baseline, where / "baseline")
    programs = where / "programs"
    programs.mkdir()
    own = f'#!/bin/sh\n{instead}\nexec {PROGRAM} "$@"\n'
    for name, text in (("gh", gh), ("python", TELLER), ("thinkcurve", own)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}:/usr/bin:/bin"
    env = {"MODEL": f"replay:{model}", "LIMIT": "100", "BUDGETS": "64,256", "OPTIONS": "", "PATH": path}
    return run_job(WORKFLOW, "gate", where, env={**env, "COLUMNS": "80"}, github=GITHUB)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part(tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def passed(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Job]:
    """The whole job, with every step as it is: the model of the baseline again."""
    where = tmp_path_factory.mktemp("passed")
    return where, job(where, baseline=whole, model=whole)


def made_before(passed: tuple[Path, Job], *, also_gate: bool = False) -> str:
    """What the whole job made in place of making it again: the run, and if need be the gate."""
    run = f'[ "$1" = run ] && exec cp -R {passed[0]}/new new'
    gate = f'[ "$1" = compare ] && exec cp {passed[0]}/gate.md {passed[0]}/gate.xml .'
    return f"{run}\n{gate}" if also_gate else run


def test_the_same_model_passes_and_the_pull_request_is_told(passed: tuple[Path, Job]) -> None:
    where, done = passed
    assert [step.rc for step in done.steps] == [None, None, 0, 0, 0, 0, None, 0], done.steps
    assert done.outputs["gate"] == {"code": "0"}
    assert "thinkcurve gate: pass" in done.summary
    told = (where / "told").read_text()
    assert f"pip install thinkcurve=={thinkcurve.__version__}" in told
    assert "gh pr comment 7 --body-file gate.md" in told
    assert "repos/me/mine/issues/7/comments" in told
    assert (where / "gate.xml").read_text().startswith("<?xml")


def test_a_regression_fails_the_job_after_it_was_told(passed: tuple[Path, Job], whole: Path, tmp_path: Path) -> None:
    better = part(tmp_path / "better", edit=lambda a: replace(a, verdict=Verdict.CORRECT) if a.budget == 64 else a)
    done = job(tmp_path, baseline=better, model=whole, instead=made_before(passed))
    assert done.step("Decide").rc == 1
    assert done.outputs["gate"] == {"code": "1"}
    assert "thinkcurve gate: regressed" in done.summary
    assert "::error title=regressed%3A accuracy@mean%3A5pp::" in done.step("Compare it with the baseline").out
    assert done.step("Tell it on the pull request").rc == 0


def test_an_earlier_comment_of_the_gate_is_written_anew(passed: tuple[Path, Job], whole: Path, tmp_path: Path) -> None:
    gh = TELLER + '[ "$3" = PATCH ] || echo 41\n'
    done = job(tmp_path, baseline=whole, model=whole, gh=gh, instead=made_before(passed, also_gate=True))
    assert done.step("Tell it on the pull request").rc == 0
    told = (tmp_path / "told").read_text()
    assert "api --method PATCH repos/me/mine/issues/comments/41 -F body=@gate.md" in told
    assert "pr comment" not in told


def test_a_comment_that_a_fork_may_not_make_decides_nothing(
    passed: tuple[Path, Job], whole: Path, tmp_path: Path
) -> None:
    gh = "#!/bin/sh\nexit 1\n"
    done = job(tmp_path, baseline=whole, model=whole, gh=gh, instead=made_before(passed, also_gate=True))
    assert (done.step("Tell it on the pull request").rc, done.step("Decide").rc) == (1, 0)
    assert "continue-on-error: true" in WORKFLOW.read_text()


def test_too_few_problems_are_not_decided(whole: Path, tmp_path: Path) -> None:
    few = part(tmp_path / "few", n=10)
    done = job(tmp_path, baseline=few, model=whole, instead=f'[ "$1" = run ] && exec cp -R {few} new')
    assert (done.step("Decide").rc, done.outputs["gate"]) == (3, {"code": "3"})
    assert "::warning" in done.step("Compare it with the baseline").out


def test_a_run_with_failures_is_compared_all_the_same(passed: tuple[Path, Job], whole: Path, tmp_path: Path) -> None:
    instead = f'[ "$1" = run ] && {{ cp -R {passed[0]}/new new; exit 3; }}\n{made_before(passed, also_gate=True)}'
    done = job(tmp_path, baseline=whole, model=whole, instead=instead)
    assert (done.step("Run the new model").rc, done.step("Decide").rc) == (0, 0)


def test_a_baseline_that_is_none_fails_and_tells_nothing(passed: tuple[Path, Job], whole: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = job(tmp_path, baseline=tmp_path / "empty", model=whole, instead=made_before(passed))
    assert done.step("Decide").rc == 2
    assert done.step("Tell it on the pull request").rc is None
    assert "error: " in done.step("Compare it with the baseline").out


@pytest.mark.parametrize("name", ["Install", "Run the new model", "Compare it with the baseline", "Decide"])
def test_every_step_is_there(name: str) -> None:
    assert f"name: {name}\n" in WORKFLOW.read_text()
