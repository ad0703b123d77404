"""Asking by batches: submitted once, collected by whoever comes back, graded as any other answer."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts import Doubling
from test_asked import NATIVE, doubled, said_of
from thinkcurve.backend import Request
from thinkcurve.batching import batches_path, read_batches
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, ThinkcurveError, UsageError
from thinkcurve.plan import Given
from thinkcurve.purse import Spent
from thinkcurve.run import Run, load_run, sweep_async
from thinkcurve_backends.scripted import ScriptedBatches, ScriptedChat, improving

STUDY = msgspec.structs.replace(NATIVE, batch=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinkcurve.batching.POLL_S", 0.001)


class Counting(ScriptedBatches):
    """Keeps the names that it was handed, each with its request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(improving(doubled), is_local=False, **options)
        self.handed: list[dict[str, Request]] = []

    async def submit(self, requests: Any) -> str:
        batch = await super().submit(requests)
        self.handed.append(dict(requests))
        return batch


async def swept(path: Path, backend: Any, study: Any = STUDY) -> Run:
    return await sweep_async(study, path, Given({"chat": backend}, {"doubling": Doubling()}))


async def test_a_batch_gives_what_single_requests_give(tmp_path: Path) -> None:
    single = await swept(tmp_path / "single", ScriptedChat(improving(doubled)), NATIVE)
    batched = await swept(tmp_path / "batch", Counting(ends_after=3))
    assert said_of(batched) == said_of(single)
    assert load_run(tmp_path / "batch").attempts.equals(batched.attempts)


async def test_large_studies_are_handed_over_in_batches_of_the_size_that_is_taken(tmp_path: Path) -> None:
    backend = Counting(most_in_batch=30)
    run = await swept(tmp_path, backend)
    assert [len(handed) for handed in backend.handed] == [30, 30, 20]
    assert len(run.attempts) == 80


async def test_batches_are_small_enough_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinkcurve.batching.LARGEST_BYTES", 5000)
    backend = Counting()
    run = await swept(tmp_path, backend)
    assert len(backend.handed) > 3
    assert all(len(msgspec.json.encode(handed)) < 2 * 5000 for handed in backend.handed)
    assert len(run.attempts) == 80


async def test_a_run_that_was_stopped_collects_what_it_had_submitted_and_pays_for_nothing_twice(tmp_path: Path) -> None:
    store: dict[Any, bytes] = {}
    first = Counting(store=store, ends_after=10**9)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(swept(tmp_path, first), timeout=1.0)
    assert len(first.handed) == 1
    assert [batch.is_collected for batch in read_batches(tmp_path)] == [False]
    second = Counting(store=store, ends_after=1)
    run = await swept(tmp_path, second)
    assert second.handed == []
    assert len(run.attempts) == 80
    third = Counting(store=store)
    await swept(tmp_path, third)
    assert third.handed == []


async def test_a_study_that_grew_meanwhile_submits_only_what_is_in_no_batch(tmp_path: Path) -> None:
    store: dict[Any, bytes] = {}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(swept(tmp_path, Counting(store=store, ends_after=10**9)), timeout=1.0)
    grown = msgspec.structs.replace(STUDY, budgets=(0, 64, 256, 1024, None))
    backend = Counting(store=store)
    run = await swept(tmp_path, backend, grown)
    assert [len(handed) for handed in backend.handed] == [20]
    assert len(run.attempts) == 100


async def test_what_a_provider_never_began_is_a_failure_and_asked_again_next_time(tmp_path: Path) -> None:
    some = Counting(begins=lambda request: request.seed % 2 == 0)
    run = await swept(tmp_path, some)
    assert len(run.attempts) + len(run.failures) == 80
    assert all("ended without it" in error for error in run.failures["error"])
    assert len(some.handed) == 1, "once a sitting"
    again = Counting()
    run = await swept(tmp_path, again)
    assert len(run.attempts) == 80
    assert sum(map(len, again.handed)) + some_begun(some) == 80


def some_begun(backend: Counting) -> int:
    return sum(request.seed % 2 == 0 for handed in backend.handed for request in handed.values())


async def test_one_bad_request_of_a_batch_stops_nothing(tmp_path: Path) -> None:
    def some(asked: Any) -> str:
        if "double 3" in asked.question:
            raise BackendError("refused (400)")
        return doubled(asked.question)

    run = await swept(tmp_path, ScriptedBatches(some))
    assert (len(run.attempts), len(run.failures)) == (76, 4)


