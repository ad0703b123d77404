"""Counts of a run, event by event: each key once, the last word on it, and nothing that needs the answers again."""

import math
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from records import a_failure, a_trace, an_attempt
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.problem import Verdict
from thinkcurve.report.watch.standing import Pace, Standing
from thinkcurve.store import Event, Manifest, ModelRecord, TaskRecord
from thinkcurve.study import Study
from thinkcurve.tariff import Tariff


def a_manifest(n_problems: int = 5, samples: int = 1, tariff: Tariff | None = None) -> Manifest:
    study = Study(models=("m",), tasks=("t",), budgets=(8, None), samples=samples)
    return Manifest(
        schema=1,
        study=study,
        models=(ModelRecord("m", {}, tariff=tariff),),
        tasks=(TaskRecord("t", "1", n_problems, "f"),),
        sittings=(),
    )


def stands(events: Iterable[Event], manifest: Manifest | None = None) -> Standing:
    standing = Standing(manifest or a_manifest())
    for event in events:
        standing.add(event)
    return standing


def test_the_total_is_models_problems_samples_and_budgets() -> None:
    assert Standing(a_manifest(n_problems=7, samples=3)).total == 7 * 3 * 2


def test_an_attempt_that_is_written_again_counts_once_with_its_last_verdict() -> None:
    right, wrong = an_attempt(), an_attempt(verdict=Verdict.INCORRECT)
    standing = stands([right, wrong, right, wrong])
    cell = standing.cells["m", "t", 8]
    assert (standing.done, cell.graded, cell.accuracy) == (1, 1, 0.0)
    assert +cell.verdicts == {Verdict.INCORRECT: 1}
    assert standing.tokens == wrong.generated_spent


def test_a_trace_that_is_thought_on_replaces_its_tokens() -> None:
    standing = stands([replace(a_trace(), generated_spent=10), replace(a_trace(), generated_spent=25)])
    assert standing.tokens == 25


def test_accuracy_is_the_mean_over_problems_of_the_mean_over_samples() -> None:
    events = [an_attempt(0, sample=s, verdict=Verdict.CORRECT) for s in range(3)]
    events += [an_attempt(1, sample=0, verdict=Verdict.INCORRECT)]
    cell = stands(events, a_manifest(samples=3)).cells["m", "t", 8]
    assert cell.accuracy == 0.5  # three of four answers, one of two problems
    assert len(cell.problems) == 2


@pytest.mark.parametrize("n_right", [0, 1, 4, 7])
def test_the_interval_is_wilsons_on_problems(n_right: int) -> None:
    events = [an_attempt(i, verdict=Verdict.CORRECT if i < n_right else Verdict.INCORRECT) for i in range(7)]
    low, high = stands(events, a_manifest(7)).cells["m", "t", 8].interval or (math.nan, math.nan)
    ends = wilson(n_right / 7, 7)
    assert (low, high) == (pytest.approx(float(ends[0]), abs=1e-6), pytest.approx(float(ends[1]), abs=1e-6))


def test_a_failure_is_made_good_by_an_attempt_and_never_undoes_one() -> None:
    failed = a_failure()
    assert len(stands([failed, failed]).failures) == 1
    assert not stands([failed, an_attempt()]).failures
    assert not stands([an_attempt(), failed]).failures


def test_tokens_that_nobody_counted_leave_the_mean_unknown() -> None:
    counted, uncounted = an_attempt(0), replace(an_attempt(1), thinking_tokens=None, generated_spent=None)
    assert stands([counted]).cells["m", "t", 8].mean_thinking == 8
    assert stands([counted, uncounted]).cells["m", "t", 8].mean_thinking is None


def test_dollars_are_a_floor_where_some_are_unknown_and_unknown_where_all_are() -> None:
    priced = a_manifest(tariff=Tariff(input=1.0, output=2.0))
    paid, unknown = replace(an_attempt(0), usd_spent=0.25), replace(an_attempt(1), usd_spent=None)
    shared = replace(an_attempt(2), usd_spent=None, is_shared_answer=True)
    assert stands([paid, unknown, shared], priced).usd_spent == 0.25
    assert stands([paid, unknown, shared], priced).n_unpriced == 1
    assert stands([unknown], priced).usd_spent is None
    assert stands([paid]).usd_spent is None, "nobody is paid for a model without a price"


def test_a_pace_tells_rates_and_what_is_left() -> None:
    pace, standing = Pace(), Standing(a_manifest(n_problems=10))
    pace.look(100.0, standing)
    assert pace.per_second() is None
    assert pace.left_s(standing) is None
    for i in range(5):
        standing.add(an_attempt(i))
    pace.look(110.0, standing)
    assert pace.per_second() == (0.5, 1.0)
    assert pace.left_s(standing) == 30.0


def test_a_pace_forgets_what_is_long_past() -> None:
    pace, standing = Pace(), Standing(a_manifest(n_problems=10))
    pace.look(0.0, standing)
    standing.add(an_attempt(0))
    for now_s in range(1000, 1700, 100):
        pace.look(float(now_s), standing)
    assert pace.per_second() == (0.0, 0.0)
    assert pace.left_s(standing) is None
