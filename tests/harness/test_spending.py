"""``max_usd``: a run stops within its allowance, says so, and goes on with a larger one."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts import Doubling
from test_asked import NATIVE, doubled
from thinkcurve.budget import Control
from thinkcurve.errors import UsageError
from thinkcurve.plan import Given
from thinkcurve.purse import Spent
from thinkcurve.run import Run, load_run, sweep_async
from thinkcurve_backends.scripted import AskedChat, ScriptedBackend, ScriptedChat

PRICES = {"chat": {"input": 2.0, "output": 10.0}}
STUDY = msgspec.structs.replace(NATIVE, prices=PRICES, samples=4)


async def slow(asked: AskedChat) -> str:
    await asyncio.sleep(0.002)
    return doubled(asked.question)


async def swept(path: Path, study: Any, backend: Any = None) -> Run:
    given = Given(
        {
            "chat": backend or ScriptedChat(slow, is_local=False),
            "local": ScriptedBackend(lambda asked: "so" if asked.wants_thinking else "4"),
        },
        {"doubling": Doubling()},
    )
    return await sweep_async(study, path, given)


async def test_a_run_stops_within_its_allowance_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    whole = await swept(tmp_path / "whole", STUDY)
    cost = float(whole.traces["usd_spent"].sum())
    with pytest.raises(Spent, match=r"Stopped at \$"):
        await swept(tmp_path / "run", msgspec.structs.replace(STUDY, max_usd=cost / 3))
    stopped = load_run(tmp_path / "run")
    dearest = float(whole.traces["usd_spent"].max())
    assert cost / 6 < stopped.traces["usd_spent"].sum() <= cost / 3 + dearest, "but for the first of a kind"
    assert len(stopped.failures) == 0, "what was not begun has not failed"
    with pytest.raises(Spent):
        await swept(tmp_path / "run", msgspec.structs.replace(STUDY, max_usd=cost / 2))
    assert cost / 3 < load_run(tmp_path / "run").traces["usd_spent"].sum() <= cost / 2 + dearest
    done = await swept(tmp_path / "run", msgspec.structs.replace(STUDY, max_usd=cost * 1.01))
    assert done.traces["usd_spent"].sum() == pytest.approx(cost)
    assert len(done.attempts) == len(whole.attempts)


async def test_a_run_gone_on_with_at_other_prices_has_one_price(tmp_path: Path) -> None:
    few = msgspec.structs.replace(STUDY, limit=5)
    first = await swept(tmp_path, few)
    dear = {"chat": {"input": 4.0, "output": 20.0}}
    said: list[str] = []
    given = Given({"chat": ScriptedChat(slow, is_local=False)}, {"doubling": Doubling()})
    grown = await sweep_async(msgspec.structs.replace(STUDY, prices=dear, limit=6), tmp_path, given, warn=said.append)
    assert any("prices have changed" in text for text in said)
    for key, attempt in first.records.attempts.items():
        assert grown.records.attempts[key].usd == pytest.approx(2 * (attempt.usd or 0))
    assert load_run(tmp_path).records.attempts == grown.records.attempts
    paid = {key: trace.usd_spent for key, trace in first.records.traces.items()}
    assert {key: grown.records.traces[key].usd_spent for key in paid} == paid


async def test_an_allowance_without_a_price_is_refused_before_a_token_is_spent(tmp_path: Path) -> None:
    asked = []

    def noting(what: AskedChat) -> str:
        asked.append(what)
        return "4"

    with pytest.raises(UsageError, match="--max-usd"):
        await swept(tmp_path, msgspec.structs.replace(NATIVE, max_usd=1.0), ScriptedChat(noting, is_local=False))
    assert asked == []


async def test_models_that_nobody_is_paid_for_are_not_stopped(tmp_path: Path) -> None:
    study = msgspec.structs.replace(STUDY, models=("local", "chat"), samples=1, control=Control.PROMPT, max_usd=0.001)
    with pytest.raises(Spent):
        await swept(tmp_path, msgspec.structs.replace(study, budgets=(4, 16)))
    done = load_run(tmp_path).attempts
    assert (done["model"] == "local").sum() == 40
    assert 0 < (done["model"] == "chat").sum() < 40


async def test_a_generation_that_the_engine_budgets_is_charged_once(tmp_path: Path) -> None:
    study = msgspec.structs.replace(
        STUDY, models=("local",), prices={"local": PRICES["chat"]}, samples=1, control=Control.SERVER, budgets=(1, 8)
    )
    run = await swept(tmp_path, study)
    paid = run.traces["usd_spent"].sum() + run.attempts["usd_spent"].sum()
    assert paid == pytest.approx(run.attempts["usd"].sum(), rel=0.5)
    assert (run.attempts["usd_spent"] == 0).all()
