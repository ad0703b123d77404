"""The driver and its crews against workers that are plain objects in this process: no Ray, every kind of loss."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleets import Fleet, on_cluster, slow, times_made
from scripts import Asked, Doubling, adder, changed, given, said, sweep, what_was_said
from thinkcurve.cluster import crew, driver, worker
from thinkcurve.cluster.driver import Wish, check_for_cluster
from thinkcurve.cluster.fleet import Handle, Node, Share
from thinkcurve.cluster.objects import Objects
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.records import Attempt, Event, Trace
from thinkcurve.report.watch.follow import Follower
from thinkcurve.store import read_events, read_manifest
from thinkcurve_backends.scripted import ScriptedBackend


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LOOK_S", 0.02)
    monkeypatch.setattr(crew, "IDLE_S", 0.01)


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what model the workers open."""

    def use(answer: Any = adder, concurrency: int = 2) -> None:
        def open_backend(*_: Any, **__: Any) -> ScriptedBackend:
            return ScriptedBackend(answer, name="adder", concurrency=concurrency)

        monkeypatch.setattr(worker, "open_backend", open_backend)

    use()
    return use


async def test_two_workers_make_the_same_attempts_as_one_process(tmp_path: Path, opens: Callable[..., None]) -> None:
    opens(slow)
    heard: list[Event] = []
    run = await on_cluster(tmp_path / "many", Fleet(2), listener=heard.append)
    assert said(run) == said(await sweep(tmp_path / "one"))
    assert len(list((tmp_path / "many/journal").glob("w*"))) == 2
    assert Counter(type(event) for event in heard) == {Attempt: 100, Trace: 20}
    assert max(len(event.token_ids) for event in heard if isinstance(event, Trace)) == 0
    assert times_made(tmp_path / "many") == 0
    nodes = read_manifest(tmp_path / "many").sittings[-1].hardware["nodes"]
    assert len(nodes) == 2
    assert "sympy" in nodes[0]["verifier"]


async def test_watch_follows_the_shards(tmp_path: Path, opens: Callable[..., None]) -> None:
    run, done = tmp_path / "r", list[int]()

    def look(event: Event) -> None:
        if isinstance(event, Attempt):
            (follower := Follower(run)).look()
            done.append(follower.standing.done)
            assert follower.quiet_s < 60

    await on_cluster(run, Fleet(2), task=Doubling(4), listener=look)
    assert 0 < done[0] < done[-1] == 20
    os.utime(run / "journal.jsonl", (0, 0))  # the driver itself has written nothing since
    assert Follower(run).quiet_s < 60
    assert Follower(run).manifest.finished


@pytest.mark.parametrize("how", ["die", "lose"])
async def test_lost_workers_lose_nothing_and_nothing_is_done_twice(
    tmp_path: Path, opens: Callable[..., None], how: str
) -> None:
    opens(slow)
    fleet, said_words = Fleet(3), list[str]()

    def trouble(event: Event) -> None:
        if isinstance(event, Attempt) and len(lost) < 2 and event.index % 5 == 0:
            victim = next(h for h in fleet.started if h.is_ready and h not in fleet.closed and h.node in fleet.there)
            lost.append(victim)
            fleet.die(victim) if how == "die" else fleet.lose(victim.node)

    lost: list[Handle] = []
    run = await on_cluster(tmp_path / "r", fleet, task=Doubling(60), listener=trouble, say=said_words.append)
    whole = await sweep(tmp_path / "one", objects=given(task=Doubling(60)))
    assert said(run) == said(whole)
    assert len(lost) == 2
    assert 1 <= sum("lost" in words for words in said_words) <= 2  # one may have ended before
    assert times_made(tmp_path / "r") == 0
    assert run.failures.empty


