"""A run as lm-eval's files: found, read and summed up by lm-eval's own code."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from exported import Make, content, lines, plain_run, wishes
from lm_eval.loggers.evaluation_tracker import EvaluationTracker
from lm_eval.utils import (
    get_file_datetime,
    get_file_task_name,
    get_results_filenames,
    get_sample_results_filenames,
    hash_string,
    make_table,
)
from made_lm_eval import doubling, doublings, evaluate, scripted, write_task

from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.content import Written
from thinkcurve.interop.exports.lm_eval import metric_name, write
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt

STRICT = {"metric": "exact_match", "filter": "strict-match"}
"""What lm-eval's gsm8k calls its score."""


def exported(run: Run, output: Path, **wished: str) -> Written:
    return write(content(run), output, wishes(**wished))


def read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The results file and the samples of a folder that holds one evaluation."""
    (results,) = folder.rglob("results_*.json")
    (samples,) = folder.rglob("samples_*.jsonl")
    return json.loads(results.read_text()), lines(samples)


def test_every_score_and_every_field_of_every_attempt_is_there(tmp_path: Path, plain: Run) -> None:
    run = plain
    written = exported(run, tmp_path / "out")
    (curve,) = run.curves()
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["budget-0", "budget-8", "budget-none"]
    found = {}
    for point, name in zip(curve.points, ("budget-0", "budget-8", "budget-none"), strict=True):
        results, samples = read(tmp_path / "out" / name)
        assert results["results"]["doubling"]["acc,none"] == point.accuracy
        assert results["results"]["doubling"]["acc_stderr,none"] == point.se
        assert results["config"]["model_args"]["budget"] == ("none" if point.budget is None else point.budget)
        assert len(samples) == point.n_attempts == 40
        assert sum(line["acc"] for line in samples) / 40 == pytest.approx(point.accuracy)
        assert all(line["acc"] == (line["thinkcurve"]["verdict"] == "correct") for line in samples)
        found |= {(a["problem"], a["sample"], a["budget"]): a for a in (line["thinkcurve"] for line in samples)}
    assert len(found) == len(run.records.attempts) == written.attempts == 120
    for attempt in run.records.attempts.values():
        line = found[attempt.problem, attempt.sample, attempt.budget]
        assert {key: line[key] for key in ("verdict", "answer", "thinking_tokens", "wall_s", "usd")} == {
            "verdict": str(attempt.verdict),
            "answer": attempt.answer,
            "thinking_tokens": attempt.thinking_tokens,
            "wall_s": attempt.wall_s,
            "usd": attempt.usd,
        }
        assert set(Attempt.__struct_fields__) <= set(line)


def test_documents_are_the_problems(tmp_path: Path, plain: Run) -> None:
    exported(plain, tmp_path / "out")
    _, samples = read(tmp_path / "out" / "budget-8")
    line = next(line for line in samples if line["doc_id"] == 7)
    assert (line["doc"]["id"], line["doc"]["question"], line["target"]) == ("doubling/test/7", "double 7", "14")
    assert line["prompt_hash"] == hash_string("double 7")
    assert line["doc_hash"] == hash_string(json.dumps(line["doc"], indent=2, ensure_ascii=False))
    assert line["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"] == 32


def test_the_files_have_the_keys_of_those_that_lm_eval_writes(tmp_path: Path, make: Make) -> None:
    """lm-eval evaluates, and its tracker saves; what it wrote, we write, under the same names and types."""
    number = {"function": "regex", "regex_pattern": r"(-?\d+)"}
    filters = [{"name": "strict-match", "filter": [number, {"function": "take_first"}]}]
    folder = write_task(tmp_path / "tasks", "twice", doublings(), filter_list=filters)
    theirs = evaluate(scripted(doubling), folder, "twice")
    samples = theirs.pop("samples")
    tracker = EvaluationTracker(output_path=str(tmp_path / "theirs"))
    tracker.general_config_tracker.log_experiment_args("thinkcurve", {"model": "scripted"}, None, None, False)
    tracker.save_results_aggregated(results=theirs, samples=samples)
    tracker.save_results_samples("twice", samples["twice"])
    exported(make(plain_run, budgets=(16,)), tmp_path / "ours", **STRICT)

    results, (line, *_) = read(tmp_path / "theirs")
    our_results, (our_line, *_) = read(tmp_path / "ours")
    machine = {"pretty_env_info", "transformers_version", "lm_eval_version", "upper_git_hash"}  # lm-eval did not run
    assert set(results) - machine == set(our_results) - {"thinkcurve"}
    assert set(line) == set(our_line) - {"thinkcurve"}
    for key in set(line) & set(our_line) - {"doc", "target", "metrics"}:
        assert type(line[key]) is type(our_line[key]), key
    for key in ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples"):
        assert set(our_results[key]) == {"doubling"}
    assert set(our_results["results"]["doubling"]) == set(results["results"]["twice"])
    assert set(results["n-samples"]["twice"]) == set(our_results["n-samples"]["doubling"])
    assert [row[:4] for row in table(results)] == [row[:4] for row in table(our_results)]
    assert table(our_results)[0][:4] == ["strict-match", "0", "exact_match", "↑"]


def table(results: dict[str, Any]) -> list[list[str]]:
    """The rows of lm-eval's own table: filter, shots, metric, direction, value, ..."""
    rows = make_table(results).splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")][2:] for row in rows]


