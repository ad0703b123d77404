"""What a dry run says of each control: requests, traces and prompt tokens, counted by hand."""

import json
from pathlib import Path

import msgspec
import pytest

from scripts import STUDY, Doubling, changed, given
from thinkcurve.budget import Control
from thinkcurve.cli.estimate import estimate
from thinkcurve.plan import Given, prepare
from thinkcurve.runner import carry_out
from thinkcurve.study import Study
from thinkcurve_backends.scripted import ScriptedText


@pytest.mark.parametrize(
    ("control", "requests", "traces"),
    [(Control.TRUNCATE, 20 * 5 + 20, 20), (Control.EXTEND, 20 * 5 + 20, 20), (Control.SERVER, 100, 100)],
)
async def test_requests_and_traces_are_counted(tmp_path: Path, control: Control, requests: int, traces: int) -> None:
    plan = await prepare(changed(control=control), tmp_path, given=given(), is_dry=True)
    try:
        found = await estimate(plan)
        asked = sum(len(p.token_ids) for p in plan.prompts["adder"])
    finally:
        await plan.aclose()
    assert (found.requests_at_most, found.traces, found.attempts) == (requests, traces, 100)
    assert found.prompt_tokens == asked * (5 if control is Control.SERVER else 1)
    assert json.dumps(found.generated_tokens_expected) != "null"


async def test_a_told_budget_has_a_longer_prompt_each(tmp_path: Path) -> None:
    def brief(asked: object) -> str:
        return "x"

    study = changed(control=Control.PROMPT, budgets=(0, 8, None))
    plan = await prepare(study, tmp_path, given=given(brief), is_dry=True)
    try:
        found = await estimate(plan)
        prompts = plan.prompts["adder"]
        asked = sum(len(p.at(b).token_ids) for p in prompts for b in study.budgets)
    finally:
        await plan.aclose()
    assert found.prompt_tokens == asked > 3 * sum(len(p.token_ids) for p in prompts)
    assert (found.requests_at_most, found.traces) == (120, 60)


async def test_what_is_expected_is_what_a_run_then_spends(tmp_path: Path) -> None:
    """The scripted model is probed on every problem, so that the expectation is exact, for each control."""
    for control in (Control.TRUNCATE, Control.SERVER):
        plan = await prepare(changed(STUDY, control=control), tmp_path / control, given=given())
        try:
            found = await estimate(plan)
            records = await carry_out(plan)
        finally:
            await plan.aclose()
        spent = sum(t.generated_spent or 0 for t in records.traces.values())
        spent += sum(a.generated_spent or 0 for a in records.attempts.values())
        assert found.generated_tokens_expected == spent


async def test_a_trace_of_text_is_thought_a_rung_at_a_time_and_its_prompt_is_estimated(tmp_path: Path) -> None:
    study = Study(models=("text",), tasks=("doubling",), budgets=(0, 8, 64), answer_tokens=32)
    study = msgspec.structs.replace(study, prices={"text": {"input": 1.0, "output": 1.0}})
    text = ScriptedText(lambda asked: "so it is" if asked.wants_thinking else "\\boxed{4}", is_local=False)
    plan = await prepare(study, tmp_path, given=Given({"text": text}, {"doubling": Doubling(2)}), is_dry=True)
    try:
        found = await estimate(plan)
    finally:
        await plan.aclose()
    assert (found.requests_at_most, found.traces, found.answers_at_most) == (2 * (2 + 3), 2, 6)
    assert (found.thinking_tokens_at_most, found.answer_tokens_at_most) == (2 * 64, 6 * 32)
    size = 2 + 4  # "double 1": 8 bytes, and the message around them
    assert (found.prompt_tokens, found.is_prompt_exact) == (2 * size, False)
    thinking = 2 * size + (0 + 8) + 64  # a budget of 0 takes no request of its own
    answers = 3 * size + (0 + 8 + 64) + 3 * 32
    assert found.usd_at_most == pytest.approx(2 * (thinking + answers) / 1e6)
    assert found.generated_tokens_expected is None
