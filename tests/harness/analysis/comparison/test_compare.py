"""Runs compared: what is matched, what is refused, what is said aloud, and what the command prints."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

import thinkcurve
from thinkcurve import UsageError
from thinkcurve.analysis.comparison.compare import Comparison, compare
from thinkcurve.cli.compare import command
from thinkcurve.problem import Verdict
from thinkcurve.run import Run
from thinkcurve.store import Attempt, Manifest, Records

REFERENCE = Path(thinkcurve.__file__).parents[2] / "results" / "reference" / "embedded"
QUICK: dict[str, Any] = {"n_resamples": 200, "n_flips": 499}


@pytest.fixture(scope="module")
def reference() -> Run:
    return thinkcurve.load_run(REFERENCE)


def changed(
    run: Run,
    *,
    manifest: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    keep: Any = None,
    edit: Any = lambda a: a,
) -> Run:
    """A copy with some of the manifest, of each task's record, or of the attempts changed."""
    made: Manifest = msgspec.structs.replace(run.manifest, **(manifest or {}))
    tasks = tuple(msgspec.structs.replace(record, **(task or {})) for record in made.tasks)
    records = Records()
    records.traces = run.records.traces
    for attempt in run.records.attempts.values():
        if keep is None or keep(attempt):
            records.add(edit(attempt))
    return Run(run.path / "changed", msgspec.structs.replace(made, tasks=tasks), records)  # it keeps no questions


def worse(attempt: Attempt) -> Attempt:
    is_lost = attempt.budget == 128 and attempt.index % 5 == 0
    return msgspec.structs.replace(attempt, verdict=Verdict.INCORRECT, answer="?") if is_lost else attempt


def quick(base: Run, new: Run, **options: Any) -> Comparison:
    return compare(base, new, **QUICK, **options)


def test_a_regression_at_one_budget_is_seen_there(reference: Run) -> None:
    found = quick(reference, changed(reference, edit=worse)).comparisons[0]
    at = {point.budget: point for point in found.points}
    assert found.p_curve is not None
    assert found.p_curve <= 0.01
    assert at[128].difference < 0
    assert at[128].p_holm <= 0.05
    assert at[128].n_better == 0
    assert at[128].n_worse == pytest.approx(-200 * at[128].difference)
    assert at[64].p == 1


def test_a_run_and_itself_are_the_same_draws(reference: Run) -> None:
    found = quick(reference, reference).comparisons[0]
    assert (found.p_curve, found.n_same, found.ratio.value) == (1, found.n_pairs, 1)


def test_half_the_tokens_are_a_ratio_of_a_half(reference: Run) -> None:
    def half(attempt: Attempt) -> Attempt:
        assert attempt.total_tokens is not None
        return msgspec.structs.replace(attempt, total_tokens=attempt.total_tokens * 10)

    found = quick(reference, changed(reference, edit=half), axis="total_tokens").comparisons[0]
    assert found.ratio.value == pytest.approx(10)
    assert found.ratio.ci_low is not None
    assert 9.5 < found.ratio.ci_low < 10  # that no answer changed is no proof that none would
    assert found.area.value is None  # ten times the tokens: no compute that both spent
    assert "both spent" in str(found.area.why)


def test_unknown_compute_is_said(reference: Run) -> None:
    found = quick(reference, reference, axis="usd").comparisons[0]
    assert (found.area.value, found.ratio.value) == (None, None)
    assert "unknown" in str(found.ratio.why)


def test_problems_of_one_run_only_are_left_out_and_counted(reference: Run) -> None:
    study = msgspec.structs.replace(reference.manifest.study, limit=50)
    few = changed(
        reference,
        manifest={"study": study},
        task={"n_problems": 50, "fingerprint": "5" * 16},
        keep=lambda a: a.index < 50,
    )
    found = quick(reference, few).comparisons[0]
    assert (found.n_problems, found.n_only_base, found.n_only_new) == (50, 150, 0)


def test_budgets_of_one_run_only_are_named(reference: Run) -> None:
    found = quick(reference, changed(reference, keep=lambda a: a.budget != 16)).comparisons[0]
    assert found.only_base_budgets == (16,)
    assert 16 not in [point.budget for point in found.points]


def test_another_fingerprint_or_version_is_refused(reference: Run) -> None:
    with pytest.raises(UsageError, match="other problems"):
        quick(reference, changed(reference, task={"fingerprint": "0" * 16}))
    with pytest.raises(UsageError, match="'2' in new"):
        quick(reference, changed(reference, task={"version": "2"}))


def test_nothing_in_common_is_refused(reference: Run) -> None:
    with pytest.raises(UsageError, match="no problem"):
        quick(changed(reference, keep=lambda a: a.index < 9), changed(reference, keep=lambda a: a.index > 9))
    one, other = reference.manifest.tasks
    with pytest.raises(UsageError, match="no task in common"):
        quick(changed(reference, manifest={"tasks": (one,)}), changed(reference, manifest={"tasks": (other,)}))


def test_models_have_to_be_chosen_where_it_is_not_clear(reference: Run) -> None:
    record = reference.manifest.models[0]
    two = tuple(msgspec.structs.replace(record, spec=spec) for spec in ("a", "b"))
    many = changed(reference, manifest={"models": two}, edit=lambda a: msgspec.structs.replace(a, model="b"))
    with pytest.raises(UsageError, match="--base-model"):
        quick(reference, many)
    assert quick(reference, many, new_model="b").comparisons[0].new_model == "b"
    with pytest.raises(UsageError, match="no model 'c'"):
        quick(reference, many, new_model="c")


def test_wrong_words_are_refused(reference: Run) -> None:
    with pytest.raises(UsageError, match="Did you mean 'flops'"):
        quick(reference, reference, axis="flop")
    with pytest.raises(UsageError, match="alpha"):
        quick(reference, reference, alpha=5)


def test_one_problem_tells_no_interval_and_breaks_nothing(reference: Run) -> None:
    one = changed(reference, keep=lambda a: a.index == 0)
    found = quick(one, changed(one, edit=worse)).comparisons[0]
    assert {point.ci_low for point in found.points} == {None}
    assert b"NaN" not in msgspec.json.encode(found)


def test_the_command_prints_tables_of_80_columns_and_the_same_as_json() -> None:
    shown = CliRunner().invoke(command, [str(REFERENCE), str(REFERENCE)], env={"COLUMNS": "80"})
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.output.splitlines())) <= 80
    assert "…" not in shown.output
    assert "word for word" in shown.output
    told = json.loads(CliRunner().invoke(command, [str(REFERENCE), str(REFERENCE), "--json"]).output)
    assert (told["schema"], told["axis"], len(told["comparisons"])) == (1, "thinking_tokens", 2)
