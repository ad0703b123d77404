"""Nodes and workers that are plain objects in this process, and a study carried out by them: no Ray."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import STUDY, Asked, Doubling, adder
from thinkcurve.cluster import worker
from thinkcurve.cluster.driver import Driver, Wish
from thinkcurve.cluster.fleet import Handle, Node, Share, WorkerLost
from thinkcurve.cluster.objects import Objects
from thinkcurve.plan import Given, prepare
from thinkcurve.records import Attempt, Event
from thinkcurve.run import load_run
from thinkcurve.runner import finish
from thinkcurve.store import read_events


class Fleet:
    """Nodes and workers that are plain objects; ``kill`` and ``lose`` are what befalls them."""

    def __init__(self, nodes: int = 2, cpus: int = 1) -> None:
        self.there = {f"n{i}": Node(f"n{i}", {"CPU": cpus}) for i in range(nodes)}
        self.started: list[Handle] = []
        self.dead: dict[Handle, asyncio.Future[None]] = {}
        self.closed: list[Handle] = []
        self.frozen: set[Handle] = set()
        """Workers that answer nothing any more, and do not die."""

    def nodes(self) -> list[Node]:
        return list(self.there.values())

    def start(self, share: Share, node: str = "") -> Handle:
        handle = Handle(worker.Worker(), node)
        handle.actor.node = self._node_of(handle)
        self.started.append(handle)
        return handle

    def _node_of(self, handle: Handle) -> Callable[[], Any]:
        async def node() -> str:
            return handle.node or next(iter(self.there))

        return node

    async def ask(self, handle: Handle, method: str, *args: Any) -> Any:
        death = self.dead.setdefault(handle, asyncio.get_running_loop().create_future())
        work = asyncio.ensure_future(getattr(handle.actor, method)(*args))
        try:
            await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
            if handle in self.frozen:
                await asyncio.shield(death)
        finally:
            if not work.done():  # it died, or nobody waits for it any more, and is killed
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        if death.done():
            raise WorkerLost("killed", with_node=handle.node not in self.there)
        return work.result()

    def ask_now(self, handle: Handle, method: str, *args: Any, meanwhile: Callable[[], None] = lambda: None) -> Any:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(asyncio.run(getattr(handle.actor, method)(*args))))
        thread.start()
        while thread.is_alive():
            thread.join(0.01)
            meanwhile()
        return found[0]

    def die(self, handle: Handle) -> None:
        death = self.dead[handle]
        if not death.done():
            death.set_result(None)

    def lose(self, node: str) -> None:
        del self.there[node]
        for handle in self.started:
            if handle.node == node and handle in self.dead:
                self.die(handle)

    def kill(self, handle: Handle) -> None:
        self.closed.append(handle)
        handle.actor._journal and handle.actor._journal.close()

    def close(self) -> None: ...


async def on_cluster(
    path: Path,
    fleet: Fleet,
    *,
    study: Any = STUDY,
    task: Doubling | None = None,
    wish: Wish | None = None,
    listener: Callable[[Event], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Any:
    wish = wish or Wish()
    objects = Objects(wish.shards) if wish.shards else None
    if objects:
        objects.restore(path)
    made = Driver(fleet, wish, study, objects=objects)  # type: ignore[arg-type]
    plan = await prepare(study, path, given=Given(made.backends, {"doubling": task or Doubling()}))
    try:
        await made.carry_out(plan, listener=listener, say=say)
        finish(plan)
        made.publish(path)
    finally:
        await plan.aclose()
        made.close()
    return load_run(path, warn=pytest.fail)


def times_made(path: Path) -> int:
    """How many attempts were made more than once."""
    keys = Counter(event.key for event in read_events(path) if isinstance(event, Attempt))
    return keys.total() - len(keys)


async def slow(asked: Asked) -> str:
    await asyncio.sleep(0.002)
    return adder(asked)