async def test_faults_on_the_way_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    fault = BackendError("503", is_retryable=True)
    busy = BackendError("429", is_retryable=True, is_busy=True)
    run = await swept(tmp_path, Counting(faults=[busy, None, fault, None, fault]))
    assert len(run.attempts) == 80


async def test_a_submission_that_may_have_been_taken_is_not_sent_again(tmp_path: Path) -> None:
    backend = Counting(faults=[BackendError("no answer in 600 s", is_retryable=True)])
    with pytest.raises(BackendError, match="no answer"):
        await swept(tmp_path, backend)
    assert backend.handed == []


async def test_stopping_in_the_middle_of_a_submission_does_not_lose_its_name(tmp_path: Path) -> None:
    class Slow(Counting):
        async def submit(self, requests: Any) -> str:
            batch = await super().submit(requests)
            await asyncio.sleep(0.5)
            return batch

    backend = Slow()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(swept(tmp_path, backend), timeout=0.4)
    assert len(read_batches(tmp_path)) == len(backend.handed) == 1


async def test_a_batch_that_is_gone_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(swept(tmp_path, Counting(ends_after=10**9)), timeout=1.0)
    run = await swept(tmp_path, Counting())
    assert (len(run.attempts), len(run.failures)) == (0, 80)
    assert all("there is no batch" in error for error in run.failures["error"])
    assert len((await swept(tmp_path, Counting())).attempts) == 80


async def test_a_pending_batch_is_not_forgotten_by_a_run_without_batches(tmp_path: Path) -> None:
    store: dict[Any, bytes] = {}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(swept(tmp_path, Counting(store=store, ends_after=10**9)), timeout=1.0)
    with pytest.raises(UsageError, match=r"80 requests are handed over .* --batch"):
        await swept(tmp_path, Counting(store=store), NATIVE)


async def test_what_is_pending_counts_against_the_allowance(tmp_path: Path) -> None:
    prices = {"chat": {"input": 2.0, "output": 10.0}}
    study = msgspec.structs.replace(STUDY, prices=prices, max_output_tokens=400, max_usd=0.05)
    store: dict[Any, bytes] = {}
    for _ in range(3):
        waiting = Counting(store=store, ends_after=10**9)
        with pytest.raises((TimeoutError, Spent)):
            await asyncio.wait_for(swept(tmp_path, waiting, study), timeout=0.7)
    assert sum(len(batch.items) for batch in read_batches(tmp_path)) * 400 * 5e-6 <= 0.05


async def test_a_batch_costs_its_part_of_the_price(tmp_path: Path) -> None:
    prices = {"chat": {"input": 2.0, "output": 10.0}}
    single = await swept(
        tmp_path / "single", ScriptedChat(improving(doubled)), msgspec.structs.replace(NATIVE, prices=prices)
    )
    batched = await swept(tmp_path / "batch", Counting(), msgspec.structs.replace(STUDY, prices=prices))
    assert batched.traces["usd_spent"].sum() == pytest.approx(single.traces["usd_spent"].sum() / 2)


async def test_an_allowance_is_kept_by_batches_as_well(tmp_path: Path) -> None:
    prices = {"chat": {"input": 2.0, "output": 10.0}}
    whole = await swept(tmp_path / "whole", Counting(), msgspec.structs.replace(STUDY, prices=prices, samples=10))
    cost = float(whole.traces["usd_spent"].sum())
    tight = msgspec.structs.replace(STUDY, prices=prices, samples=10, max_usd=cost / 2)
    with pytest.raises(Spent):
        await swept(tmp_path / "tight", Counting(), tight)
    stopped = load_run(tmp_path / "tight")
    assert 0 < stopped.traces["usd_spent"].sum() <= cost / 2 * 1.3
    run = await swept(tmp_path / "tight", Counting(), msgspec.structs.replace(tight, max_usd=2 * cost))
    assert len(run.attempts) == 800


async def test_a_damaged_list_of_batches_is_refused_since_they_are_paid_for(tmp_path: Path) -> None:
    await swept(tmp_path, Counting())
    batches_path(tmp_path).write_text("[{")
    with pytest.raises(UsageError, match="names batches that are paid for"):
        await swept(tmp_path, Counting(), msgspec.structs.replace(STUDY, budgets=(0, 64, 256, 1024, None)))


async def test_no_control_but_a_providers_goes_by_batch(tmp_path: Path) -> None:
    with pytest.raises(ThinkcurveError, match="cannot do control"):
        await swept(tmp_path, Counting(), msgspec.structs.replace(STUDY, control=Control.TRUNCATE))
