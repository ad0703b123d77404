"""lm-eval's samples as runs: those that lm-eval itself wrote, those of one's own making, and those that we exported."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exported import content, plain_run, wishes
from lm_eval.loggers import EvaluationTracker
from lm_eval_lines import line, write
from made_lm_eval import doublings, evaluate, scripted, write_task

from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.lm_eval import write as export
from thinkcurve.interop.imports.assemble import Imported
from thinkcurve.interop.imports.item import Wishes
from thinkcurve.interop.imports.write import import_files, write_run
from thinkcurve.questions import read_questions
from thinkcurve.regrade import chosen_again
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt
from thinkcurve_backends.scripted import Asked


def imported(*files: Path, budgets: str | None = None, control: str | None = None, **given: Any) -> Imported:
    return import_files(files, "lm-eval", wishes=Wishes(**given), budgets=budgets, control=control)


def run_of(folder: Path, found: Imported) -> Run:
    write_run(found, folder)
    return load_run(folder)


def attempts(found: Imported) -> list[Attempt]:
    return sorted(
        found.records.attempts.values(), key=lambda attempt: (attempt.budget or 0, attempt.index, attempt.sample)
    )


def doubled_once_thought(asked: Asked) -> str:
    """Wrong without thinking."""
    number = int(asked.prompt.split()[-1])
    return "let me see" if asked.wants_thinking else str(2 * number if asked.thinking else 0)


def save(results: dict[str, Any], out: Path) -> None:
    """Write an evaluation as lm-eval's command does."""
    tracker = EvaluationTracker(output_path=str(out))
    samples = results.pop("samples")
    tracker.general_config_tracker.model_name_sanitized = "scripted"
    tracker.save_results_aggregated(results=results, samples=samples)
    tracker.save_results_samples(task_name="doubling", samples=samples["doubling"])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[int, int], float]]:
    """What lm-eval wrote of our model at two budgets, and the scores that it gave by budget and document."""
    folder = tmp_path_factory.mktemp("saved")
    task = write_task(folder / "task", "doubling", [*doublings(), {"question": "double 9", "answer": "19"}])
    scores = {}
    for budget in (0, 16):
        lm = scripted(doubled_once_thought, budget=budget, usage=str(folder / "usage.jsonl"))
        results = evaluate(lm, task, "doubling")
        scores |= {(budget, s["doc_id"]): s["exact_match"] for s in results["samples"]["doubling"]}
        save(results, folder / f"out-{budget}")
    return folder, scores


def test_what_lm_eval_saved_comes_back_score_by_score(tmp_path: Path, saved: Any) -> None:
    folder, scores = saved
    found = imported(folder / "out-0", folder / "out-16")
    assert {a.budget: a.control for a in attempts(found)} == {0: "native", 16: "native"}
    assert {(a.budget, a.index): float(a.verdict == "correct") for a in attempts(found)} == scores
    assert {a.model for a in attempts(found)} == {"scripted"}
    assert 0 < sum(a.verdict == "correct" for a in attempts(found)) < 14
    (curve,) = run_of(tmp_path / "run", found).curves()
    assert [(p.budget, p.n_problems, p.thinking_tokens, p.usd, p.wall_s) for p in curve.points] == [
        (0, 7, None, None, None),
        (16, 7, None, None, None),
    ]
    assert not any(curve.knows_forced(point) for point in curve.points)


def test_the_usage_of_our_own_model_gives_its_costs_back(tmp_path: Path, saved: Any) -> None:
    folder, scores = saved
    found = imported(folder / "out-0", folder / "out-16", usage=folder / "usage.jsonl")
    assert {(a.budget, a.index): float(a.verdict == "correct") for a in attempts(found)} == scores
    (curve,) = run_of(tmp_path / "run", found).curves()
    assert curve.control == "truncate"
    assert [(p.thinking_tokens, p.forced) for p in curve.points] == [(0, 7), (10, 0)]
    assert all(p.total_tokens and p.wall_s for p in curve.points)
    assert curve.thinking_source == {"ids": 14}
    other = tmp_path / "usage.jsonl"
    lines = (folder / "usage.jsonl").read_text()
    other.write_text(lines + lines.splitlines()[0].replace('"sample":0', '"sample":1') + "\n")
    with pytest.raises(UsageError, match="one score for several responses"):
        imported(folder / "out-0", usage=other)
    other.write_text((folder / "usage.jsonl").read_text().splitlines()[0] + "\n")
    with pytest.raises(UsageError, match="the usage file has no line of this answer"):
        imported(folder / "out-0", usage=other)
    other.write_text("{}")
    with pytest.raises(UsageError, match=r"usage\.jsonl:1 is no line of a usage file"):
        imported(folder / "out-0", usage=other)


