"""A run as inspect's logs: opened by inspect's own reader, and back in as a run."""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from exported import Make, content, fails_at_three, plain_run, twins_run, wishes

from inspect_ai_here import PYTHON, needs_inspect
from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.inspect_log import write
from thinkcurve.interop.exports.lm_eval import write as write_lm_eval
from thinkcurve.interop.imports.item import Wishes
from thinkcurve.interop.imports.write import import_files, write_run
from thinkcurve.questions import read_questions
from thinkcurve.run import Run, load_run
from thinkcurve.store import Failure

HERE = Path(__file__).parent
RUNS = ("plain", "failed", "private", "hostile", "effort")


def exported(run: Run, output: Path) -> list[Path]:
    return [Path(file) for file in write(content(run), output, wishes()).files]


def parts(log: Path) -> dict[str, Any]:
    with zipfile.ZipFile(log) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def rewritten(log: Path, **changes: Any) -> Path:
    """A log with some of its parts changed; ``None`` leaves one out."""
    kept = {name: data for name, data in (parts(log) | changes).items() if data is not None}
    with zipfile.ZipFile(log, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, json.dumps(data))
    return log


def brought_in(folder: Path, *logs: Path, **given: Any) -> Run:
    write_run(import_files(logs, "inspect", wishes=Wishes(**given)), folder)
    return load_run(folder)