def test_a_score_stands_beside_lm_evals_own_under_its_name(tmp_path: Path, plain: Run) -> None:
    """Two results of one task in one table of lm-eval: the same filter and metric in both rows."""
    exported(plain, tmp_path / "out", **STRICT)
    results, samples = read(tmp_path / "out" / "budget-8")
    (point,) = [point for point in plain.curves()[0].points if point.budget == 8]
    own = {"name": "gsm8k", "alias": "gsm8k", "exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.1}
    for key, value in (("results", own), ("versions", 3), ("n-shot", 0), ("higher_is_better", {"exact_match": True})):
        results[key]["gsm8k"] = value
    results["group_subtasks"]["gsm8k"] = []
    ours, theirs = table(results)
    assert ours[:4] == theirs[:4] == ["strict-match", "0", "exact_match", "↑"]
    assert (float(ours[4]), float(ours[6])) == pytest.approx((point.accuracy, point.se), abs=1e-4)
    assert (float(theirs[4]), float(theirs[6])) == (0.5, 0.1)
    assert {(line["filter"], *line["metrics"]) for line in samples} == {("strict-match", "exact_match")}
    assert sum(line["exact_match"] for line in samples) / 40 == pytest.approx(point.accuracy)
    assert not any("acc" in line for line in samples)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("", "is not METRIC or METRIC,FILTER"),
        ("acc,", "is not METRIC or METRIC,FILTER"),
        (",none", "is not METRIC or METRIC,FILTER"),
        ("a,b,c", "is not METRIC or METRIC,FILTER"),
        ("</script>", "is not METRIC or METRIC,FILTER"),
        ("acc\n", "is not METRIC or METRIC,FILTER"),
        ("doc_id", "means something else in lm-eval's files"),
        ("thinkcurve,none", "means something else"),
        ("acc_stderr", "means something else"),
    ],
)
def test_a_name_that_lm_eval_would_read_otherwise_is_refused(given: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        metric_name(given)


def test_a_metric_has_no_filter_unless_one_is_named() -> None:
    assert metric_name("exact_match") == ("exact_match", "none")
    assert metric_name("exact_match,strict-match") == ("exact_match", "strict-match")


class Hub:
    """As much of the hub as lm-eval asks when it lists evaluations: the files that there are."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def list_repo_files(self, repo_id: str, repo_type: str) -> list[str]:
        return [str(path.relative_to(self.root)) for path in sorted(self.root.rglob("*")) if path.is_file()]


def test_lm_eval_lists_them_and_loads_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: Run) -> None:
    """lm-eval's loader: it pairs files by their names, loads results with `datasets` and writes a card."""
    import huggingface_hub

    exported(plain, tmp_path / "out", **STRICT)
    root = tmp_path / "out" / "budget-8"
    cards: list[str] = []
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub, "hf_hub_url", lambda repo_id, filename, repo_type: str(root / filename))
    monkeypatch.setattr(huggingface_hub.DatasetCard, "push_to_hub", lambda card, *_, **__: cards.append(str(card)))
    tracker = EvaluationTracker(public_repo=True)
    tracker.api = Hub(root)  # type: ignore[assignment]  # no network here
    tracker.recreate_metadata_card()
    assert "adder__doubling" in cards[0]
    assert "split: latest" in cards[0]
    assert '"exact_match,strict-match"' in cards[0]