def test_files_at_given_budgets_are_one_curve(tmp_path: Path) -> None:
    write(tmp_path / "low", [line(0, 0.0), line(1, 0.0), line(2, 1.0)])
    write(tmp_path / "high", [line(0, 1.0), line(1, 0.0), line(2, 1.0)])
    run = run_of(tmp_path / "run", imported(tmp_path / "low", tmp_path / "high", budgets="256,none"))
    (curve,) = run.curves()
    assert (curve.model, curve.task) == ("maker/model", "lm-eval:sums")
    assert [(p.budget, p.accuracy) for p in curve.points] == [(256, 1 / 3), (None, 2 / 3)]
    assert list(run.attempts["problem"].unique()) == [f"lm-eval:sums/test/{i}" for i in range(3)]
    assert run.manifest.tasks[0].version == "3.0"
    assert run.manifest.study.max_output_tokens == 64
    assert run.manifest.sittings[0].versions == {"lm-eval": "0.4.13"}
    assert read_questions(run.path)[1].question == "What is 1+1?"


def test_nobody_guesses_a_budget(tmp_path: Path) -> None:
    write(tmp_path / "a", [line(0)])
    write(tmp_path / "b", [line(0)])
    with pytest.raises(UsageError, match=r"does not say how much thinking it allowed; give --budgets"):
        imported(tmp_path / "a", tmp_path / "b")
    assert [a.budget for a in attempts(imported(tmp_path / "a"))] == [None]


@pytest.mark.parametrize(
    ("arguments", "budget", "control", "effort"),
    [
        ({"thinking_token_budget": 512}, 512, "native", None),
        ({"reasoning_effort": "low"}, 2, "effort", "low"),
        ({"enable_thinking": False}, 0, "native", None),
    ],
)
def test_a_budget_is_read_from_the_arguments(
    tmp_path: Path, arguments: dict[str, Any], budget: int, control: str, effort: str | None
) -> None:
    write(tmp_path, [line(0)], **arguments)
    (attempt,) = attempts(imported(tmp_path))
    assert (attempt.budget, attempt.control, attempt.effort) == (budget, control, effort)
    (attempt,) = attempts(imported(tmp_path, budgets="64", control="server"))
    assert (attempt.budget, attempt.control) == (64, "server")


def test_a_filter_and_a_metric_are_chosen_where_there_are_several(tmp_path: Path) -> None:
    strict, loose = line(0, 0.0, filtered_resps=["[invalid]"]), line(0, 1.0, filter="loose")
    samples = write(tmp_path, [strict, loose])
    with pytest.raises(UsageError, match="scored by the filters strict, loose; choose with --filter"):
        imported(samples)
    with pytest.raises(UsageError, match=r"no sample was scored by filter 'lose'\. Did you mean 'loose'"):
        imported(samples, filter="lose")
    assert [(a.verdict, a.reason, a.extracted) for a in attempts(imported(samples, filter="strict"))] == [
        ("no_answer", "no_match", None)
    ]
    assert [(a.verdict, a.rung) for a in attempts(imported(samples, filter="loose"))] == [
        ("correct", "lm-eval/loose/exact_match")
    ]
    both = write(tmp_path / "two", [line(0, metrics=["acc", "acc_norm"], acc=0.0, acc_norm=1.0)])
    with pytest.raises(UsageError, match="the metrics acc, acc_norm; choose with --metric"):
        imported(both)
    assert [a.verdict for a in attempts(imported(both, metric="acc_norm"))] == ["correct"]
    with pytest.raises(UsageError, match=r"no metric 'acc_nrom'\. Did you mean 'acc_norm'"):
        imported(both, metric="acc_nrom")


def test_a_documents_further_lines_are_further_samples(tmp_path: Path) -> None:
    samples = write(tmp_path, [line(0, 1.0), line(1, 0.0), line(0, 0.0), line(1, 0.0)])
    assert [(a.index, a.sample, str(a.verdict)) for a in attempts(imported(samples))] == [
        (0, 0, "correct"),
        (0, 1, "incorrect"),
        (1, 0, "incorrect"),
        (1, 1, "incorrect"),
    ]