@needs_inspect
def test_inspects_own_reader_opens_every_log(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Names, scores, tokens, thinking allowed: what inspect reads is what the run holds."""
    runs: dict[str, Run] = {name: request.getfixturevalue(name) for name in RUNS}
    for name, run in runs.items():
        exported(run, tmp_path / "all" / name)
    words = [PYTHON or "", str(HERE / "read_inspect_logs.py"), str(tmp_path / "all")]
    logs = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert len(logs) == sum(len(curve.points) for run in runs.values() for curve in run.curves())
    for run in runs.values():
        (curve,) = run.curves()
        for point in curve.points:
            (log,) = [log for log in logs if is_of(log, run, point.budget, curve.control == "effort")]
            check_log(log, run, point)


def is_of(log: dict[str, Any], run: Run, budget: int | None, is_effort: bool) -> bool:
    problems = {sample["problem"] for sample in log["samples"]}
    step = log["reasoning_effort"] if is_effort else log["reasoning_tokens"]
    wanted = {1: "minimal", 2: "low", 4: "high"}.get(budget or 0) if is_effort else budget
    mine = {attempt.problem for attempt in run.records.attempts.values()} | {
        failure.problem for failure in run.records.failures.values()
    }
    is_failed = any(sample["error"] for sample in log["samples"]) == bool(run.records.failures)
    return problems == mine and step == wanted and log["model"] == run.curves()[0].model and is_failed


def check_log(log: dict[str, Any], run: Run, point: Any) -> None:
    assert log["status"] == "success"
    assert log["metrics"]["accuracy"] == point.accuracy
    assert log["one"] == log["samples"][0]
    sent = content(run)
    scored = {"correct": "C", "incorrect": "I", "no_answer": "N", "unverified": "I"}
    ours = {(a.problem, a.sample + 1): sent.shown(a) for a in run.records.attempts.values() if a.budget == point.budget}
    n_failed = 0
    for sample in log["samples"]:
        if sample["error"] is not None:
            n_failed += 1
            continue
        attempt = ours.pop((sample["problem"], sample["epoch"]))
        assert (sample["value"], sample["answer"]) == (scored[attempt.verdict], attempt.answer)
        assert (sample["input"], sample["target"]) == (
            sent.question(attempt.problem)[0],
            sent.question(attempt.problem)[1] or "",
        )
        if sample["usage"] is not None:
            told = [attempt.prompt_tokens, attempt.generated_tokens, attempt.total_tokens, attempt.thinking_tokens]
            assert sample["usage"] == told
    assert (ours, n_failed) == ({}, point.failures)
    listed = [[sample["id"], sample["epoch"], sample["error"], sample["value"]] for sample in log["samples"]]
    assert sorted(log["summaries"], key=str) == sorted(listed, key=str)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_comes_back_as_it_went(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(name)
    sent = content(run)
    again = brought_in(tmp_path / "again", *exported(run, tmp_path / "out"))
    assert again.records.attempts == {a.key: a for a in sent.every_attempt()}
    assert again.records.failures == run.records.failures
    assert [(p.budget, p.accuracy, p.ci_low, p.failures) for p in again.curves()[0].points] == [
        (p.budget, p.accuracy, p.ci_low, p.failures) for p in run.curves()[0].points
    ]
    assert again.manifest.finished == run.manifest.finished
    assert again.manifest.study.budgets == run.manifest.study.budgets
    answered = {attempt.problem for attempt in run.records.attempts.values()}
    if name != "private":
        kept = [question for question in read_questions(run.path) if question.problem in answered]
        assert read_questions(again.path) == kept


def test_a_budget_at_which_everything_failed_has_a_log_of_its_own(tmp_path: Path, make: Make) -> None:
    run = make(plain_run, fails_at_three, ids=("doubling/test/3",), budgets=(0,))
    assert run.curves()[0].points[0].accuracy is None
    again = brought_in(tmp_path / "again", *exported(run, tmp_path / "out"))
    assert again.records.failures == run.records.failures != {}


def test_two_models_of_one_task_have_logs_of_their_own(tmp_path: Path, make: Make) -> None:
    run = make(twins_run)
    logs = exported(run, tmp_path / "out")
    assert len(set(logs)) == len(logs) == sum(len(curve.points) for curve in run.curves())
    assert brought_in(tmp_path / "again", *logs).records.attempts == run.records.attempts


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, plain: Run) -> None:
    first, second = ([log.read_bytes() for log in exported(plain, tmp_path / name)] for name in ("a", "b"))
    assert first == second


def test_what_is_not_known_has_no_usage(tmp_path: Path, effort: Run) -> None:
    """inspect counts a missing number as 0, so tokens that nobody counted are left out whole."""
    (log, *_) = exported(effort, tmp_path / "out")
    samples = [part for name, part in parts(log).items() if name.startswith("samples/")]
    unknown = [s for s in samples if s["metadata"]["thinkcurve"]["generated_tokens"] is None]
    assert all("usage" not in sample["output"] for sample in unknown)
    assert all("reasoning_tokens" not in sample["output"].get("usage", {}) for sample in samples)


def test_an_error_that_may_quote_a_hidden_problem_is_left_out(tmp_path: Path, private: Run) -> None:
    run = load_run(private.path)
    first = next(iter(run.records.attempts.values()))
    error = f"HTTP 400: cannot answer 'double {first.index}'"
    place = (first.model, first.task, first.problem, 7, first.budget, first.control)
    run.records.add(Failure(*place, "answer", error))
    for export in (write, write_lm_eval):
        for file in export(content(run), tmp_path / "out", wishes()).files:
            text = json.dumps(parts(Path(file))) if file.endswith(".eval") else Path(file).read_text()
            assert "HTTP 400" not in text


@pytest.mark.parametrize("value", ["edited", "C", "I", 0.5, None])
def test_an_edited_score_is_noticed(tmp_path: Path, plain: Run, value: object) -> None:
    (log, *_) = exported(plain, tmp_path / "out")
    name, sample = next((name, part) for name, part in parts(log).items() if name.startswith("samples/"))
    is_as_it_was = sample["scores"]["thinkcurve"]["value"] == value
    sample["scores"]["thinkcurve"]["value"] = value
    rewritten(log, **{name: sample})
    if is_as_it_was or value is None:
        import_files([log], "inspect")
        return
    with pytest.raises(UsageError, match=r"thinkcurve .* is not what its verdict"):
        import_files([log], "inspect")


def test_a_log_of_ours_that_lost_samples_is_not_finished(tmp_path: Path, plain: Run) -> None:
    (log, *_) = exported(plain, tmp_path / "out")
    name = next(name for name in parts(log) if name.startswith("samples/"))
    found = import_files([rewritten(log, **{name: None})], "inspect")
    assert found.manifest.finished is None
    assert any("holds 39 of the 40 samples" in note for note in found.notes)


def test_samples_of_others_do_not_mix_with_ours(tmp_path: Path, plain: Run) -> None:
    (log, *_) = exported(plain, tmp_path / "out")
    name, sample = next((name, part) for name, part in parts(log).items() if name.startswith("samples/"))
    del sample["metadata"]["thinkcurve"]
    with pytest.raises(UsageError, match="mixes samples that thinkcurve exported with others"):
        import_files([rewritten(log, **{name: sample})], "inspect")


def test_a_further_score_of_inspects_can_be_read_instead(tmp_path: Path, plain: Run) -> None:
    """``inspect score`` writes its scorer beside ours; read by it a log is as any other."""
    (log, *_) = exported(plain, tmp_path / "out")
    samples = {name: part for name, part in parts(log).items() if name.startswith("samples/")}
    for sample in samples.values():
        sample["scores"]["match"] = {"value": "C"}
    found = import_files([rewritten(log, **samples)], "inspect", wishes=Wishes(metric="match"))
    assert {(a.task, a.verdict, a.control) for a in found.records.attempts.values()} == {
        ("inspect:doubling", "correct", "native")
    }
    assert {a.thinking_tokens for a in found.records.attempts.values()} == {0}
