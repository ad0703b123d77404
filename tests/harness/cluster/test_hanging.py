"""Workers that live, answer, and bring nothing: named, waited for, and ended by hand."""

import asyncio
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import pytest

from fleets import Fleet, on_cluster, slow, times_made
from scripts import STUDY, Asked, Doubling, adder, given, said, sweep
from thinkcurve.cluster import crew, driver, waiting, worker
from thinkcurve.cluster.driver import Driver, Wish
from thinkcurve_backends.scripted import ScriptedBackend


@pytest.mark.parametrize("where", ["opening its model", "without a finished request"])
async def test_a_worker_that_hangs_is_named_and_once_ended_its_work_is_done_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Its loop lives and answers; who ends it is told by what is said."""
    monkeypatch.setattr(driver, "LOOK_S", 0.02)
    monkeypatch.setattr(crew, "IDLE_S", 0.01)
    monkeypatch.setattr(crew, "PULSE_S", 0.01)
    monkeypatch.setattr(waiting, "QUIET_S", 0.3)
    fleet, words = Fleet(2), list[str]()
    fleet.there = {name: dataclasses.replace(node, name=f"host-{name}") for name, node in fleet.there.items()}
    hung: list[str] = []

    async def hang(asked: Asked) -> str:
        if where == "without a finished request" and (not hung or hung[0] == asked.prompt):
            hung[:] = [asked.prompt]
            await asyncio.sleep(1000)
        return await slow(asked)

    async def open_(self: worker.Worker, *args: Any) -> worker.Opening:
        if where == "opening its model" and len(fleet.started) == 2 and self is fleet.started[1].actor:
            await asyncio.sleep(1000)
        return await open_as_always(self, *args)

    def end(line: str) -> None:
        words.append(line)
        if "waiting for a worker" in line and len(words_of_waiting(words)) == 2:
            hung[:] = ["answers again"]
            fleet.die(max(fleet.started, key=lambda h: h.waiting.quiet_s(time.monotonic())))

    open_as_always = worker.Worker.open
    monkeypatch.setattr(worker.Worker, "open", open_)
    monkeypatch.setattr(worker, "open_backend", lambda *_, **__: ScriptedBackend(hang, name="adder", concurrency=2))
    run = await on_cluster(tmp_path / "r", fleet, task=Doubling(400), say=end)
    first = next(line for line in words_of_waiting(words) if where in line)
    assert first.startswith(f"adder: waiting for a worker: {where} for 0 min (pid {os.getpid()} on host-n")
    assert first.endswith("). If it hangs, end that process: others do its work")
    assert sum("a worker was lost (killed)" in line for line in words) == 1
    assert said(run) == said(await sweep(tmp_path / "one", objects=given(task=Doubling(400))))
    assert times_made(tmp_path / "r") == 0


def words_of_waiting(words: list[str]) -> list[str]:
    return [line for line in words if "waiting for a worker" in line]


async def test_a_first_worker_that_takes_long_to_open_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "QUIET_S", 0.1)
    words: list[str] = []

    async def late(self: worker.Worker, *args: Any) -> worker.Opening:
        await asyncio.sleep(0.6)
        return await open_as_always(self, *args)

    open_as_always = worker.Worker.open
    monkeypatch.setattr(worker.Worker, "open", late)
    monkeypatch.setattr(worker, "open_backend", lambda *_, **__: ScriptedBackend(adder, name="adder"))
    made = Driver(Fleet(1), Wish(), STUDY, say=words.append)  # type: ignore[arg-type]
    assert made.backends["adder"].model.name == "adder"
    opened, *reminders = words
    assert opened == "adder: opened on the cluster, in a worker of 1 CPU"
    about = f"adder: waiting for its first worker: opening its model for 0 min (pid {os.getpid()} on a node)"
    assert reminders == [about] * len(reminders)
    assert 2 <= len(reminders) <= 3  # after 0.1, 0.2 and 0.4 s
