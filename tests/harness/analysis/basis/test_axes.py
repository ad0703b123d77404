"""The ledger: FLOPs token by token, what runs really spent, and what is not known."""

from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from records import an_attempt
from scripts import STUDY, changed, given, sweep
from thinkcurve.analysis.basis.axes import AXES, Ledger, Spending, costs_of, ledgers_of
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.curve import curves_of
from thinkcurve.backend import ModelInfo
from thinkcurve.plan import Given
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt, Trace

REFERENCE = Path(__file__).parents[4] / "results" / "reference" / "embedded"
MARKER = 1
"""Tokens of what closes the thinking of the scripted model."""
MIXTURE = {"active_parameters": 3_000, "layers": 5, "width": 32}
"""A mixture of experts is as large as the weights that one token meets."""


def table(rows: list[Attempt]) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in Attempt.__struct_fields__})


def grid(rows: list[Attempt]) -> Grid:
    (found,) = grids_of(table(rows))
    return found


def token_by_token(n_tokens: int, start: int = 0) -> float:
    """DESIGN section 7: 2 (N_active + 2 layers d_model context) for each token, the prompt's too, each once."""
    n, layers, width = MIXTURE.values()
    return float(sum(2 * (n + 2 * layers * width * context) for context in range(start, n_tokens)))


def mixture() -> Given:
    objects = given()
    backend = objects.backends["adder"]
    backend.model = msgspec.structs.replace(backend.model, **MIXTURE)  # type: ignore[misc]
    return objects


def spending(ledger: Ledger) -> dict[str, Spending]:
    return {found.axis: found for found in ledger.spending}


def only(run: Run) -> Ledger:
    (found,) = ledgers_of(run.attempts, run.traces)
    return found


def test_costs_are_the_table_s_and_unknown_ones_nan() -> None:
    rows = [an_attempt(0, 8), msgspec.structs.replace(an_attempt(1, 8), flops=None), an_attempt(1, 16)]
    found = costs_of(grid(rows), "flops")
    np.testing.assert_array_equal(found[:, :, 0], [[1.5, np.nan], [np.nan, 1.5]])
    assert np.isnan(costs_of(grid(rows), "joules")).all()
    assert np.isnan(costs_of(grid_without("usd"), "usd")).all()


def grid_without(column: str) -> Grid:
    (found,) = grids_of(table([an_attempt()]).drop(columns=column))
    return found


def test_what_is_no_axis_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="axis 'tokens' is not one of thinking_tokens, generated_tokens"):
        costs_of(grid([an_attempt()]), "tokens")


async def test_flops_are_the_sum_over_tokens_with_the_prompt_once(tmp_path: Path) -> None:
    run = await sweep(tmp_path, objects=mixture())
    for row in run.records.attempts.values():
        parts = (row.prompt_tokens, row.thinking_tokens, MARKER, row.answer_tokens)
        assert row.flops == pytest.approx(token_by_token(sum(n or 0 for n in parts)))


def test_flops_of_the_reference_run_are_the_sum_over_tokens() -> None:
    run = load_run(REFERENCE)
    model = ModelInfo(**{k: run.manifest.models[0].info[k] for k in ("name", "active_parameters", "layers", "width")})
    assert model.active_parameters is not None
    assert model.layers is not None
    assert model.width is not None
    for row in list(run.records.attempts.values())[::57]:
        steps = (
            2 * (model.active_parameters + 2 * model.layers * model.width * t) for t in range(row.total_tokens or 0)
        )
        assert row.flops == pytest.approx(sum(steps))


async def test_a_shared_trace_is_spent_once_and_each_answer_once(tmp_path: Path) -> None:
    run = await sweep(tmp_path)
    traces = list(run.records.traces.values())
    answers = {(a.problem, a.thinking_tokens, a.is_forced): a.answer_tokens for a in run.records.attempts.values()}
    found = spending(only(run))["generated_tokens"]
    written = sum(len(trace.token_ids) for trace in traces)
    assert (found.traces, found.answers) == (written, sum(n or 0 for n in answers.values()))
    assert found.spent == (found.traces or 0) + (found.answers or 0)
    assert found.alone == sum(a.generated_tokens or 0 for a in run.records.attempts.values())
    assert found.ratio == pytest.approx((found.spent or 0) / (found.alone or 1))


