"""The gate on runs whose truth is known: what it says, what it counts, and what it will not judge."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from analysis.gate.worlds import a_pair
from analysis.simulated import a_run
from thinkcurve import UsageError
from thinkcurve.analysis.gate.gate import gate, judge
from thinkcurve.analysis.gate.language import conditions_of
from thinkcurve.analysis.gate.outcome import Check, Decision, Outcome, worst
from thinkcurve.problem import Verdict
from thinkcurve.run import Run
from thinkcurve.store import Failure, Records

PASS, REGRESSED, INCONCLUSIVE = Outcome.PASS, Outcome.REGRESSED, Outcome.INCONCLUSIVE
GOOD = (0.1, 0.3, 0.6, 0.9)


def one(base: Run, new: Run, *conditions: str) -> Check:
    (check,) = gate(base, new, conditions).checks
    return check


def run(right: Sequence[float] = GOOD, **options: Any) -> Run:
    return a_run("m", right, **{"n": 200, "samples": 2, **options})


def edited(given: Run, edit: Any) -> Run:
    """The run with each attempt as ``edit`` makes it."""
    records = Records()
    records.traces, records.failures = given.records.traces, given.records.failures
    for attempt in given.records.attempts.values():
        records.add(edit(attempt))
    return Run(given.path, given.manifest, records)


def test_outcome_word_colour_and_exit_code_are_one_thing() -> None:
    assert [(str(o), o.exit_code, o.colour, o.mark) for o in Outcome] == [
        ("pass", 0, "green", "✓"),
        ("regressed", 1, "red", "✗"),
        ("inconclusive", 3, "yellow", "?"),
    ]
    assert [worst(found) for found in ([], [PASS], [PASS, INCONCLUSIVE], [INCONCLUSIVE, REGRESSED])] == [
        PASS,
        PASS,
        INCONCLUSIVE,
        REGRESSED,
    ]


def test_a_loss_at_one_budget_is_found_there_and_nowhere_else() -> None:
    found = gate(run(), run((0.1, 0.3, 0.4, 0.9)), ["accuracy:5pp"])
    assert [check.outcome for check in found.checks] == [PASS, PASS, REGRESSED, PASS]
    lost = found.checks[2]
    assert lost.budget == 256
    assert (lost.base or 0) - (lost.new or 0) == pytest.approx(lost.worsening)
    assert lost.least is not None
    assert lost.most is not None
    assert 0.05 < lost.least < (lost.worsening or 0) < lost.most
    assert (found.outcome, found.exit_code) == (REGRESSED, 1)


def test_the_same_run_passes_and_says_that_it_tells_nothing_of_chance() -> None:
    base = run()
    found = gate(base, base, ["accuracy:3pp", "any", "total_tokens:10%", "tokens_to(0.5):10%", "no_answer:3pp"])
    assert found.outcome is PASS
    assert "nothing changed: all 1,600 answers are the same, word for word" in " ".join(found.notes)
    judged = edited(base, lambda a: msgspec.structs.replace(a, verdict=Verdict.INCORRECT) if a.index == 3 else a)
    told = " ".join(gate(base, judged, ["accuracy:3pp"]).notes)
    assert "word for word" in told
    assert "nothing changed" not in told
    assert {check.p for check in found.checks if check.measure == "any"} == {1.0}


def test_better_is_not_worse() -> None:
    found = gate(run(), run((0.2, 0.5, 0.8, 1.0)), ["accuracy:0pp", "any", "tokens_to(0.5):0%"])
    assert found.outcome is PASS
    assert all((check.worsening or 0) < 0 for check in found.checks)


def test_too_few_problems_are_inconclusive_and_say_how_many_would_do() -> None:
    check = one(run(n=20), run(n=20), "accuracy@1024:2pp")
    assert check.outcome is INCONCLUSIVE
    assert check.needed is not None
    assert check.needed.towards is PASS
    assert check.needed.problems is not None
    assert 20 < check.needed.problems < 5000


def test_a_measure_that_falls_when_it_is_better() -> None:
    def silent(attempt: Any) -> Any:
        return msgspec.structs.replace(attempt, verdict=Verdict.NO_ANSWER) if attempt.index % 4 == 0 else attempt

    check = one(run(), edited(run(), silent), "no_answer@64:5pp")
    assert (check.outcome, check.base, check.new) == (REGRESSED, 0.0, 0.25)
    assert check.worsening == pytest.approx(0.25)
    assert one(edited(run(), silent), run(), "no_answer@64:5pp").outcome is PASS


def test_a_cost_is_let_through_by_per_cent() -> None:
    def dear(attempt: Any) -> Any:
        return msgspec.structs.replace(attempt, total_tokens=int(attempt.total_tokens * 1.3))

    base = run()
    for tolerance, outcome in ((10, REGRESSED), (60, PASS)):
        check = one(base, edited(base, dear), f"total_tokens@mean:{tolerance}%")
        assert check.outcome is outcome
        assert check.worsening == pytest.approx(0.3, abs=0.02)


def test_an_accuracy_that_new_no_longer_reaches_is_a_regression() -> None:
    check = one(run(), run((0.1, 0.2, 0.3, 0.35)), "tokens_to(0.5):10%")
    assert (check.outcome, check.new, check.worsening) == (REGRESSED, None, None)
    assert "new does not reach 50 %" in check.why
    back = one(run((0.1, 0.2, 0.3, 0.35)), run(), "tokens_to(0.5):10%")
    assert (back.outcome, back.base, back.worsening) == (PASS, None, -1.0)
    neither = one(run(), run(), "tokens_to(0.99):10%")
    assert (neither.outcome, neither.p) == (INCONCLUSIVE, None)
    assert "neither reaches 99 %" in neither.why


def test_tokens_for_an_accuracy_are_those_of_the_curve() -> None:
    check = one(run(), run(seed=1), "tokens_to(0.5):50%")
    assert check.outcome is PASS
    assert check.base is not None
    assert 64 < check.base < 1024


def test_what_is_not_known_is_inconclusive_and_costs_no_alpha() -> None:
    found = gate(run(), run(), ["usd@64:10%", "usd_to(0.5):10%", "accuracy@64:3pp", "pass@3@64:3pp"])
    assert [check.outcome for check in found.checks] == [INCONCLUSIVE, INCONCLUSIVE, PASS, INCONCLUSIVE]
    assert "usd of base and new is not known" in found.checks[0].why
    assert "fewer than 3 samples" in found.checks[3].why
    assert [check.alpha for check in found.checks] == [None, None, 0.05, None]


def test_one_unknown_cost_makes_a_mean_unknown() -> None:
    def lost(attempt: Any) -> Any:
        return msgspec.structs.replace(attempt, total_tokens=None) if attempt.index == 3 else attempt

    check = one(run(), edited(run(), lost), "total_tokens@64:10%")
    assert (check.outcome, check.new) == (INCONCLUSIVE, None)
    assert "total_tokens of new" in check.why


def test_nothing_spent_by_either_is_no_worse() -> None:
    base = edited(run(), lambda attempt: msgspec.structs.replace(attempt, thinking_tokens=0))
    assert one(base, base, "tokens@0:10%").outcome is PASS
    assert one(run(), base, "tokens@64:10%").outcome is PASS


def test_a_cost_that_base_never_had_is_more_than_any_per_cent() -> None:
    base = edited(run(), lambda attempt: msgspec.structs.replace(attempt, thinking_tokens=0))
    some = one(base, run(), "tokens@64:10%")
    assert (some.outcome, some.worsening, some.most) == (REGRESSED, None, None)
    assert "base spends none, new at 200 problems" in some.why
    for n, outcome in ((3, INCONCLUSIVE), (12, REGRESSED)):
        few = edited(base, lambda a, n=n: msgspec.structs.replace(a, thinking_tokens=9 if a.index < n else 0))
        check = one(base, few, "tokens@64:10%")
        assert (check.outcome, check.needed) == (outcome, None)
        assert check.p == pytest.approx((1.1 / 2.1) ** n)
        assert (check.least is not None and check.least > 0.1) == (outcome is REGRESSED)
    little = edited(base, lambda a: msgspec.structs.replace(a, thinking_tokens=1))
    assert one(base, little, "tokens@mean:900%").outcome is REGRESSED


def test_failed_attempts_are_a_measure_of_their_own_and_are_noted() -> None:
    broken = run(fail=[(i, 64) for i in range(0, 60)])
    check = one(run(), broken, "failures@64:5pp")
    assert (check.outcome, check.new) == (REGRESSED, 0.3)
    found = gate(run(), broken, ["accuracy@64:5pp"])
    assert "120 attempts of new failed" in " ".join(found.notes)
    assert found.checks[0].n_problems == 140


def test_a_run_whose_wrong_answers_failed_does_not_pass() -> None:
    base = run()
    broken = Records()
    broken.traces = base.records.traces
    for a in base.records.attempts.values():
        if a.verdict is Verdict.CORRECT:
            broken.add(a)
        else:
            broken.add(Failure(a.model, a.task, a.problem, a.sample, a.budget, a.control, "answer", "out of memory"))
    new = Run(base.path, base.manifest, broken)
    for text in ("accuracy@256:5pp", "accuracy@mean:5pp", "no_answer@256:5pp", "any", "tokens_to(0.5):10%"):
        check = one(base, new, text)
        assert check.outcome is INCONCLUSIVE, text
        assert check.most is None or check.most > check.tolerance
        assert "failed in new only" in check.why
        assert check.needed is None
    assert one(new, new, "accuracy@1024:10pp").outcome is PASS  # the same ones failed in both


def test_few_failures_pass_where_they_could_turn_nothing() -> None:
    broken = run(fail=[(3, 64)])
    check = one(run(), broken, "accuracy@64:3pp")
    assert check.outcome is PASS
    assert check.most == pytest.approx((one(run(skip=[3]), run(skip=[3]), "accuracy@64:3pp").most or 0) + 1 / 200)
    assert one(run(), broken, "accuracy@64:0pp").outcome is INCONCLUSIVE


def without(given: Run, is_gone: Any) -> Run:
    """The run as its tables are where somebody took attempts out, failures and all."""
    records = Records()
    records.traces = given.records.traces
    for attempt in given.records.attempts.values():
        if not is_gone(attempt):
            records.add(attempt)
    return Run(given.path, given.manifest, records)


def test_attempts_without_a_record_count_like_those_that_failed() -> None:
    base = run()
    gone = without(base, lambda a: a.verdict is not Verdict.CORRECT)
    n = len(base.attempts) - len(gone.attempts)
    for text in ("accuracy@256:5pp", "accuracy@mean:5pp", "any", "tokens_to(0.5):10%"):
        check = one(base, gone, text)
        assert check.outcome is INCONCLUSIVE, text
        assert "are missing, or failed in new only" in check.why
    assert one(base, gone, "failures@256:5pp").outcome is REGRESSED
    assert f"{n:,} of 1,600 attempts of new are missing" in " ".join(gate(base, gone, ["any"]).notes)
    assert one(gone, gone, "accuracy@1024:10pp").outcome is PASS  # the same ones are missing in both
    assert one(base, without(base, lambda a: (a.index, a.budget) == (3, 64)), "accuracy@64:5pp").outcome is PASS


def test_problems_of_which_nothing_is_left_are_missing_and_those_not_asked_are_not() -> None:
    base = run()
    gone = without(base, lambda a: a.index < 40)
    check = one(base, gone, "accuracy@64:10pp")
    assert (check.outcome, check.n_problems) == (INCONCLUSIVE, 160)
    assert one(base, gone, "failures@mean:5pp").new == pytest.approx(0.2)
    asked_less = run(skip=range(40))
    assert "missing" not in " ".join(gate(base, asked_less, ["any"]).notes)
    assert one(base, asked_less, "accuracy@64:10pp").outcome is PASS


def test_a_problem_of_which_nothing_came_about_counts_as_failed() -> None:
    ladder = (0, 64, 256, 1024)
    broken = run(fail=[(i, budget) for i in range(40) for budget in ladder])
    assert one(run(), broken, "failures@mean:5pp").new == pytest.approx(0.2)


def test_votes_and_passes_of_k_samples() -> None:
    base, new = run(samples=4), run((0.1, 0.3, 0.4, 0.9), samples=4, seed=1)
    found = gate(base, new, ["pass@4@256:5pp", "pass@1@256:5pp", "accuracy@256:5pp"]).checks
    assert {check.outcome for check in found} == {REGRESSED}
    assert found[1].worsening == pytest.approx(found[2].worsening)
    assert (found[0].base or 0) >= (found[1].base or 0)


def test_the_mean_over_budgets_is_one_check() -> None:
    base, new = run(), run(seed=1)
    each = [check.worsening or 0 for check in gate(base, new, ["accuracy:5pp"]).checks]
    check = one(base, new, "accuracy@mean:5pp")
    assert (check.scope, check.budget) == ("mean", None)
    assert check.worsening == pytest.approx(sum(each) / 4)


def test_budgets_that_the_runs_do_not_have_are_refused_with_those_they_have() -> None:
    with pytest.raises(UsageError, match="They have 0, 64, 256, 1024"):
        gate(run(), run(), ["accuracy@512:2pp"])
    few = run((0.1, 0.3, 0.9), budgets=(0, 64, 1024))
    assert "budgets only in base, not looked at: 256" in " ".join(gate(run(), few, ["accuracy:2pp"]).notes)
    with pytest.raises(UsageError, match="no budget '256'"):
        gate(run(), few, ["accuracy@256:2pp"])


def test_natural_ends_and_levels_of_effort_have_their_names() -> None:
    natural = run((0.1, 0.9), budgets=(64, None))
    assert one(natural, natural, "accuracy@none:3pp").budget is None
    assert one(natural, natural, "accuracy@natural:3pp").scope == "budget"
    levels = run((0.1, 0.5, 0.9), budgets=(2, 3, 4), control="effort")
    check = one(levels, levels, "accuracy@high:3pp")
    assert (check.budget, check.effort) == (4, "high")
    with pytest.raises(UsageError, match="low, medium, high"):
        gate(levels, levels, ["accuracy@64:3pp"])


def test_a_condition_may_be_of_one_task() -> None:
    sums = run(task="org/sums")
    assert one(sums, sums, "org/sums/accuracy@64:3pp").task == "org/sums"
    assert one(sums, sums, "sums/accuracy@64:3pp").task == "org/sums"
    with pytest.raises(UsageError, match="no task 'sms'"):
        gate(sums, sums, ["sms/accuracy@64:3pp"])


def test_no_budget_in_common_is_nothing_to_judge_by() -> None:
    found = gate(run((0.5,), budgets=(64,)), run((0.5,), budgets=(128,)), ["accuracy:2pp", "any"])
    assert [check.outcome for check in found.checks] == [INCONCLUSIVE] * 2


def test_one_problem_tells_nothing() -> None:
    single = run(n=1)
    found = gate(single, single, ["accuracy:2pp", "any", "total_tokens:5%", "tokens_to(0.5):5%"])
    assert {check.outcome for check in found.checks} == {INCONCLUSIVE}
    assert b"NaN" not in msgspec.json.encode(found)


def test_a_gate_without_a_condition_or_with_a_wild_alpha_is_refused() -> None:
    with pytest.raises(UsageError, match="lets everything through"):
        gate(run(), run(), [])
    with pytest.raises(UsageError, match=r"alpha is 0\.7"):
        gate(run(), run(), ["any"], alpha=0.7)


def test_more_tests_ask_for_more() -> None:
    pair = a_pair(3, (0.08, 0.0, 0.0))
    alone, among = (
        judge([pair], conditions_of(texts), n_flips=99)[0]
        for texts in (["accuracy@64:2pp"], ["accuracy@64:2pp", "accuracy:1pp", "tokens:5%"])
    )
    assert alone.p == among.p
    assert (among.alpha or 1) < (alone.alpha or 0)
    assert (among.least or 0) < (alone.least or 0)


@pytest.mark.parametrize("seed", range(16))
def test_figures_and_outcomes_never_contradict_each_other(seed: int) -> None:
    losses = [(0, 0, 0), (0.02, 0.02, 0.02), (0.1, 0.0, 0.05), (0.0, 0.0, 0.06)][seed % 4]
    pair = a_pair(seed, losses, n=60 + 20 * (seed % 5), samples=1 + seed % 4)
    texts = ["accuracy:2pp", "tokens:10%", "tokens_to(0.4):10%", "accuracy@mean:5pp"]
    checks = judge([pair], conditions_of(texts), n_flips=99)
    for check in checks:
        is_worse = check.least is not None and check.least >= check.tolerance
        is_fine = check.most is not None and check.most <= check.tolerance
        assert check.outcome is (REGRESSED if is_worse else PASS if is_fine else INCONCLUSIVE)
        assert (check.outcome is REGRESSED) == (check.p_holm is not None and check.p_holm <= 0.05)
        assert (check.needed is not None) == (check.outcome is INCONCLUSIVE)
        assert check.least is None or check.worsening is None or check.least <= check.worsening + 0.02
    assert isinstance(Decision("", "", 0.05, worst(c.outcome for c in checks), 0, tuple(checks)).outcome, Outcome)
