"""Controls that a provider enforces: what is asked, what is recorded of it, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts import Doubling
from thinkcurve.backend import Chat, Generation, NativeBudgets, Request, Sampling, Stop, Usage, Visibility
from thinkcurve.budget import Control, Ending
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.plan import Given
from thinkcurve.problem import Verdict
from thinkcurve.run import Run, load_run, sweep_async
from thinkcurve.store import read_manifest
from thinkcurve.study import Study, study_from
from thinkcurve_backends.scripted import AskedChat, ScriptedBackend, ScriptedChat, improving

NATIVE = Study(models=("chat",), tasks=("doubling",), budgets=(0, 64, 1024, None), control=Control.NATIVE)
EFFORT = study_from(
    {"models": ["chat"], "tasks": ["doubling"], "budgets": ["none", "low", "high"], "control": "effort"}, "here"
)


def doubled(question: str) -> str:
    return f"\\boxed{{{2 * int(re.findall('[0-9]+', question)[0])}}}"


async def swept(path: Path, study: Study, backend: Any) -> Run:
    return await sweep_async(study, path, Given({"chat": backend}, {"doubling": Doubling()}))


class Noting(ScriptedChat):
    """Keeps what it was asked."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.heard: list[Request] = []

    async def generate(self, request: Request) -> Generation:
        self.heard.append(request)
        return await super().generate(request)

    def chats(self) -> list[Chat]:
        return [r.prompt for r in self.heard if isinstance(r.prompt, Chat)]


def answered(asked: AskedChat) -> str:
    return doubled(asked.question)


async def test_a_native_budget_is_asked_of_the_provider_and_x_is_what_it_says_was_spent(tmp_path: Path) -> None:
    backend = Noting(improving(doubled), natural=300, spends=lambda budget, rng: budget + 7)
    run = await swept(tmp_path, NATIVE, backend)
    assert {chat.budget_tokens for chat in backend.chats()} == {0, 64, 1024, None}
    assert all(request.max_tokens == 0 and request.leaves_sampling for request in backend.heard)
    by_budget = {
        b: rows["thinking_tokens"].unique().tolist() for b, rows in run.attempts.groupby("budget", dropna=False)
    }
    assert by_budget[64.0] == [71], "asked 64, spent 71: the curve is drawn at 71"
    assert by_budget[1024.0] == [300]
    assert set(run.attempts["thinking_source"]) == {"provider"}
    points = run.curves()[0].points
    assert [point.thinking_tokens for point in points] == [0, 71, 300, 300]
    assert points[0].accuracy is not None
    assert points[2].accuracy is not None
    assert points[0].accuracy < points[2].accuracy


async def test_thinking_that_reached_its_budget_counts_as_forced(tmp_path: Path) -> None:
    run = await swept(tmp_path, NATIVE, ScriptedChat(answered, natural=300))
    forced = {point.budget: point.forced for point in run.curves()[0].points}
    assert forced == {0: 20, 64: 20, 1024: 0, None: 0}


async def test_levels_of_effort_are_a_ladder_of_their_own(tmp_path: Path) -> None:
    backend = Noting(improving(doubled), natural=200)
    run = await swept(tmp_path, EFFORT, backend)
    assert {chat.effort for chat in backend.chats()} == {"none", "low", "high"}
    assert list(run.attempts["effort"].unique()) == ["none", "low", "high"]
    assert set(run.traces["effort"]) == {"none", "low", "high"}
    curve = run.curves()[0]
    assert (curve.control, len(curve.points)) == ("effort", 3)
    spent = [point.thinking_tokens or 0 for point in curve.points]
    assert spent == sorted(spent)
    again = load_run(tmp_path)
    assert again.attempts.equals(run.attempts), "levels come back from the journal"
    assert read_manifest(tmp_path).study == EFFORT


async def test_a_study_made_in_python_may_name_levels_and_control(tmp_path: Path) -> None:
    named: Any = Study(models=("chat",), tasks=("doubling",), budgets=("low", "high"), control="effort")  # type: ignore[arg-type]
    run = await swept(tmp_path, named, ScriptedChat(answered))
    assert set(run.attempts["effort"]) == {"low", "high"}