async def test_separate_traces_save_nothing(tmp_path: Path) -> None:
    shared = spending(only(await sweep(tmp_path / "shared")))
    separate = spending(only(await sweep(tmp_path / "separate", changed(STUDY, traces="separate"))))
    for axis in ("generated_tokens", "wall_s"):
        assert (shared[axis].ratio or 1) < 1
    assert separate["wall_s"].ratio == pytest.approx(1)
    # a trace that is cut has asked for the closing marker's room too, and that was spent
    assert 1 <= (separate["generated_tokens"].ratio or 0) < 1.1


async def test_seconds_spent_are_traces_once_and_what_each_answer_took(tmp_path: Path) -> None:
    run = await sweep(tmp_path)
    traces = {(trace.problem, trace.sample): trace for trace in run.records.traces.values()}
    answers = 0.0
    for attempt in run.records.attempts.values():
        trace = traces[attempt.problem, attempt.sample]
        share = (attempt.thinking_tokens or 0) / len(trace.token_ids) if trace.token_ids else 1.0
        if not attempt.is_shared_answer:
            answers += (attempt.wall_s or 0) - share * (trace.wall_s or 0)
    found = spending(only(run))["wall_s"]
    assert found.answers == pytest.approx(answers, rel=1e-6)
    assert found.traces == pytest.approx(sum(trace.wall_s or 0 for trace in traces.values()))


async def test_one_unknown_cost_makes_a_mean_and_a_sum_unknown(tmp_path: Path) -> None:
    run = await sweep(tmp_path, objects=mixture())
    run.attempts.loc[run.attempts.index[0], ["flops", "wall_s", "generated_spent"]] = np.nan
    ledger = only(run)
    at = [point for point in ledger.budgets if point.alone["flops"] is None]
    assert [point.budget for point in at] == [run.attempts["budget"].iloc[0]]
    assert spending(ledger)["flops"].alone is None
    for axis in ("flops", "wall_s", "generated_tokens", "usd"):
        assert spending(ledger)[axis].ratio is None


async def test_the_means_are_those_of_the_curve(tmp_path: Path) -> None:
    run = await sweep(tmp_path, changed(STUDY, samples=2, temperature=1.0), mixture())
    run.records.attempts.pop(next(iter(run.records.attempts)))  # ragged
    (curve,) = curves_of(run.attempts, run.failures)
    for cost, point in zip(only(run).budgets, curve.points, strict=True):
        assert (cost.budget, cost.n_attempts) == (point.budget, point.n_attempts)
        assert cost.accuracy == pytest.approx(point.accuracy)
        for axis in AXES:
            assert cost.alone[axis] == pytest.approx(getattr(point, axis))


def test_without_traces_what_was_spent_is_not_known() -> None:
    nothing = pd.DataFrame({name: [] for name in Trace.__struct_fields__})
    (found,) = ledgers_of(table([an_attempt()]), nothing)
    assert {(s.spent, s.ratio) for s in found.spending} == {(None, None)}
    assert spending(found)["generated_tokens"].alone == 10


def joules_of(run: Run) -> Spending:
    return spending(only(run))["joules"]


async def test_joules_of_traces_count_once_and_are_no_part_of_answers(tmp_path: Path) -> None:
    run = await sweep(tmp_path)
    run.attempts["joules"] = 3.0 * run.attempts["wall_s"]
    assert (joules_of(run).alone is None, joules_of(run).spent) == (False, None)  # the shared traces do not tell theirs
    run.traces["joules"] = 3.0 * run.traces["wall_s"]
    found, seconds = joules_of(run), spending(only(run))["wall_s"]
    assert found.spent == pytest.approx(3.0 * (seconds.spent or 0))
    assert found.traces == pytest.approx(3.0 * (seconds.traces or 0))
    assert found.ratio == pytest.approx(seconds.ratio)


async def test_joules_of_attempts_that_share_nothing_are_what_was_spent(tmp_path: Path) -> None:
    run = await sweep(tmp_path, changed(STUDY, traces="separate"))
    assert joules_of(run).spent is None
    run.attempts["joules"] = 2.5
    found = joules_of(run)
    assert (found.spent, found.ratio) == (2.5 * len(run.attempts), 1.0)
    assert (found.traces, found.answers) == (None, None)
    run.attempts.loc[run.attempts.index[0], "joules"] = np.nan
    assert joules_of(run).spent is None
