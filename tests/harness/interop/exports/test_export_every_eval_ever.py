"""A run as records of Every Eval Ever: what is in them, and that its own validator takes them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from every_eval_ever_package import package
from exported import Make, content, effort_run, lines, plain_run, tiny_run, twins_run, wishes

from thinkcurve.interop.exports import lm_eval
from thinkcurve.interop.exports.content import Written
from thinkcurve.interop.exports.every_eval_ever import write
from thinkcurve.run import Run

needs_package = pytest.mark.skipif(
    package() is None, reason="fetch it: python tests/harness/interop/exports/every_eval_ever_package.py"
)


def exported(run: Run, output: Path, **fields: Any) -> Written:
    return write(content(run), output, wishes(**fields))


def read(written: Written) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record and the lines of a run that has one curve."""
    record, samples = map(Path, written.files)
    return json.loads(record.read_text()), lines(samples)


def validate(*paths: str | Path) -> subprocess.CompletedProcess[str]:
    """Every Eval Ever's own validator on files: 0 clean, 1 errors, 2 warnings."""
    command = [sys.executable, "-m", "every_eval_ever.validator.validate", "--format", "github", *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": str(package())}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def test_a_curve_is_a_record_with_a_result_a_budget(tmp_path: Path, plain: Run) -> None:
    run = plain
    record, samples = read(exported(run, tmp_path / "out", organization="us", relationship="third_party"))
    (curve,) = run.curves()
    results = record["evaluation_results"]
    assert [r["score_details"]["score"] for r in results] == [point.accuracy for point in curve.points]
    told = [r["generation_config"]["additional_details"] for r in results]
    assert [details["budget"] for details in told] == ["0", "8", "none"]
    assert {details["control"] for details in told} == {"truncate"}
    assert [r["generation_config"]["generation_args"].get("max_tokens") for r in results] == [32, 40, None]
    bounds = results[1]["score_details"]["uncertainty"]["confidence_interval"]
    assert (bounds["lower"], bounds["upper"]) == (curve.points[1].ci_low, curve.points[1].ci_high)
    assert float(results[1]["score_details"]["details"]["thinking_tokens"]) == curve.points[1].thinking_tokens
    assert record["source_metadata"]["source_organization_name"] == "us"
    assert len(samples) == record["detailed_evaluation_results"]["total_rows"] == 120


def test_every_attempt_is_a_line_of_the_result_it_counts_in(tmp_path: Path, plain: Run) -> None:
    run = plain
    written = exported(run, tmp_path / "out")
    record, samples = read(written)
    for result in record["evaluation_results"]:
        own = [line for line in samples if line["evaluation_result_id"] == result["evaluation_result_id"]]
        scores = [line["evaluation"]["score"] for line in own]
        assert sum(scores) / len(scores) == pytest.approx(result["score_details"]["score"])
    kept = {(line["sample_id"], line["metadata"]["sample"], line["metadata"]["budget"]): line for line in samples}
    for attempt in run.records.attempts.values():
        budget = "none" if attempt.budget is None else str(attempt.budget)
        line = kept[attempt.problem, str(attempt.sample), budget]
        assert line["output"]["raw"] == [attempt.answer]
        assert line["evaluation"]["is_correct"] == (attempt.verdict == "correct")
        assert line["token_usage"]["total_tokens"] == attempt.total_tokens
    checksum = hashlib.sha256(Path(written.files[1]).read_bytes()).hexdigest()
    assert record["detailed_evaluation_results"]["checksum"] == checksum


def test_thinking_is_there_where_it_is_the_whole_trace(tmp_path: Path, plain: Run) -> None:
    run = plain
    _, samples = read(exported(run, tmp_path / "out"))
    traces = {(t.problem, str(t.sample)): t for t in run.records.traces.values()}
    for line in samples:
        trace = traces[line["sample_id"], line["metadata"]["sample"]]
        is_whole = line["token_usage"]["reasoning_tokens"] == trace.thinking_tokens
        assert line["output"]["reasoning_trace"] == ([trace.text] if is_whole else None)
    assert {line["output"]["reasoning_trace"] is None for line in samples} == {True, False}


def test_nothing_is_claimed_that_is_not_known(tmp_path: Path, plain: Run) -> None:
    written = exported(plain, tmp_path / "out")
    record, samples = read(written)
    assert record["model_info"]["id"] == "local/adder"
    assert record["model_info"]["additional_details"]["model_availability"] == "unknown"
    assert "usd" not in record["evaluation_results"][0]["score_details"]["details"]
    assert "usd" not in samples[0]["metadata"]
    assert any("--organization" in words for words in written.left_out)


def test_the_hub_s_data_set_is_the_source_where_it_is_named(tmp_path: Path, plain: Run) -> None:
    run = plain
    record, _ = read(
        exported(run, tmp_path / "out", benchmarks={"doubling": "me/doubles"}, model_ids={"adder": "org/add"})
    )
    source = record["evaluation_results"][0]["source_data"]
    assert (source["source_type"], source["hf_repo"], source["hf_split"]) == ("hf_dataset", "me/doubles", "test")
    assert record["model_info"]["id"] == "org/add"


def test_a_ladder_of_effort_has_no_limit_of_tokens_and_its_levels_by_name(tmp_path: Path, effort: Run) -> None:
    record, samples = read(exported(effort, tmp_path / "out"))
    told = [result["generation_config"] for result in record["evaluation_results"]]
    assert [config["additional_details"]["budget"] for config in told] == ["minimal", "low", "high"]
    assert {config["additional_details"]["budget_unit"] for config in told} == {"level"}
    assert all("max_tokens" not in config["generation_args"] for config in told)
    assert record["model_info"]["id"] == "maker/scripted-chat"
    assert record["model_info"]["additional_details"]["deployment_type"] == "externally_managed"
    assert all("reasoning_tokens" not in (line["token_usage"] or {}) for line in samples)


def test_a_run_exported_twice_is_one_record(tmp_path: Path, plain: Run, make: Make) -> None:
    run = plain
    assert exported(run, tmp_path / "out").files == exported(run, tmp_path / "out").files
    other = make(plain_run, seed=1)
    assert not set(exported(other, tmp_path / "out").files) & set(exported(run, tmp_path / "out").files)


@needs_package
def test_its_validator_takes_every_kind_of_run(
    tmp_path: Path, plain: Run, failed: Run, private: Run, hostile: Run, effort: Run, make: Make
) -> None:
    runs = [plain, failed, private, hostile, effort, make(tiny_run), make(effort_run), make(twins_run)]
    files = [file for run in runs for file in exported(run, tmp_path / "out", organization="us").files]
    assert len(files) == 18
    done = validate(*files)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr[-2000:]


@needs_package
def test_its_validator_would_have_said_so(tmp_path: Path, plain: Run) -> None:
    written = exported(plain, tmp_path / "out", organization="us")
    record, samples = map(Path, written.files)
    samples.write_text(samples.read_text().split("\n", 1)[1])
    assert "total_rows does not match" in validate(record).stdout
    record.write_text(record.read_text().replace('"lower_is_better": false', '"lower_is_better": "no"', 1))
    assert validate(record).returncode == 1


@needs_package
def test_its_converter_reads_our_files_of_lm_eval(tmp_path: Path, plain: Run) -> None:
    """A reader of lm-eval's files that is neither lm-eval nor ours finds the same scores, record by record."""
    run = plain
    lm_eval.write(content(run), tmp_path / "out", wishes())
    code = (
        "import json, sys\n"
        "from every_eval_ever.converters.lm_eval.adapter import LMEvalAdapter\n"
        "from every_eval_ever.converters.lm_eval.instance_level_adapter import LMEvalInstanceLevelAdapter\n"
        "from every_eval_ever.converters.lm_eval.utils import find_samples_file\n"
        "adapter, found = LMEvalAdapter(), []\n"
        "for log in adapter.transform_from_directory(sys.argv[1], {'inference_engine': 'x'}):\n"
        "    place = adapter.get_eval_metadata(log.evaluation_id)\n"
        "    found.append([r.score_details.score for r in log.evaluation_results])\n"
    )
    probe = code + "print(json.dumps(found))"
    environment = {**os.environ, "PYTHONPATH": str(package())}
    done = subprocess.run(
        [sys.executable, "-c", probe, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(json.loads(done.stdout)) == sorted([point.accuracy] for point in run.curves()[0].points)