def test_a_score_of_several_responses_shows_what_was_scored(tmp_path: Path) -> None:
    samples = write(tmp_path, [line(0, resps=[["4", "5", "4"]], filtered_resps=["4"])])
    (attempt,) = attempts(imported(samples))
    assert (attempt.answer, attempt.extracted) == ("4", "4")


def test_choices_scored_by_likelihood_keep_their_score_and_have_no_answer(tmp_path: Path) -> None:
    resps, filtered = [[["-1.0", "False"]], [["-0.5", "False"]]], [["-1.0", "False"], ["-0.5", "False"]]
    samples = write(tmp_path, [line(0, resps=resps, filtered_resps=filtered, metrics=["acc"], acc=1.0)])
    found = imported(samples)
    assert [(a.verdict, a.answer, a.extracted) for a in attempts(found)] == [("correct", "", None)]
    assert any("log-likelihoods" in note for note in found.notes)


def test_thinking_in_the_response_is_kept_apart(tmp_path: Path) -> None:
    lines = [line(0, response="<think>1+1</think>The answer is 2."), line(1, 0.0, response="<think>1+")]
    run = run_of(tmp_path / "run", imported(write(tmp_path / "out", lines)))
    assert list(run.traces["text"]) == ["1+1", "1+"]
    assert list(run.attempts["answer"]) == ["The answer is 2.", ""]
    assert list(run.attempts["is_truncated_answer"]) == [False, True]
    assert list(run.attempts["ending"]) == ["closed", "budget"]


