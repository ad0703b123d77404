"""One model under one study: how it is sampled, what is recorded of that, and when its server counts as gone."""

import asyncio
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import STUDY, Asked, Doubling, adder, changed, given, sweep
from thinkcurve.backend import ModelInfo, Sampling
from thinkcurve.cli.run import _drawn
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.plan import Given, prepare
from thinkcurve.retry import RetryPolicy
from thinkcurve.runner import carry_out
from thinkcurve.session import sampling_of
from thinkcurve.store import read_manifest
from thinkcurve_backends.scripted import ScriptedBackend

QWEN = Sampling(temperature=0.6, top_p=0.95, top_k=20)


@pytest.mark.parametrize(
    ("makers", "wishes", "drawn"),
    [
        (None, {}, Sampling()),
        (QWEN, {}, QWEN),
        (QWEN, {"temperature": 0}, Sampling()),
        (QWEN, {"temperature": 0, "top_p": 0.5}, Sampling()),
        (QWEN, {"temperature": 1.0}, Sampling(1.0, 0.95, 20)),
        (QWEN, {"top_k": 0, "min_p": 0.1}, Sampling(0.6, 0.95, 0, 0.1)),
        (Sampling(), {"top_p": 0.9}, Sampling()),
        (None, {"temperature": 0.8}, Sampling(0.8)),
        (None, {"temperature": 0.8, "top_p": 0.9}, Sampling(0.8, 0.9)),
    ],
)
def test_the_study_goes_before_the_makers_and_both_before_greedy(
    makers: Sampling | None, wishes: dict[str, float], drawn: Sampling
) -> None:
    assert sampling_of(changed(**wishes), ModelInfo("m", sampling=makers)) == drawn


def drawn_by(sampling: Sampling | None) -> Given:
    return Given({"adder": ScriptedBackend(adder, sampling=sampling)}, {"doubling": Doubling()})


async def test_how_tokens_were_drawn_is_in_the_manifest_and_asked_of_the_model(tmp_path: Path) -> None:
    heard: set[float] = set()

    def noting(asked: Asked) -> str:
        heard.add(asked.temperature)
        return adder(asked)

    objects = Given({"adder": ScriptedBackend(noting, sampling=QWEN)}, {"doubling": Doubling()})
    await sweep(tmp_path, changed(samples=2), objects)
    assert heard == {0.6}
    assert read_manifest(tmp_path).models[0].sampling == QWEN
    assert json.loads((tmp_path / "manifest.json").read_text())["models"][0]["sampling"]["top_k"] == 20


async def test_samples_of_a_greedy_model_are_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 samples at temperature 0, as model 'adder' is sampled"):
        await sweep(tmp_path, changed(samples=2), drawn_by(None))


async def test_settings_that_would_change_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="top_p would change nothing: model 'adder' is sampled greedily"):
        await sweep(tmp_path, changed(top_p=0.9), drawn_by(None))
    await sweep(tmp_path, changed(top_p=0.9, temperature=0.0), drawn_by(None))


@pytest.mark.parametrize(
    ("wishes", "makers", "words"),
    [
        ({}, None, "greedy (its makers name no temperature)"),
        ({}, Sampling(), "greedy (its makers' default)"),
        ({"temperature": 0.0}, QWEN, "greedy"),
        ({}, QWEN, "temperature 0.6, top-p 0.95, top-k 20 (its makers' default)"),
        ({"temperature": 0.8}, QWEN, "temperature 0.8, top-p 0.95, top-k 20 (its makers' default)"),
        ({"top_p": 0.5, "top_k": 7}, QWEN, "top-p 0.5, top-k 7, temperature 0.6 (its makers' default)"),
        ({"temperature": 0.8}, None, "temperature 0.8"),
    ],
)
def test_how_tokens_are_drawn_is_said_with_whose_wish_it_is(
    wishes: dict[str, float], makers: Sampling | None, words: str
) -> None:
    study, model = changed(**wishes), ModelInfo("m", sampling=makers)
    session = SimpleNamespace(
        sampling=sampling_of(study, model), backend=SimpleNamespace(model=model), leaves_sampling=False
    )
    assert _drawn(session, study) == words


async def test_a_run_is_not_gone_on_with_by_other_sampling(tmp_path: Path) -> None:
    await sweep(tmp_path, changed(limit=5), drawn_by(QWEN))
    with pytest.raises(UsageError, match="is not the one this run began with \\(sampling"):
        await sweep(tmp_path, changed(limit=9), drawn_by(Sampling(0.7)))


async def test_a_server_that_is_gone_ends_the_run_and_the_run_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thinkcurve.recorder.FAILING_FOR_S", 0.0)
    calls = {"left": 30}

    def dying(asked: Asked) -> str:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise BackendError("connection refused", is_retryable=True)
        return adder(asked)

    plan = await prepare(STUDY, tmp_path, given=given(dying, concurrency=4))
    hasty = RetryPolicy(attempts=2, first_wait_s=0.001)
    plan.sessions = [dataclasses.replace(session, retry=hasty) for session in plan.sessions]
    try:
        with pytest.raises(
            BackendError, match="8 problems asked of 'adder' failed one after the other, last: connection"
        ):
            await asyncio.wait_for(carry_out(plan), 60)
    finally:
        await plan.aclose()
    run = await sweep(tmp_path)
    assert len(run.attempts) == 100
    assert not run.records.failures


async def test_a_problem_that_always_fails_and_a_short_outage_end_no_run(tmp_path: Path) -> None:
    """Neither many budgets of one problem nor many problems within a moment say that a server is gone."""
    calls = {"n": 0}

    def patchy(asked: Asked) -> str:
        calls["n"] += 1
        if asked.prompt == "double 3" or 20 < calls["n"] < 60:
            raise BackendError("HTTP 500", is_retryable=True)
        return adder(asked)

    study = changed(budgets=tuple(range(12)), traces="separate")
    plan = await prepare(study, tmp_path, given=given(patchy, concurrency=4))
    hasty = RetryPolicy(attempts=2, first_wait_s=0.001)
    plan.sessions = [dataclasses.replace(session, retry=hasty) for session in plan.sessions]
    try:
        records = await asyncio.wait_for(carry_out(plan), 60)
    finally:
        await plan.aclose()
    assert len(records.attempts) + len(records.failures) == 240
    assert len([f for f in records.failures.values() if f.problem.endswith("/3")]) == 12


async def test_single_failures_do_not_end_a_run(tmp_path: Path) -> None:
    """Every third problem cannot be asked; what lies between shows that the model answers."""

    def patchy(asked: Asked) -> str:
        if int(asked.prompt.split()[-1]) % 3 == 0:
            raise BackendError("no")
        return adder(asked)

    run = await sweep(tmp_path, objects=given(patchy))
    assert len(run.records.failures) == 7 * 5
    assert len(run.attempts) == 13 * 5