def test_names_are_read_as_lm_eval_reads_them(tmp_path: Path, plain: Run) -> None:
    written = exported(plain, tmp_path / "out")
    results, samples = get_results_filenames(list(written.files)), get_sample_results_filenames(list(written.files))
    assert (len(results), len(samples)) == (3, 3)
    assert {get_file_task_name(Path(name).name) for name in samples} == {"doubling"}
    assert len({get_file_datetime(Path(name).name) for name in samples}) == 1


def test_samples_load_as_a_data_set_and_results_as_a_table(tmp_path: Path, plain: Run) -> None:
    import datasets

    exported(plain, tmp_path / "out")
    (file,) = (tmp_path / "out" / "budget-8").rglob("samples_*.jsonl")
    table = datasets.load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert sum(table["acc"]) == sum(row["verdict"] == "correct" for row in table["thinkcurve"])
    results, _ = read(tmp_path / "out" / "budget-none")
    assert "|doubling|" in make_table(results).replace(" ", "")


def test_what_failed_has_no_line_and_is_told(tmp_path: Path, failed: Run) -> None:
    written = exported(failed, tmp_path / "out")
    results, samples = read(tmp_path / "out" / "budget-0")
    assert 3 not in {line["doc_id"] for line in samples}
    assert results["n-samples"]["doubling"] == {"original": 20, "effective": 19}
    assert {failure["problem"] for failure in results["thinkcurve"]["failures"]} == {"doubling/test/3"}
    assert any("6 attempts failed" in words for words in written.left_out)


def test_what_may_not_be_shown_stays_out_and_its_score_stays_in(tmp_path: Path, private: Run) -> None:
    run = private
    written = exported(run, tmp_path / "out")
    text = "".join(path.read_text() for path in (tmp_path / "out").rglob("*.json*"))
    assert "double 1" not in text
    assert "\\boxed" not in text
    _, samples = read(tmp_path / "out" / "budget-64")
    assert sum(line["acc"] for line in samples) / 4 == run.curves()[0].points[-1].accuracy == 1
    assert any("authors ask not to show" in words for words in written.left_out)


def test_a_run_without_a_table_of_problems_says_what_may_be_shown_by_its_manifest(
    tmp_path: Path, plain: Run, private: Run
) -> None:
    for run, n_shown in ((plain, 40), (private, 0)):
        folder = tmp_path / str(n_shown)
        shutil.copytree(run.path, folder / "run")
        (folder / "run" / "problems.parquet").unlink()
        exported(load_run(folder / "run"), folder / "out")
        _, samples = read(folder / "out" / "budget-0")
        assert sum(line["resps"] != [[""]] for line in samples) == n_shown
        assert {line["doc"]["question"] for line in samples} == {""}


def test_hostile_names_and_answers_come_back_as_they_were(tmp_path: Path, hostile: Run) -> None:
    run = hostile
    written = exported(run, tmp_path / "out")
    for path in map(Path, written.files):
        assert path.resolve().is_relative_to((tmp_path / "out").resolve())
        assert path.name.isascii()
        assert path.read_bytes().isascii()
    _, samples = read(tmp_path / "out" / "budget-64")
    kept = {(line["thinkcurve"]["problem"], line["resps"][0][0]) for line in samples}
    assert kept == {(a.problem, a.answer) for a in run.records.attempts.values() if a.budget == 64}
    assert max(len(answer) for _, answer in kept) == 1_000_000


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, plain: Run) -> None:
    run = plain
    first = {path: Path(path).read_bytes() for path in exported(run, tmp_path / "out").files}
    second = {path: Path(path).read_bytes() for path in exported(run, tmp_path / "out").files}
    assert first == second