@pytest.mark.parametrize("when", ["as it gets ready", "with chunks in hand"])
async def test_a_frozen_worker_is_taken_for_dead_and_its_work_done_by_others(
    tmp_path: Path, opens: Callable[..., None], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    opens(slow)
    monkeypatch.setattr(crew, "PULSE_S", 0.01)
    monkeypatch.setattr(crew, "SILENCE_S", 1.0)
    fleet, words = Fleet(2), list[str]()

    def freeze(event: Event) -> None:
        if fleet.started[1].shard and (when == "as it gets ready" or fleet.started[1].is_ready):
            fleet.frozen.add(fleet.started[1])

    run = await on_cluster(tmp_path / "r", fleet, task=Doubling(40), listener=freeze, say=words.append)
    assert sum("no sign of life for 1 s" in word for word in words) == 1
    assert fleet.started[1] in fleet.closed
    assert said(run) == said(await sweep(tmp_path / "one", objects=given(task=Doubling(40))))


async def test_a_unit_that_kills_its_worker_becomes_failures_and_the_rest_is_done(
    tmp_path: Path, opens: Callable[..., None]
) -> None:
    fleet = Fleet(1)

    async def deadly(asked: Asked) -> str:
        if asked.prompt.split()[-1].startswith("7"):
            fleet.die(next(h for h in fleet.started if h not in fleet.closed))
            await asyncio.sleep(10)
        return adder(asked)

    opens(deadly)
    run = await on_cluster(tmp_path / "r", fleet, task=Doubling(20))
    assert set(run.failures["problem"]) == {"doubling/test/7"}
    assert len(run.attempts) == 95
    assert run.failures["error"].str.contains("the worker died of it").all()
    assert said(run) <= said(await sweep(tmp_path / "one"))


async def test_a_node_that_will_be_taken_away_ends_what_it_has_and_gets_nothing_new(
    tmp_path: Path, opens: Callable[..., None]
) -> None:
    opens(slow)
    fleet = Fleet(1)
    leaving: list[int] = []

    def drain(event: Event) -> None:
        if not leaving:
            leaving.append(1)
            fleet.there["n0"] = Node("n0", {"CPU": 1}, is_leaving=True)
            fleet.there["n1"] = Node("n1", {"CPU": 1})

    run = await on_cluster(tmp_path / "r", fleet, task=Doubling(60), listener=drain)
    assert [handle.node or "n0" for handle in fleet.started] == ["n0", "n1"]
    assert len(run.attempts) == 300
    assert times_made(tmp_path / "r") == 0


async def test_new_nodes_are_used_and_old_ones_missed(tmp_path: Path, opens: Callable[..., None]) -> None:
    opens(slow)
    fleet = Fleet(1)

    def grow(event: Event) -> None:
        fleet.there.setdefault("late", Node("late", {"CPU": 2}))

    run = await on_cluster(tmp_path / "r", fleet, task=Doubling(60), listener=grow)
    assert Counter(handle.node for handle in fleet.started)["late"] == 2
    assert len(run.attempts) == 300


async def test_more_workers_than_fit_are_asked_for_and_not_waited_for(
    tmp_path: Path, opens: Callable[..., None]
) -> None:
    class Full(Fleet):
        async def ask(self, handle: Handle, method: str, *args: Any) -> Any:
            if not handle.node:
                await asyncio.sleep(1000)  # until an autoscaler brings a node
            return await super().ask(handle, method, *args)

    fleet = Full(1)
    run = await on_cluster(tmp_path / "r", fleet, wish=Wish(workers=3))
    assert [handle.node for handle in fleet.started] == ["n0", "", ""]
    assert len(run.attempts) == 100


async def test_the_same_command_goes_on_after_the_driver(tmp_path: Path, opens: Callable[..., None]) -> None:
    opens(slow)
    works: list[asyncio.Future[Any]] = []
    heard: list[Event] = []

    def stop(event: Event) -> None:
        heard.append(event)
        if len(heard) == 60:
            works[0].cancel()

    work = asyncio.ensure_future(on_cluster(tmp_path / "r", Fleet(2), task=Doubling(60), listener=stop))
    works.append(work)
    with pytest.raises(asyncio.CancelledError):
        await work
    before = len({e.key for e in read_events(tmp_path / "r") if isinstance(e, Attempt)})
    assert 0 < before < 300
    run = await on_cluster(tmp_path / "r", Fleet(2), task=Doubling(60))
    assert said(run) == said(await sweep(tmp_path / "one", objects=given(task=Doubling(60))))
    assert times_made(tmp_path / "r") == 0


async def test_a_model_that_nobody_reaches_any_more_stops_the_run(tmp_path: Path, opens: Callable[..., None]) -> None:
    def gone(asked: Asked) -> str:
        raise BackendError("the server is gone", is_fatal=True)

    opens(gone)
    with pytest.raises(BackendError, match="the server is gone"):
        await on_cluster(tmp_path / "r", Fleet(2))
    opens(adder)
    assert len((await on_cluster(tmp_path / "r", Fleet(2))).attempts) == 100


async def test_a_node_that_is_not_fit_is_left_out_with_a_word(
    tmp_path: Path, opens: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[str] = []
    begin = worker.Worker.begin

    async def picky(self: Any, setting: Any, shard: str) -> Any:
        node = await self.node()
        return worker.Ready("it isolates code less") if node == bad else await begin(self, setting, shard)

    monkeypatch.setattr(worker.Worker, "begin", picky)
    bad = "n1"
    run = await on_cluster(tmp_path / "r", Fleet(2), say=words.append)
    assert len(run.attempts) == 100
    assert [line for line in words if "isolates" in line] == ["adder: a node is not used: it isolates code less"]
    bad = "n0"
    with pytest.raises(UsageError, match="no node can be used: it isolates code less"):
        await on_cluster(tmp_path / "other", Fleet(1))


async def test_a_node_that_does_not_see_the_run_is_left_out(
    tmp_path: Path, opens: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "read_manifest", lambda run: read_manifest(tmp_path / "not-shared"))
    with pytest.raises(UsageError, match="does not see the run's directory: give -o a directory that all nodes share"):
        await on_cluster(tmp_path / "r", Fleet(1))


async def test_a_finished_run_starts_no_crew(tmp_path: Path, opens: Callable[..., None]) -> None:
    await on_cluster(tmp_path / "r", Fleet(2))
    fleet = Fleet(2)
    run = await on_cluster(tmp_path / "r", fleet)
    assert len(fleet.started) == 1  # who says what the model is
    assert len(run.attempts) == 100


async def test_added_budgets_cost_answers_and_no_thinking(tmp_path: Path, opens: Callable[..., None]) -> None:
    await on_cluster(tmp_path / "r", Fleet(2))
    grown = changed(budgets=(0, 2, 6, 32, 64))
    run = await on_cluster(tmp_path / "r", Fleet(2), study=grown)
    traces = [event for event in read_events(tmp_path / "r") if isinstance(event, Trace)]
    assert len(traces) == 20
    whole = await sweep(tmp_path / "one", changed(budgets=(0, 2, 4, 6, 8, 16, 32, 64)))
    assert {what_was_said(a) for a in run.records.attempts.values()} == said(whole)


async def test_room_and_money_are_asked_about_first(tmp_path: Path, opens: Callable[..., None]) -> None:
    with pytest.raises(UsageError, match="room for 0 workers of 1 CPU, 4 GPU"):
        await on_cluster(tmp_path / "r", Fleet(2), wish=Wish(share=Share(1, 4)))
    with pytest.raises(UsageError, match="max-usd"):
        check_for_cluster(changed(max_usd=1.0))
    with pytest.raises(UsageError, match="batch"):
        check_for_cluster(changed(batch=True))


async def test_a_store_of_objects_holds_the_run_and_any_machine_goes_on_with_it(
    tmp_path: Path, opens: Callable[..., None]
) -> None:
    opens(slow)
    wish, whole = Wish(shards=f"memory://{tmp_path.name}/run"), await sweep(tmp_path / "one")
    fleet, lost = Fleet(3), list[Handle]()

    def trouble(event: Event) -> None:
        if isinstance(event, Attempt) and not lost:
            lost.append(next(h for h in fleet.started if h.is_ready and h not in fleet.closed))
            fleet.die(lost[0])

    run = await on_cluster(tmp_path / "here", fleet, wish=wish, listener=trouble)
    assert said(run) == said(whole)
    store = Objects(wish.shards)
    assert {"manifest.json", "attempts.parquet", "journal"} <= {str(p).rpartition("/")[2] for p in listed(store)}
    assert len(store.chunks()) > 5
    again = Fleet(1)
    elsewhere = await on_cluster(tmp_path / "elsewhere", again, wish=wish, study=changed(budgets=(0, 2, 64)))
    assert said(elsewhere) == said(await sweep(tmp_path / "two", changed(budgets=(0, 2, 4, 8, 16, 64))))
    assert len([event for event in read_events(tmp_path / "elsewhere") if isinstance(event, Trace)]) == 20


def listed(store: Objects) -> list[str]:
    return list(store._fs.ls(store._root, detail=False))