async def test_a_provider_is_told_in_words_where_it_takes_no_ids(tmp_path: Path) -> None:
    backend = Noting(answered)
    study = msgspec.structs.replace(NATIVE, budgets=(0, 64), control=Control.PROMPT)
    await swept(tmp_path, study, backend)
    said = {chat.messages[-1].content.partition("\n\n")[2] for chat in backend.chats()}
    assert said == {"Think for at most 0 tokens.", "Think for at most 64 tokens."}
    assert all(chat.budget_tokens is None and chat.effort is None for chat in backend.chats())


async def test_every_sample_of_a_problem_has_a_seed_of_its_own(tmp_path: Path) -> None:
    backend = Noting(answered)
    study = msgspec.structs.replace(NATIVE, samples=3)
    await swept(tmp_path, study, backend)
    assert len({request.seed for request in backend.heard}) == 20 * 3 * 4


async def test_a_study_that_names_a_temperature_sends_it(tmp_path: Path) -> None:
    backend = Noting(answered)
    await swept(tmp_path, msgspec.structs.replace(NATIVE, temperature=0.5, top_p=0.9), backend)
    assert {(r.sampling, r.leaves_sampling) for r in backend.heard} == {(Sampling(0.5, 0.9), False)}
    assert read_manifest(tmp_path).models[0].sampling == Sampling(0.5, 0.9)


async def test_sampling_that_is_left_to_the_provider_is_recorded_as_such(tmp_path: Path) -> None:
    await swept(tmp_path, NATIVE, ScriptedChat(answered))
    assert json.loads((tmp_path / "manifest.json").read_text())["models"][0]["sampling"] is None


async def test_what_nobody_counted_stays_unknown(tmp_path: Path) -> None:
    run = await swept(tmp_path, NATIVE, ScriptedChat(answered, counts=False))
    assert run.attempts["thinking_tokens"].isna().all()
    assert set(run.attempts["thinking_source"]) == {"unknown"}
    point = run.curves()[0].points[1]
    assert (point.thinking_tokens, point.accuracy) == (None, 1.0)
    assert point.generated_tokens is not None


@pytest.mark.parametrize("kind", list(Visibility))
async def test_hidden_summarised_and_encrypted_thinking_is_recorded_as_such(tmp_path: Path, kind: Visibility) -> None:
    run = await swept(tmp_path, NATIVE, ScriptedChat(answered, visibility=kind))
    assert set(run.traces["visibility"]) == {kind}
    if kind in (Visibility.HIDDEN, Visibility.ENCRYPTED):
        assert set(run.traces["text"]) == {""}


async def test_a_refusal_is_a_missing_answer_and_never_a_wrong_one(tmp_path: Path) -> None:
    run = await swept(tmp_path, NATIVE, ScriptedChat(lambda asked: None))
    assert set(run.attempts["verdict"]) == {Verdict.NO_ANSWER}
    assert set(run.attempts["reason"]) == {"refusal"}


async def test_a_stop_for_length_inside_the_thinking_is_a_forced_end_without_an_answer(tmp_path: Path) -> None:
    study = msgspec.structs.replace(NATIVE, budgets=(None,), max_output_tokens=50)
    run = await swept(tmp_path, study, ScriptedChat(answered, natural=300))
    row = run.attempts.iloc[0]
    assert (row["verdict"], row["ending"], row["is_forced"], row["is_truncated_answer"]) == (
        Verdict.NO_ANSWER,
        Ending.BUDGET,
        True,
        True,
    )


async def test_one_bad_request_stops_nothing_and_a_wrong_key_stops_at_once(tmp_path: Path) -> None:
    def some(asked: AskedChat) -> str:
        if "double 3" in asked.question:
            raise BackendError("the server refused a request (400: too long)")
        return doubled(asked.question)

    run = await swept(tmp_path / "one", NATIVE, ScriptedChat(some))
    assert (len(run.attempts), len(run.failures)) == (19 * 4, 4)

    calls = []

    def locked(asked: AskedChat) -> str:
        calls.append(asked)
        raise BackendError("a wrong key", is_fatal=True)

    with pytest.raises(BackendError, match="a wrong key"):
        await swept(tmp_path / "all", NATIVE, ScriptedChat(locked))
    assert len(calls) < 20


def said_of(run: Run) -> set[tuple[object, ...]]:
    attempts = run.records.attempts.values()
    return {(a.key, a.verdict, a.thinking_tokens, a.answer, a.seed) for a in attempts}


