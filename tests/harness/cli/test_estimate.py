"""What a dry run says of each control: requests, traces and prompt tokens, counted by hand."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts import STUDY, Doubling, changed, given
from thinkcurve.batching import Batch, write_batches
from thinkcurve.budget import Control
from thinkcurve.cli.estimate import Estimate, estimate, print_estimate
from thinkcurve.plan import Given, prepare
from thinkcurve.purse import spent
from thinkcurve.runner import carry_out
from thinkcurve.study import Study
from thinkcurve_backends.scripted import AskedChat, ScriptedChat, ScriptedText


@pytest.mark.parametrize(
    ("control", "requests", "traces"),
    [(Control.TRUNCATE, 20 * 5 + 20, 20), (Control.EXTEND, 20 * 5 + 20 * 3, 20), (Control.SERVER, 100, 100)],
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


TEXT = Study(models=("text",), tasks=("doubling",), budgets=(10, 20, 40), answer_tokens=8)
TEXT = msgspec.structs.replace(TEXT, prices={"text": {"input": 1.0, "output": 10.0}})


async def text_spends(study: Study, path: Path, words: int = 300) -> tuple[Estimate, int, int, float]:
    """What is told of a study of text, and the requests, thinking tokens and dollars that it then takes."""
    text = ScriptedText(lambda asked: " w" * words if asked.wants_thinking else "\\boxed{4}", is_local=False)
    plan = await prepare(study, path, given=Given({"text": text}, {"doubling": Doubling(2)}))
    try:
        found = await estimate(plan)
        before = sum(t.generated_spent or 0 for t in plan.records.traces.values()), spent(plan.records) or 0.0
        records = await carry_out(plan)
    finally:
        await plan.aclose()
    thinking = sum(t.generated_spent or 0 for t in records.traces.values()) - before[0]
    return found, text.n_requests, thinking, (spent(records) or 0.0) - before[1]


@pytest.mark.parametrize("words", [5, 300])
@pytest.mark.parametrize("control", [Control.TRUNCATE, Control.EXTEND])
@pytest.mark.parametrize("traces", ["shared", "separate"])
async def test_text_takes_no_more_than_was_told(tmp_path: Path, traces: Any, control: Control, words: int) -> None:
    study = msgspec.structs.replace(TEXT, traces=traces, control=control)
    found, requests, thinking, usd = await text_spends(study, tmp_path, words)
    assert found.requests_at_most >= requests
    assert (found.thinking_tokens_at_most or 0) + found.requests_at_most >= thinking
    assert (found.usd_at_most or 0) >= usd
    if words == 300 and control is Control.TRUNCATE:
        assert (found.requests_at_most, found.thinking_tokens_at_most) == (requests, thinking)


async def test_a_rung_inside_a_known_trace_is_a_trace_of_its_own(tmp_path: Path) -> None:
    await text_spends(msgspec.structs.replace(TEXT, budgets=(10, 40)), tmp_path)
    found, requests, thinking, _ = await text_spends(msgspec.structs.replace(TEXT, budgets=(10, 30, 40)), tmp_path)
    assert (found.requests_at_most, found.traces, found.thinking_tokens_at_most) == (4, 2, 40)
    assert (requests, thinking) == (4, 40)


CHAT = Study(models=("chat", "free"), tasks=("doubling",), budgets=(64,), control=Control.NATIVE, limit=2)
CHAT = msgspec.structs.replace(CHAT, prices={"chat": {"input": 1.0, "output": 10.0}})


def chats() -> Given:
    def answer(asked: AskedChat) -> str:
        return "\\boxed{4}"

    paid = ScriptedChat(answer, is_local=False, spends=lambda budget, _: 2 * budget)
    return Given({"chat": paid, "free": ScriptedChat(answer)}, {"doubling": Doubling(4)})


async def test_a_model_that_is_free_leaves_the_dollars_of_the_others_known(tmp_path: Path) -> None:
    plan = await prepare(CHAT, tmp_path, given=chats())
    try:
        first = spent(await carry_out(plan), {"free"})
    finally:
        await plan.aclose()
    plan = await prepare(msgspec.structs.replace(CHAT, limit=4), tmp_path, given=chats(), is_dry=True)
    try:
        found = await estimate(plan)
    finally:
        await plan.aclose()
    assert found.usd_expected == pytest.approx(first)
    assert found.thinking_tokens_asked == 4 * 64
    assert (found.thinking_tokens_at_most or 0) >= 2 * 128 + 2 * 64, "a provider may overshoot"


async def test_what_is_in_batches_is_not_still_to_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items: dict[str, tuple[str, int, int | None]] = {"a": ("doubling/test/0", 0, 64), "b": ("doubling/test/1", 0, 64)}
    collected = Batch("chat", "old", {"c": ("doubling/test/2", 0, 64)}, is_collected=True)
    write_batches(tmp_path, [collected, Batch("chat", "new", items)])
    study = msgspec.structs.replace(CHAT, models=("chat",), limit=4)
    plan = await prepare(study, tmp_path, given=chats(), is_dry=True)
    try:
        found = await estimate(plan)
        await print_estimate(plan, as_json=False)
    finally:
        await plan.aclose()
    assert (found.attempts, found.attempts_done, found.attempts_in_batches) == (4, 0, 2)
    assert (found.requests_at_most, found.answers_at_most) == (2, 2)
    assert "4 (2 in batches)" in capsys.readouterr().out
