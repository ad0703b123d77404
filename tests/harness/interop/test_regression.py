"""The parts of the pytest plugin by themselves: names, studies, words."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from scripts import STUDY, sweep
from thinkcurve.analysis.gate.gate import gate
from thinkcurve.budget import Control
from thinkcurve.errors import UsageError
from thinkcurve.interop.regression import baselines, words
from thinkcurve.interop.regression.studies import study_of
from thinkcurve.problem import Verdict
from thinkcurve.run import Run, load_run
from thinkcurve.store import Records
from thinkcurve.study import Study

HOSTILE = "\x1b[2J</script>\u202ereversed\u2028" + "x" * 1_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(sweep(tmp_path_factory.mktemp("made") / "run"))


def worse(run: Run, n: int, **fields: object) -> Run:
    """The run with its first ``n`` right answers at budget 64 judged wrong."""
    records = Records()
    records.traces, records.attempts = run.records.traces, dict(run.records.attempts)
    at = sorted((a for a in records.attempts.values() if a.budget == 64), key=lambda a: a.index)[:n]
    for attempt in at:
        records.attempts[attempt.key] = msgspec.structs.replace(attempt, verdict=Verdict.INCORRECT, **fields)
    return Run(run.path, run.manifest, records)


def test_names_on_disk_are_safe_and_never_fall_together() -> None:
    assert baselines.safe_name("test_sums") == "test_sums"
    names = ["test[a/b]", "test[a:b]", "test[a b]", "test", "..", "", "/", "ü", "a" * 300, "a" * 299, "CON\x00"]
    safe = [baselines.safe_name(name) for name in names]
    assert len(set(safe)) == len(names)
    assert all(len(name) < 120 and name.strip(".") and not set(name) & set('/\\:*?"<>|\0 ') for name in safe)


def test_a_baseline_lies_beside_its_test_or_where_it_is_told() -> None:
    test = Path("/repo/tests/test_model.py")
    assert baselines.baseline_path(test, "it") == Path("/repo/tests/__thinkcurve__/test_model/it")
    assert baselines.baseline_path(test, "it", Path("/base")) == Path("/base/test_model/it")


def test_a_folder_that_is_no_baseline_is_left_alone(made: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        baselines.update(made, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_baseline_is_written_updated_left_and_mended(made: Run, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "base"
    assert baselines.update(made, path) == "baseline written"
    assert baselines.update(made, path) == "baseline unchanged"
    assert baselines.update(worse(made, 3), path) == "baseline updated"
    assert load_run(path).records.attempts.keys() == made.records.attempts.keys()
    (path / "attempts.parquet").write_bytes(b"torn")
    assert baselines.update(made, path) == "baseline updated"
    assert baselines.update(made, path) == "baseline unchanged"


def test_the_old_baseline_comes_back_where_the_new_one_cannot_be_put(
    made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "base"
    baselines.update(made, path)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    replace, moved = os.replace, []

    def failing(source: Path, target: Path) -> None:
        if Path(source).is_dir():
            moved.append(target)
            if len(moved) == 2:
                raise OSError(28, "no space left")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="no space left"):
        baselines.update(worse(made, 3), path)
    assert len(moved) == 3
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["base"]


def test_a_study_is_the_markers_with_what_the_call_changes() -> None:
    root = Path()
    assert study_of(None, {}, {}, root) == Study()
    marked = {"model": "m", "task": "t", "budgets": (0, None), "baseline": "b"}
    assert study_of(None, {}, marked, root) == Study(models=("m",), tasks=("t",), budgets=(0, None))
    assert study_of(None, {"tasks": ["u", "v"], "limit": 3}, marked, root).tasks == ("u", "v")
    assert study_of(STUDY, {"limit": 3}, marked, root) == msgspec.structs.replace(STUDY, limit=3)
    effort = {"control": "effort", "budgets": ("low", "high")}
    assert study_of(None, effort, {}, root).control is Control.EFFORT
    levels = study_of(None, effort, {}, root)
    assert study_of(levels, {"limit": 2}, {}, root) == msgspec.structs.replace(levels, limit=2)


def test_options_of_a_model_that_is_replaced_go_with_it() -> None:
    study = Study(models=("a", "b"), model_options={"a": {"x": 1}, "b": {"y": 2}})
    assert study_of(study, {"model": "b"}, {}, Path()).model_options == {"b": {"y": 2}}


@pytest.mark.parametrize(
    ("given", "fields", "said"),
    [
        (None, {"budget": (0,)}, "unknown key 'budget'"),
        (None, {"budgets": (64, 0)}, "budgets"),
        (7, {}, "study is 7; give a Study, or the path of a file"),
        (None, {"samples": "many"}, "samples"),
        (None, {"model": "a", "models": ["b"]}, "not both"),
    ],
)
def test_what_is_no_study_is_refused(given: object, fields: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        study_of(given, fields, {}, Path())  # type: ignore[arg-type]


def test_a_study_comes_from_a_file_or_a_manifest(made: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("limit = 7\n")
    assert study_of("s.toml", {}, {}, tmp_path).limit == 7
    assert study_of(made.path / "manifest.json", {}, {}, tmp_path) == STUDY


def test_a_failure_names_budgets_problems_and_how_many_samples(made: Run) -> None:
    new = worse(made, 12)
    text = words.failure(gate(made, new, ["accuracy@64:5pp"]), made, new)
    assert "regressed against the baseline" in text
    assert "✗  accuracy@64:5pp  doubling  64  100.0 %  40.0 %     +60.0" in text
    assert "64: 12 worse, 0 better: doubling/test/0, doubling/test/1, doubling/test/2," in text
    assert "and 4 more" in text


def test_what_a_model_wrote_cannot_move_a_terminal(made: Run) -> None:
    new = worse(made, 12, answer=HOSTILE, answer_ids=None, extracted=HOSTILE, reason=HOSTILE)
    decision = gate(made, new, ["any", "accuracy:5pp"])
    from thinkcurve.analysis.comparison.exact import compare_exactly

    for text in (
        words.failure(decision, made, new),
        words.exact_failure(compare_exactly(made, new), made, new),
        words.summary(decision),
    ):
        assert not any(mark in text for mark in "\x1b\u202e\u2028")
        assert len(text) < 10_000


def test_a_pass_says_what_was_nearest(made: Run) -> None:
    decision = gate(made, made, ["thinking_tokens:10%"])
    assert words.summary(decision).startswith("pass, 5 checks; nearest: thinking_tokens:10% of doubling at ")