async def test_a_stopped_run_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    whole = await swept(tmp_path / "whole", NATIVE, ScriptedChat(improving(doubled)))
    few = msgspec.structs.replace(NATIVE, budgets=(0, 64), limit=7)
    await swept(tmp_path / "grown", few, ScriptedChat(improving(doubled)))
    backend = Noting(improving(doubled))
    grown = await swept(tmp_path / "grown", NATIVE, backend)
    assert len(backend.heard) == 20 * 4 - 7 * 2
    assert said_of(grown) == said_of(whole)


@pytest.mark.parametrize(
    ("changes", "native", "complaint"),
    [
        ({"budgets": (0, 64)}, NativeBudgets(least=1024), "budget 64 is none that model 'chat' takes: at least 1024"),
        ({"budgets": (0, 4096)}, NativeBudgets(has_zero=False), "cannot leave its thinking out"),
        ({"budgets": (64, 4096)}, NativeBudgets(most=1000), "at least 1 and at most 1000, or 0"),
        ({"budgets": (64, None)}, NativeBudgets(has_natural=False), "wants a budget of thinking"),
        ({"top_p": 0.5}, NativeBudgets(), "top_p alone would leave model 'chat' at a temperature"),
        ({"answer_tokens": 5}, NativeBudgets(), "max_output_tokens bounds thinking and answer together"),
        ({"chat_template": False}, NativeBudgets(), "drop --no-chat-template"),
        ({"batch": True}, NativeBudgets(), "model 'chat' has no batch interface"),
    ],
)
async def test_what_a_provider_does_not_take_is_refused_before_a_token_is_spent(
    tmp_path: Path, changes: dict[str, Any], native: NativeBudgets, complaint: str
) -> None:
    backend = Noting(answered, native=native)
    with pytest.raises(UsageError, match=complaint):
        await swept(tmp_path, msgspec.structs.replace(NATIVE, **changes), backend)
    assert backend.heard == []


async def test_an_effort_that_the_model_does_not_take_is_refused_with_those_that_it_does(tmp_path: Path) -> None:
    backend = ScriptedChat(answered, scales={"low": 0.5, "high": 2.0})
    with pytest.raises(UsageError, match="takes no effort 'none'; it takes low, high"):
        await swept(tmp_path, EFFORT, backend)


async def test_a_control_that_a_backend_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model 'chat' cannot do control 'native'; it can do: .*truncate"):
        await swept(tmp_path, NATIVE, ScriptedBackend(lambda asked: "", name="chat"))


async def test_a_charge_that_the_provider_names_is_what_was_spent(tmp_path: Path) -> None:
    def charge(usage: Usage) -> float:
        return 0.001 * (usage.generated_tokens or 0)

    run = await swept(tmp_path, NATIVE, ScriptedChat(answered, charge=charge, natural=100))
    assert run.traces["usd_spent"].sum() == pytest.approx(0.001 * run.attempts["generated_tokens"].sum())
    assert run.attempts["usd_spent"].sum() == 0
    assert run.attempts["usd"].isna().all(), "alone, nothing cached, has no price here"


async def test_prices_of_the_study_give_what_each_attempt_costs_alone_and_as_spent(tmp_path: Path) -> None:
    prices = {"chat": {"input": 2.0, "output": 10.0, "cached_input": 0.5}}
    study = msgspec.structs.replace(NATIVE, budgets=(64,), prices=prices)
    run = await swept(tmp_path, study, ScriptedChat(answered, natural=100, cached=3))
    row, trace = run.attempts.iloc[0], run.traces.iloc[0]
    alone = (2.0 * row["prompt_tokens"] + 10.0 * row["generated_tokens"]) / 1e6
    assert row["usd"] == pytest.approx(alone)
    assert trace["usd_spent"] == pytest.approx(alone - 3 * 1.5 / 1e6)
    assert run.curves()[0].points[0].usd == pytest.approx(alone)
    tariff = read_manifest(tmp_path).models[0].tariff
    assert tariff is not None
    assert (tariff.input, tariff.source) == (2.0, "the study")


def test_stop_of_a_refusal_is_a_word_of_its_own() -> None:
    assert Stop("refusal") is Stop.REFUSAL
