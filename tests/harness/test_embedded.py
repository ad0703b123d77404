"""The whole way on the real embedded model: one trace equals separate runs, added budgets cost no thinking."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from thinkcurve.analysis.items.levels import levels_of
from thinkcurve.run import Run, sweep
from thinkcurve.study import Study

STUDY = Study(budgets=(0, 5, 16, 33, 64, 256), limit=15)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sweep(STUDY, tmp_path_factory.mktemp("shared"))


def answers(run: Run) -> dict[object, object]:
    return {a.key: (a.answer_ids, a.thinking_tokens, a.is_forced, a.verdict) for a in run.records.attempts.values()}


def test_one_trace_and_separate_runs_give_the_same_answer_ids(shared: Run, tmp_path: Path) -> None:
    separate = sweep(msgspec.structs.replace(STUDY, traces="separate"), tmp_path)
    one, other = answers(shared), answers(separate)
    assert len(one) == 15 * 2 * 6
    assert {key: (one[key], other[key]) for key in one if one[key] != other[key]} == {}
    for trace in separate.records.traces.values():
        whole = shared.records.traces[(trace.model, trace.problem, 0, None)]
        assert trace.token_ids == whole.token_ids[: len(trace.token_ids)]


def test_an_added_budget_generates_no_thinking_token(shared: Run) -> None:
    before = dict(shared.records.traces)
    calls: Counter[str] = Counter()
    run = sweep(
        msgspec.structs.replace(STUDY, budgets=(0, 5, 16, 33, 48, 64, 256)),
        shared.path,
        listener=lambda event: calls.update([type(event).__name__]),
    )
    assert calls == {"Attempt": 30}
    assert run.records.traces == before
    added = run.attempts[run.attempts["budget"] == 48]
    thought = run.attempts[~run.attempts["is_shared_answer"]]["generated_spent"]
    assert (added["generated_spent"] <= STUDY.answer_tokens).all()
    assert thought.sum() < run.attempts["generated_tokens"].sum()


def test_answers_reuse_the_prefix_of_their_trace(shared: Run) -> None:
    long = shared.attempts[(shared.attempts["thinking_tokens"] > 30) & ~shared.attempts["is_shared_answer"]]
    reused = long["cached_tokens"] / (long["prompt_tokens"] + long["thinking_tokens"])
    assert reused.median() > 0.9


def test_the_ledger_knows_tokens_flops_and_seconds_and_no_dollars(shared: Run) -> None:
    for curve in shared.curves():
        flops = [point.flops for point in curve.points]
        assert None not in flops
        assert flops[-1] > 1.2 * flops[0]
        assert all(point.wall_s is not None and point.wall_s > 0 for point in curve.points)
        assert {point.usd for point in curve.points} == {point.joules for point in curve.points} == {None}


def test_markers_are_no_part_of_thinking_or_answer(shared: Run) -> None:
    assert not shared.traces["text"].str.contains("<think>|</think>", regex=True).any()
    assert not shared.attempts["answer"].str.contains("<|end|>", regex=False).any()


def test_a_replayed_run_says_and_costs_the_same_without_the_model(shared: Run, tmp_path: Path) -> None:
    spec = f"replay:{shared.path}"
    replayed = sweep(msgspec.structs.replace(shared.manifest.study, models=(spec,), budgets=(0, 16, 64, 256)), tmp_path)
    assert replayed.failures.empty
    for attempt in replayed.records.attempts.values():
        original = shared.records.attempts[("embedded", *attempt.key[1:])]
        for name in ("verdict", "answer_ids", "answer", "thinking_tokens", "prompt_tokens", "total_tokens", "flops"):
            assert getattr(attempt, name) == getattr(original, name), (attempt.key, name)
        assert attempt.wall_s is None


def test_accuracy_by_level_is_that_of_the_levels_rows(shared: Run) -> None:
    for table in levels_of(shared.attempts):
        rows = shared.attempts[(shared.attempts["task"] == table.task) & (shared.attempts["level"] == 1)]
        by_hand = (rows["verdict"] == "correct").groupby(rows["budget"]).mean()
        assert list(by_hand) == list(table.levels[0].accuracies)
        assert sum(level.n_problems for level in table.levels) == 15
