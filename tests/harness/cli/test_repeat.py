"""``thinkcurve run results/X/manifest.json``: a study once more, from what its run recorded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from thinkcurve.cli.repeat import agreement, first_run, repeat_directory, study_again
from thinkcurve.errors import UsageError
from thinkcurve.run import load_run, sweep
from thinkcurve.store import Manifest, manifest_path, read_manifest, write_manifest
from thinkcurve.study import Study

STUDY = Study(tasks=("arithmetic",), limit=4, budgets=(0, 16, None), samples=2, temperature=0.9, seed=5)


def call(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thinkcurve.cli.main", "run", *map(str, args)]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repeat") / "first"
    sweep(STUDY, path)
    return path


@pytest.fixture
def first(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results" / "first"))


def rewritten(run: Path, **fields: object) -> Manifest:
    manifest = msgspec.structs.replace(read_manifest(run), **fields)
    write_manifest(run, manifest)
    return manifest


def with_fingerprint(run: Path, fingerprint: str) -> None:
    (model,) = read_manifest(run).models
    rewritten(run, models=(msgspec.structs.replace(model, info={**model.info, "fingerprint": fingerprint}),))


def test_a_study_is_repeated_beside_its_first_run_token_for_token(first: Path, tmp_path: Path) -> None:
    done = call("results/first/manifest.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("As in results/first: 24 attempts, the same token for token, and every verdict.\n"), (
        done.stderr
    )
    again = load_run(tmp_path / "results" / "first-again")
    assert again.manifest.study == STUDY
    assert set(again.records.attempts) == set(load_run(first).records.attempts)


def test_a_replay_needs_no_model_and_says_where_it_parts(first: Path, tmp_path: Path) -> None:
    records = load_run(first).records
    other = next(a for a in records.attempts.values() if a.budget is None)
    journal = first / "journal.jsonl"
    changed = msgspec.structs.replace(other, extracted="none of it", rung="by hand")
    journal.write_bytes(journal.read_bytes() + msgspec.json.encode(changed) + b"\n")
    done = call("results/first", "-m", "replay:results/first", "-o", "played", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "23 of 24 attempts are the same, token for token" in done.stderr
    assert "thinkcurve compare --exact results/first played" in done.stderr


def test_another_model_under_the_name_is_refused_before_anything_is_written(first: Path, tmp_path: Path) -> None:
    with_fingerprint(first, "feedfeedfeedfeed")
    done = call("results/first/manifest.json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: model 'embedded' is not what it was in 'results/first' (fingerprint feedfeed")
    assert "name it: -m embedded" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results" / "first-again").exists()
    named = call("results/first/manifest.json", "-m", "embedded", "--limit", "1", cwd=tmp_path)
    assert named.returncode == 0, named.stderr


@pytest.mark.parametrize(
    ("flag", "is_refused"), [({}, True), ({"tasks": ("arithmetic",)}, False), ({"limit": 2}, False)]
)
def test_other_problems_are_refused_unless_a_flag_asks_for_them(
    first: Path, flag: dict[str, object], is_refused: bool
) -> None:
    now = read_manifest(first)
    for key, word in (("fingerprint", "problems"), ("prompt_fingerprint", "prompts")):
        before = msgspec.structs.replace(now.tasks[0], **{key: "0" * 16})
        rewritten(first, tasks=(before,))
        check = agreement(first, flag)
        if is_refused:
            with pytest.raises(UsageError, match=f"task 'arithmetic' has other {word} than in"):
                check(now)
        else:
            check(now)


def test_other_sampling_is_refused_and_what_was_not_recorded_is_not(first: Path) -> None:
    now = read_manifest(first)
    (model,) = now.models
    assert model.sampling is not None
    hotter = msgspec.structs.replace(model, sampling=msgspec.structs.replace(model.sampling, temperature=1.5))
    rewritten(first, models=(hotter,))
    with pytest.raises(UsageError, match="sampling"):
        agreement(first, {})(now)
    rewritten(first, models=(msgspec.structs.replace(model, sampling=None, info={"name": "x"}),))
    agreement(first, {})(now)


def test_data_of_the_hub_is_read_at_the_revision_that_was_read(first: Path) -> None:
    (task,) = read_manifest(first).tasks
    study = msgspec.structs.replace(
        STUDY, tasks=("hf:a/b", "hf:c/d", "arithmetic"), task_options={"hf:c/d": {"x": "1"}}
    )
    records = [
        msgspec.structs.replace(task, name=spec, spec=spec, revision=revision)
        for spec, revision in (("hf:a/b", "1" * 40), ("hf:c/d", "2" * 40), ("arithmetic", "3" * 40))
    ]
    rewritten(first, study=study, tasks=tuple(records))
    assert study_again(first).task_options == {
        "hf:a/b": {"revision": "1" * 40},
        "hf:c/d": {"x": "1", "revision": "2" * 40},
    }


def test_a_study_pinned_by_its_user_stays_so(first: Path) -> None:
    (task,) = read_manifest(first).tasks
    options = {"hf:a/b": {"revision": "main"}}
    study = msgspec.structs.replace(STUDY, tasks=("hf:a/b",), task_options=options)
    record = msgspec.structs.replace(task, name="hf:a/b", spec="hf:a/b", revision="1" * 40)
    rewritten(first, study=study, tasks=(record,))
    assert study_again(first).task_options == options


def test_where_a_repeat_goes(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert repeat_directory(first, None) == Path("results") / "first-again"
    assert repeat_directory(first, Path("elsewhere")) == Path("elsewhere")
    with pytest.raises(UsageError, match="is the run that is to be repeated"):
        repeat_directory(first, Path("results/first"))


def test_only_a_run_is_repeated(first: Path, tmp_path: Path) -> None:
    assert first_run(None) is None
    assert first_run(tmp_path / "study.toml") is None
    assert first_run(first) == first_run(manifest_path(first)) == first
    empty = call(tmp_path, cwd=tmp_path)
    assert (empty.returncode, empty.stderr) == (2, f"error: {str(tmp_path)!r} is not a run: it has no manifest.json\n")
    manifest_path(first).write_text("{")
    broken = call(manifest_path(first), cwd=tmp_path)
    assert (broken.returncode, len(broken.stderr.splitlines())) == (2, 1)
    assert "is damaged" in broken.stderr