@pytest.mark.parametrize(
    ("sample", "complaint"),
    [
        (line(0, 0.5), r":1: exact_match: score 0.5 is neither"),
        (line(0, [1, 0]), r"exact_match: score \[1, 0\] is no number"),
        ({**line(0), "doc_id": None}, "doc_id is None"),
        ({**line(0), "metrics": None}, "no metric"),
        ({**line(0), "thinkcurve": {"model": 1}}, "thinkcurve: "),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_by_its_number(
    tmp_path: Path, sample: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        imported(write(tmp_path, [sample]))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        imported(tmp_path / "none")
    with pytest.raises(UsageError, match=r"holds no samples_\*\.jsonl; run lm-eval with --log_samples"):
        imported(tmp_path)
    broken = tmp_path / "samples_x.jsonl"
    broken.write_text(json.dumps(line(0)) + "\n{")
    with pytest.raises(UsageError, match=r"samples_x\.jsonl:2 is not valid JSON"):
        imported(broken)
    broken.write_text("")
    with pytest.raises(UsageError, match="holds no sample"):
        imported(broken)


def test_a_samples_file_alone_needs_the_name_of_its_model(tmp_path: Path) -> None:
    samples = write(tmp_path, [line(0)], results=False)
    with pytest.raises(UsageError, match="does not say which model it is of; name it with --model"):
        imported(samples)
    found = imported(samples, model="mine", task="sums")
    assert [(a.model, a.problem) for a in attempts(found)] == [("mine", "sums/test/0")]
    assert any("no results file" in note for note in found.notes)


def test_a_results_file_stands_for_the_samples_beside_it(tmp_path: Path) -> None:
    write(tmp_path, [line(0)])
    write(tmp_path, [line(0)], task="products")
    (results,) = tmp_path.glob("results_*.json")
    assert {a.task for a in attempts(imported(results))} == {"lm-eval:sums", "lm-eval:products"}


HOSTILE = (
    "<script>alert(1)</script>",
    '"}\u2028{"acc": 1}\x85',
    "\u202eright to left",
    "nul\x00 bell\x07 lone\ud800",
    "x" * 1_000_000,
)


def test_hostile_texts_only_are_texts(tmp_path: Path) -> None:
    lines = [
        line(i, 0.0, response=text, target=text, doc={"question": text, "subject": text})
        for i, text in enumerate(HOSTILE)
    ]
    (tmp_path / "out").mkdir()
    samples = tmp_path / "out" / "samples_<b>_2026-11-22T23-09-06.1.jsonl"
    samples.write_text("".join(json.dumps(one) + "\n" for one in lines))
    run = run_of(tmp_path / "run", imported(samples, model="</script>\n\u202emodel"))
    stored = [text.replace("\ud800", "?") for text in HOSTILE]
    assert list(run.attempts["answer"]) == stored
    assert [question.question for question in read_questions(run.path)] == stored
    assert run.curves()[0].model == "</script> \u202emodel"
    assert run.curves()[0].points[0].n_attempts == 5


def test_a_score_that_is_not_known_is_unverified(tmp_path: Path) -> None:
    assert [a.verdict for a in attempts(imported(write(tmp_path, [line(0, math.nan), line(1, None)])))] == [
        "unverified"
    ] * 2


async def test_an_export_comes_back_whole(tmp_path: Path) -> None:
    run = await plain_run(tmp_path / "run")
    export(content(run), tmp_path / "out", wishes())
    again = run_of(tmp_path / "again", imported(tmp_path / "out"))
    assert again.records.attempts == run.records.attempts
    assert read_questions(again.path) == read_questions(run.path)
    assert msgspec.json.encode(again.manifest) == msgspec.json.encode(run.manifest)
    for ours, theirs in zip(run.curves()[0].points, again.curves()[0].points, strict=True):
        same = {"wall_s": pytest.approx(ours.wall_s)}  # a mean over the rows in another order
        assert msgspec.structs.asdict(theirs) == msgspec.structs.asdict(ours) | same
    assert [record.spec for record in again.manifest.tasks] == ["doubling"]


@pytest.mark.parametrize("name", ["acc", "exact_match"])
async def test_an_edited_score_in_an_export_is_noticed(tmp_path: Path, name: str) -> None:
    run = await plain_run(tmp_path / "run", limit=2, budgets=(0,))
    export(content(run), tmp_path / "out", wishes(metric=name))
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    first, *rest = samples.read_text().splitlines()
    edited = json.loads(first)
    edited[name] = 1.0 - edited[name]
    samples.write_text("\n".join([json.dumps(edited), *rest]) + "\n")
    with pytest.raises(UsageError, match=rf":1: {name} .* is not what its verdict"):
        imported(samples)
    samples.write_text("\n".join([json.dumps(line(0)), *rest]) + "\n")
    with pytest.raises(UsageError, match="mixes samples that thinkcurve exported with others"):
        imported(samples)


def test_the_reader_of_a_task_is_not_found_where_answers_were_left_out(private: Run, tmp_path: Path) -> None:
    export(content(private), tmp_path / "out", wishes())
    again = run_of(tmp_path / "again", imported(tmp_path / "out"))
    assert [p.accuracy for p in again.curves()[0].points] == [p.accuracy for p in private.curves()[0].points]
    with pytest.raises(UsageError, match="unknown task 'imported:doubling'"):
        chosen_again(again.manifest, {}, None)


def test_failures_come_back_as_failures(failed: Run, tmp_path: Path) -> None:
    export(content(failed), tmp_path / "out", wishes())
    again = run_of(tmp_path / "again", imported(tmp_path / "out"))
    assert again.records.failures == failed.records.failures
    assert [p.failures for p in again.curves()[0].points] == [p.failures for p in failed.curves()[0].points]
    assert sum(p.failures for p in again.curves()[0].points) > 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"control": "luck"}, "control 'luck' is not one of"),
        ({"control": "effort", "budget": 64}, "takes levels"),
        ({"budget": -1}, "budget is -1"),
        ({"budget": 2**40}, "it must be a number of tokens from 0 to"),
        ({"problem": "doubling"}, "is not TASK/SPLIT/INDEX of task 'doubling'"),
        ({"problem": "doubling/test/-1"}, "is not TASK/SPLIT/INDEX"),
        ({"problem": "doubling/../x"}, "is not TASK/SPLIT/INDEX"),
        ({"sample": -1}, "sample is -1"),
        ({"sample": 10**9}, "sample is 1000000000"),
        ({"verdict": "splendid"}, "thinkcurve: Invalid enum value 'splendid'"),
    ],
)
async def test_records_that_somebody_changed_are_refused(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    run = await plain_run(tmp_path / "run", limit=1, budgets=(0,), samples=1)
    export(content(run), tmp_path / "out", wishes())
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    sample = json.loads(samples.read_text())
    sample["thinkcurve"] |= changes
    samples.write_text(json.dumps(sample) + "\n")
    with pytest.raises(UsageError, match=complaint):
        imported(samples)


async def test_numbers_too_large_for_a_table_are_one_sentence(tmp_path: Path) -> None:
    run = await plain_run(tmp_path / "run", limit=1, budgets=(0,), samples=1)
    export(content(run), tmp_path / "out", wishes())
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    sample = json.loads(samples.read_text())
    sample["thinkcurve"]["prompt_tokens"] = 2**70
    samples.write_text(json.dumps(sample) + "\n")
    with pytest.raises(UsageError):
        write_run(imported(samples), tmp_path / "again")
