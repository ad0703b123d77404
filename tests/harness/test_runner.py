"""Carrying out studies on a scripted model: one trace for all budgets, nothing lost, doubled or unfairly judged."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from scripts import STUDY, Asked, Doubling, adder, changed, failing, given, requests, said, sweep, thinking_of
from thinkcurve.budget import Ending
from thinkcurve.errors import BackendError
from thinkcurve.plan import Given, prepare
from thinkcurve.problem import Verdict
from thinkcurve.run import load_run
from thinkcurve.run import sweep as blocking_sweep
from thinkcurve.runner import carry_out
from thinkcurve.store import journal_path, read_manifest


async def test_every_attempt_exists_once_and_the_curve_rises(tmp_path: Path) -> None:
    run = await sweep(tmp_path)
    assert len(run.attempts) == 20 * 5
    (curve,) = run.curves()
    lengths = [len(thinking_of(f"double {i}")) for i in range(20)]
    done = [sum(length <= budget for length in lengths) / 20 for budget in (0, 4, 8, 16, 64)]
    assert [point.accuracy for point in curve.points] == done
    assert [20 - 20 * share for share in done] == [point.forced for point in curve.points]
    assert all(p.thinking_tokens <= p.budget for p in curve.points if p.thinking_tokens and p.budget)


async def test_one_trace_and_separate_runs_say_the_same(tmp_path: Path) -> None:
    shared = await sweep(tmp_path / "shared")
    separate = await sweep(tmp_path / "separate", changed(traces="separate"))
    facts = [
        {(a.key, a.verdict, a.answer_ids, a.thinking_tokens, a.is_forced) for a in run.records.attempts.values()}
        for run in (shared, separate)
    ]
    assert facts[0] == facts[1]
    assert len(shared.traces) == 20
    assert len(separate.traces) == 100


async def test_separate_runs_share_nothing(tmp_path: Path) -> None:
    objects = given()
    run = await sweep(tmp_path, changed(traces="separate"), objects)
    assert requests(objects) == 2 * 20 * 5
    assert not run.attempts["is_shared_answer"].any()
    assert run.attempts.groupby("problem")["seed"].nunique().min() == 5


async def test_an_answer_past_the_natural_end_is_generated_once(tmp_path: Path) -> None:
    objects = given()
    run = await sweep(tmp_path, objects=objects)
    cuts = sum(len({min(b, len(thinking_of(f"double {i}"))) for b in (0, 4, 8, 16, 64)}) for i in range(20))
    assert requests(objects) == 20 + cuts
    spent = run.attempts.groupby("problem")["is_shared_answer"].sum()
    assert spent.sum() == 100 - cuts


async def test_added_budgets_cost_answers_and_no_thinking(tmp_path: Path) -> None:
    await sweep(tmp_path)
    objects = given()
    run = await sweep(tmp_path, changed(budgets=(0, 2, 6, 32)), objects)
    assert len(run.traces) == 20
    assert run.manifest.study.budgets == (0, 2, 4, 6, 8, 16, 32, 64)
    fresh = run.attempts[run.attempts["budget"].isin([2, 6, 32])]
    assert requests(objects) == (fresh["generated_spent"] > 0).sum()
    assert all(len(trace.token_ids) <= 64 for trace in run.records.traces.values())
    assert said(run) == said(await sweep(tmp_path / "whole", changed(budgets=(0, 2, 4, 6, 8, 16, 32, 64))))


async def test_a_larger_budget_goes_on_with_the_trace(tmp_path: Path) -> None:
    await sweep(tmp_path, changed(budgets=(0, 8)))
    run = await sweep(tmp_path, changed(budgets=(0, 8, 64)))
    whole = await sweep(tmp_path / "whole", changed(budgets=(0, 8, 64)))
    assert said(run) == said(whole)
    assert {t.token_ids for t in run.records.traces.values()} == {t.token_ids for t in whole.records.traces.values()}


async def test_the_natural_end_is_a_budget(tmp_path: Path) -> None:
    run = await sweep(tmp_path, changed(budgets=(0, None)))
    natural = run.curves()[0].points[-1]
    assert (natural.budget, natural.accuracy, natural.forced) == (None, 1.0, 0)


async def test_thinking_that_never_ends_is_forced_by_the_context(tmp_path: Path) -> None:
    def babbler(asked: Asked) -> str:
        return "la" * 5000 if asked.wants_thinking else "\\boxed{0}"

    run = await sweep(tmp_path, changed(budgets=(0, None)), given(babbler, context_tokens=200))
    natural = run.curves()[0].points[-1]
    assert natural.forced == 20
    assert {trace.ending for trace in run.records.traces.values()} == {Ending.CONTEXT}
    assert (run.attempts["total_tokens"] <= 200).all()
    assert (run.attempts["is_truncated_answer"] == False).all()  # noqa: E712 - a pandas column


async def test_what_goes_wrong_is_told_apart(tmp_path: Path) -> None:
    def odd(asked: Asked) -> str:
        number = int(asked.prompt.split()[-1])
        if asked.wants_thinking:
            return "hm"
        return ["", "\\boxed{1", "blah " * 20, f"\\boxed{{{2 * number}}}", "\\boxed{-1}"][number % 5]

    run = await sweep(tmp_path, changed(budgets=(1, 2)), given(odd))
    verdicts = Counter(run.attempts["verdict"])
    assert verdicts == {"correct": 8, "incorrect": 16, "no_answer": 16}
    point = run.curves()[0].points[0]
    assert (point.truncated_answers, point.forced, point.failures) == (4, 20, 0)


async def test_a_passing_fault_is_retried_and_leaves_no_mark(tmp_path: Path) -> None:
    objects = given(failing(1, is_retryable=True, retry_after_s=0.0))
    run = await sweep(tmp_path, objects=objects)
    assert said(run) == said(await sweep(tmp_path / "calm"))
    assert run.failures.empty


async def test_a_lasting_fault_is_a_failure_and_never_scored(tmp_path: Path) -> None:
    def half(asked: Asked) -> str:
        if int(asked.prompt.split()[-1]) % 2 and not asked.wants_thinking:
            raise BackendError("HTTP 400")
        return adder(asked)

    run = await sweep(tmp_path, objects=given(half))
    assert len(run.attempts) == len(run.failures) == 50
    point = run.curves()[0].points[-1]
    assert (point.n_problems, point.failures, point.accuracy) == (10, 10, 1.0)
    again = await sweep(tmp_path)
    assert again.failures.empty
    assert said(again) == said(await sweep(tmp_path / "calm"))


async def test_a_fatal_fault_stops_at_once_and_the_run_goes_on_later(tmp_path: Path) -> None:
    calls = 0

    def dying(asked: Asked) -> str:
        nonlocal calls
        calls += 1
        if calls > 40:
            raise BackendError("the server is gone", is_fatal=True)
        return adder(asked)

    with pytest.raises(BackendError, match="the server is gone"):
        await sweep(tmp_path, objects=given(dying, concurrency=2))
    assert calls < 60
    assert said(await sweep(tmp_path)) == said(await sweep(tmp_path / "calm"))


async def test_cancelled_anywhere_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    async def slow(asked: Asked) -> str:
        await asyncio.sleep(0.005)
        return adder(asked)

    def n_attempts() -> int:
        journal = journal_path(tmp_path)
        return journal.read_text().count('"event":"attempt"') if journal.exists() else 0

    for more in (0, 1, 6, 11):
        before = n_attempts()
        task = asyncio.create_task(sweep(tmp_path, objects=given(slow, concurrency=3)))
        await asyncio.sleep(0.05)
        while n_attempts() < before + more:  # noqa: ASYNC110  a file tells nobody
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert 0 < n_attempts() < 100
    run = await sweep(tmp_path)
    assert said(run) == said(await sweep(tmp_path / "calm"))
    assert journal_path(tmp_path).read_text().count('"event":"attempt"') == 100


async def test_no_more_requests_are_open_than_the_backend_allows(tmp_path: Path) -> None:
    now_open, most = 0, 0

    async def counting(asked: Asked) -> str:
        nonlocal now_open, most
        now_open += 1
        most = max(most, now_open)
        await asyncio.sleep(0.001)
        now_open -= 1
        return adder(asked)

    await sweep(tmp_path, objects=given(counting, concurrency=5))
    assert most == 5


async def test_samples_differ_by_seed_and_the_same_study_repeats_them(tmp_path: Path) -> None:
    def dice(asked: Asked) -> str:
        return "x" * (asked.seed % 7) if asked.wants_thinking else f"\\boxed{{{asked.seed}}}"

    study = changed(samples=4, temperature=0.8)
    run = await sweep(tmp_path / "a", study, given(dice))
    assert said(run) == said(await sweep(tmp_path / "b", study, given(dice)))
    assert run.attempts.groupby("problem")["seed"].nunique().min() > 4
    assert run.curves()[0].points[0].n_samples == 4
    assert said(run) != said(await sweep(tmp_path / "c", changed(study, seed=1), given(dice)))


async def test_more_samples_are_added_to_a_run(tmp_path: Path) -> None:
    study = changed(samples=1, temperature=0.8)
    await sweep(tmp_path, study)
    run = await sweep(tmp_path, changed(study, samples=3))
    assert len(run.attempts) == 300
    assert len(run.traces) == 60


async def test_a_finished_run_is_not_touched_again(tmp_path: Path) -> None:
    await sweep(tmp_path)
    objects = given()
    await sweep(tmp_path, objects=objects)
    assert requests(objects) == 0


async def test_a_run_without_its_journal_goes_on_from_its_tables(tmp_path: Path) -> None:
    first = await sweep(tmp_path)
    journal_path(tmp_path).unlink()
    assert said(load_run(tmp_path)) == said(first)
    run = await sweep(tmp_path, changed(budgets=(0, 4, 8, 12, 16, 64)))
    assert len(run.traces) == 20
    assert len(run.attempts) == 120


async def test_a_budget_at_which_all_failed_stays_on_the_curve(tmp_path: Path) -> None:
    def broken(asked: Asked) -> str:
        if len(asked.thinking) == 8 and not asked.wants_thinking:
            raise BackendError("HTTP 400")
        return "x" * 30 if asked.wants_thinking else "\\boxed{0}"

    run = await sweep(tmp_path, objects=given(broken))
    (curve,) = run.curves()
    assert [(p.budget, p.accuracy is None, p.failures) for p in curve.points] == [
        (0, False, 0),
        (4, False, 0),
        (8, True, 20),
        (16, False, 0),
        (64, False, 0),
    ]


async def test_every_sitting_is_kept(tmp_path: Path) -> None:
    await sweep(tmp_path)
    await sweep(tmp_path, changed(budgets=(0, 2)))
    assert len(read_manifest(tmp_path).sittings) == 2


async def test_spent_and_alone_are_two_ledgers(tmp_path: Path) -> None:
    await sweep(tmp_path, changed(budgets=(0, 8)))
    run = await sweep(tmp_path, changed(budgets=(0, 8, 64)))
    lengths = [len(thinking_of(f"double {i}")) for i in range(20)]
    fresh = await sweep(tmp_path / "whole", changed(budgets=(0, 8, 64)))
    assert run.traces["thinking_tokens"].sum() == sum(lengths)
    assert fresh.traces["generated_spent"].sum() == sum(lengths)
    # one more each where the first trace was cut: the token that told a natural end from a cut is drawn again
    assert run.traces["generated_spent"].sum() == sum(lengths) + sum(length > 8 for length in lengths)


async def test_text_that_cannot_be_written_is_survived(tmp_path: Path) -> None:
    def odd(asked: Asked) -> str:
        return "hm" if asked.wants_thinking else "\\boxed{1} \x00\u2028 \U0001f600"

    run = await sweep(tmp_path, objects=given(odd))
    assert load_run(tmp_path, warn=pytest.fail).records.attempts == run.records.attempts


async def test_sweep_works_inside_a_running_loop(tmp_path: Path) -> None:
    objects = given()
    run = blocking_sweep(STUDY, tmp_path, backends=objects.backends, tasks=objects.tasks)
    assert len(run.attempts) == 100


async def test_costs_add_up(tmp_path: Path) -> None:
    run = await sweep(tmp_path)
    for attempt in run.records.attempts.values():
        assert attempt.generated_tokens == (attempt.thinking_tokens or 0) + len(attempt.answer_ids or ())
        assert attempt.total_tokens == (attempt.prompt_tokens or 0) + attempt.generated_tokens + 1
        assert attempt.flops is None
    spent = run.attempts["generated_spent"].sum() + run.traces["thinking_tokens"].sum()
    assert spent < run.attempts["generated_tokens"].sum()


async def test_a_failed_answer_does_not_take_its_siblings_along(tmp_path: Path) -> None:
    def picky(asked: Asked) -> str:
        if not asked.wants_thinking and len(asked.thinking) == 4:
            raise BackendError("HTTP 400")
        return adder(asked)

    plan = await prepare(STUDY, tmp_path, given=given(picky))
    records = await carry_out(plan)
    assert {key[3] for key in records.failures} == {4}
    assert 0 < len(records.failures) < 20
    assert Verdict.CORRECT in {a.verdict for a in records.attempts.values()}
    assert len(records.attempts) + len(records.failures) == 100


async def test_a_model_that_is_gone_does_not_keep_the_others_from_going_on(tmp_path: Path) -> None:
    def refuse(asked: Asked) -> str:
        raise BackendError("wrong key", is_fatal=True)

    objects = Given(
        {"dead": given(refuse).backends["adder"], "adder": given().backends["adder"]}, {"doubling": Doubling()}
    )
    study = changed(models=("dead", "adder"))
    with pytest.raises(BackendError, match="wrong key"):
        await sweep(tmp_path, study, objects)
    run = load_run(tmp_path)
    assert (run.attempts["model"] == "adder").sum() == 100
    whole = await sweep(tmp_path, study, Given({**objects.backends, "dead": given().backends["adder"]}, objects.tasks))
    assert len(whole.attempts) == 200
