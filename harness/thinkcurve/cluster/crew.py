"""The workers on one model: started where there is room, fed with chunks, replaced where they die, let go where a node
is taken away.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thinkcurve.cluster.chunks import Chunk, Chunks, failures_of, without
from thinkcurve.cluster.fleet import Fleet, Handle, Node, Share, WorkerLost
from thinkcurve.cluster.shards import new_shard, shard_events
from thinkcurve.cluster.waiting import Reminder
from thinkcurve.cluster.worker import Opening, Ready, Report, Setting, slim
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.store import Event

DEATHS_IN_A_ROW = 10
"""So many workers that died one after the other, and not one chunk done in between, end the run."""
REFUSALS_IN_A_ROW = 3
"""So many workers whose model could go on no longer, the same."""
IDLE_S = 0.2
"""How often an idle worker is looked after: whether another one gave something back."""
PULSE_S = 30.0
"""How often a worker that holds chunks is asked for a sign of life."""
SILENCE_S = 300.0
"""A worker that gives none for so long is taken for dead: frozen, swapping, or cut off from its disk."""
REMEDY = "If it hangs, end that process: others do its work"


@dataclass(frozen=True, slots=True)
class Model:
    """What a worker opens."""

    spec: str
    options: Mapping[str, Any]
    data_dir: str | None
    share: Share
    versions: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    @property
    def to_open(self) -> tuple[str, dict[str, Any], str | None, str]:
        """What `Worker.open` takes."""
        return (self.spec, dict(self.options), self.data_dir, self.folder)


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a crew tells: of events, of a node that is ready for the first time, of things worth a line, of objects."""

    event: Callable[[Event], None]
    node: Callable[[str, Ready], None]
    say: Callable[[str], None]
    failure: Callable[[Event], None]
    fetch: Callable[[str, str], None]
    """Takes what a worker wrote to a store: its shard, and the one object of it, or all where that is not named."""


class Crew:
    """Carries out the chunks of one model. Call `staff` now and then, and await `run`."""

    def __init__(self, fleet: Fleet, model: Model, chunks: Chunks, setting: Setting, told: Told) -> None:
        self.model = model
        self.refused: dict[str, str] = {}
        """Nodes that cannot be used, each with the reason."""
        self.handles: dict[Handle, asyncio.Task[None]] = {}
        self._fleet = fleet
        self._chunks = chunks
        self._setting = setting
        self._told = told
        self._reminder = Reminder()
        self._deaths = self._losses = 0
        self._is_closed = False
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self._chunks.is_done

    def staff(self, nodes: Sequence[Node], most: int, busy: Counter[str], *, is_asking: bool = False) -> None:
        """Start workers where there is room, up to ``most``; ``busy`` counts the workers of all crews on each node.

        Where there is no room and ``is_asking``, Ray is asked for the rest, and an autoscaler brings nodes for them.
        """
        if self._is_closed:
            return
        leaving = {node.id for node in nodes if node.is_leaving}
        for handle in self.handles:
            if handle.node in leaving and not handle.is_leaving:
                handle.is_leaving = True
                self._told.say(f"{self.model.spec}: a node will be taken away: its worker ends what it holds")
        places = [node for node in nodes if not node.is_leaving and node.id not in self.refused]
        while not self.is_done and len(self.handles) < most:
            open_ = [n for n in places if busy[n.id] < self.model.share.fits(n.resources)]
            if not open_ and (not is_asking or self.refused):
                break
            node = min(open_, key=lambda n: busy[n.id]).id if open_ else ""
            busy[node] += 1
            self.add(self._fleet.start(self.model.share, node), is_open=False)
        if not self.handles and not self.is_done and nodes and not places and self.refused:
            self._end(UsageError(f"no node can be used: {next(iter(self.refused.values()))}"))

    def remind(self, nodes: Sequence[Node]) -> None:
        """Say which workers have brought nothing for long, now and then; they are waited for all the same."""
        names = {node.id: node.name for node in nodes}
        waits = [(handle.named(names.get(handle.node, "")), handle.waiting) for handle in self.handles]
        if words := self._reminder.words(waits, time.monotonic()):
            self._told.say(f"{self.model.spec}: waiting for a worker: {words}. {REMEDY}")

    def add(self, handle: Handle, *, is_open: bool) -> None:
        """Put a worker to work; ``is_open``: its model is open already."""
        work = asyncio.ensure_future(self._work(handle, is_open=is_open))
        self.handles[handle] = work
        work.add_done_callback(lambda task: self._ended(handle, task))

    async def run(self) -> None:
        """Wait until all is done; raises what ends the run. Every worker is gone then."""
        try:
            while not self.is_done:
                await asyncio.wait({self._over}, timeout=IDLE_S)
                if self._over.done():
                    await self._over
            works = [work for handle, work in self.handles.items() if handle.is_ready]
            if works:
                await asyncio.wait(works)
            if self._over.done():
                await self._over
        finally:
            self._is_closed = True  # nobody is started in the place of those that end now
            works = list(self.handles.values())
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    def _ended(self, handle: Handle, task: asyncio.Task[None]) -> None:
        self.handles.pop(handle, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    async def _work(self, handle: Handle, *, is_open: bool) -> None:
        """The life of one worker."""
        held: dict[asyncio.Future[Report], Chunk] = {}
        silence: asyncio.Future[None] | None = None
        try:
            if not await self._ready(handle, is_open=is_open):
                return
            silence = asyncio.ensure_future(self._silence(handle))
            await self._feed(handle, held, silence)
            with contextlib.suppress(WorkerLost):
                await self._ask_in_time(handle, "aclose")
        except WorkerLost as lost:
            await self._lost(handle, [*held.values()], lost)
        finally:
            waiting: list[asyncio.Future[Any]] = [*held, *([silence] if silence else [])]
            for asked in waiting:
                asked.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            self._fleet.kill(handle)

    async def _ready(self, handle: Handle, *, is_open: bool) -> bool:
        """Whether a worker may be handed chunks."""
        model = self.model
        if not is_open:
            handle.pid = await self._fleet.ask(handle, "pid")
            if not handle.node:
                handle.node = await self._fleet.ask(handle, "node")
            handle.waiting.begin("opening its model", time.monotonic())
            opening: Opening = await self._fleet.ask(handle, "open", *model.to_open)
            handle.waiting.end()
            if opening.refusal:
                return self._refuse(handle, opening.refusal)
            ours, theirs = (known.get("thinkcurve") for known in (model.versions, opening.versions))
            if ours != theirs:
                return self._refuse(handle, f"it has thinkcurve {theirs}, the driver {ours}")
        handle.shard = new_shard()
        ready: Ready = await self._ask_in_time(handle, "begin", self._setting, handle.shard)
        if ready.refusal:
            return self._refuse(handle, ready.refusal)
        self._told.node(handle.node, ready)
        handle.is_ready = True
        return True

    def _refuse(self, handle: Handle, why: str) -> bool:
        if handle.node not in self.refused:
            self._told.say(f"{self.model.spec}: a node is not used: {why}")
        self.refused[handle.node] = why
        return False

    async def _silence(self, handle: Handle) -> None:
        """Ask a worker for signs of life, and how far it is. Raises `WorkerLost` once it gives none."""
        while True:
            handle.waiting.hear(await self._ask_in_time(handle, "pulse"), time.monotonic())
            await asyncio.sleep(PULSE_S)

    async def _ask_in_time(self, handle: Handle, method: str, *args: Any) -> Any:
        try:
            async with asyncio.timeout(SILENCE_S):
                return await self._fleet.ask(handle, method, *args)
        except TimeoutError:
            raise WorkerLost(f"no sign of life for {SILENCE_S:g} s") from None

    async def _feed(
        self, handle: Handle, held: dict[asyncio.Future[Report], Chunk], silence: asyncio.Future[None]
    ) -> None:
        """Keep a few chunks in a worker's hands until nothing is left, its node is taken away or it falls silent."""
        while held or not (self.is_done or handle.is_leaving):
            while not handle.is_leaving and len(held) < self._chunks.in_flight:
                if any(chunk.is_suspect for chunk in held.values()):
                    break
                chunk = self._chunks.take(len(self.handles), is_idle=not held)
                if chunk is None:
                    break
                if not held:
                    handle.waiting.begin("without a finished request", time.monotonic())
                held[asyncio.ensure_future(self._fleet.ask(handle, "carry", chunk))] = chunk
            if not held:
                handle.waiting.end()
                await asyncio.sleep(IDLE_S)
                continue
            waited: set[asyncio.Future[Any]] = {*held, silence}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            done = [asked for asked in held if asked.done()]
            if not done:
                silence.result()
            for asked in sorted(done, key=lambda asked: asked.exception() is not None):  # what came is not lost
                report = asked.result()
                if report.object:
                    await asyncio.to_thread(self._told.fetch, handle.shard, report.object)
                self._take_in(held.pop(asked), report)

    def _take_in(self, chunk: Chunk, report: Report) -> None:
        for event in report.events:
            self._told.event(event)
        if not report.lost:
            self._deaths = self._losses = 0
            self._chunks.finish()
            return
        rest = without(chunk, self.model.spec, report.events)
        self._chunks.give_back(rest, is_suspect=False)
        self._losses += 1
        if self._losses >= REFUSALS_IN_A_ROW:
            raise BackendError(report.lost, is_fatal=True)
        raise WorkerLost(report.lost, with_node=True)

    async def _lost(self, handle: Handle, held: Sequence[Chunk], lost: WorkerLost) -> None:
        """Give back what a worker did not do; what its shard holds is done."""
        events = await asyncio.to_thread(self._written, handle, held)
        for event in events:
            self._told.event(slim(event))
        for chunk in held:
            rest = without(chunk, self.model.spec, events)
            if not rest.pieces:
                self._chunks.finish()
                continue
            given_up = self._chunks.give_back(rest, is_suspect=not lost.with_node)
            if given_up is not None:
                why = f"the worker died of it: {lost}"
                for failure in failures_of(given_up, self.model.spec, self._setting.study.control.value, why):
                    self._told.failure(failure)
        self._told.say(f"{self.model.spec}: a worker was lost ({lost}); what it held is done by others")
        if lost.with_node:
            return
        self._deaths += 1
        if self._deaths >= DEATHS_IN_A_ROW:
            raise BackendError(f"{self._deaths} workers died one after the other, last: {lost}", is_fatal=True)

    def _written(self, handle: Handle, held: Sequence[Chunk]) -> list[Event]:
        """What a dead worker's shard holds of the chunks that it had in hand."""
        units = {piece.unit for chunk in held for piece in chunk.pieces}
        if not handle.shard or not units:
            return []
        if self._setting.objects:
            self._told.fetch(handle.shard, "")
        events = shard_events(Path(self._setting.run), handle.shard)
        return [event for event in events if (event.problem, event.sample) in units]
