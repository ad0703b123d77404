"""The driver: plans as always, and has the plan carried out by crews of workers on a Ray cluster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.cluster.chunks import Chunks, Piece, blocks
from thinkcurve.cluster.crew import Crew, Model, Told
from thinkcurve.cluster.distant import Distant, DistantBackend, DistantTokenizer
from thinkcurve.cluster.fleet import Fleet, Handle, Share, WorkerLost
from thinkcurve.cluster.objects import TABLES, Objects
from thinkcurve.cluster.waiting import Reminder
from thinkcurve.cluster.worker import Opening, Ready, Setting
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.opened import Opened
from thinkcurve.plan import Plan, Unit
from thinkcurve.plugins import find_backend
from thinkcurve.problem import Custom, Reference
from thinkcurve.provenance import versions
from thinkcurve.recorder import Listener
from thinkcurve.runner import IN_FLIGHT_PER_SLOT
from thinkcurve.segments import next_segment, number_of
from thinkcurve.store import Event, Records, Trace, manifest_path, read_manifest, write_manifest
from thinkcurve.stored import StoredRecords
from thinkcurve.study import Study, check_study, merge

LOOK_S = 2.0
"""How often the nodes are looked at: new ones are used, those that will be taken away get nothing new."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks of a cluster: where it is, how many workers a model (as many as fit), and what each takes."""

    address: str = "auto"
    workers: int | None = None
    share: Share = field(default_factory=Share)
    shards: str = ""
    """The URL that workers write to, where they share no directory with the driver."""


def check_for_cluster(study: Study) -> None:
    """Refuse what a cluster cannot do, before anything is started."""
    if study.max_usd is not None:
        raise UsageError("--max-usd is one purse in one process, which --cluster has not: drop one of the two")
    if study.batch:
        raise UsageError("--batch has the provider do the work, not a cluster: drop --batch or --cluster")
    for spec in study.models:
        find_backend(spec)


def open_driver(
    wish: Wish,
    study: Study,
    run: Path,
    *,
    data_dir: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Driver:
    """A driver connected to the cluster, for a study or what it becomes with what ``run`` holds already."""
    study = check_study(study)
    objects = Objects(wish.shards) if wish.shards else None
    if objects is not None:
        objects.restore(run)
    if manifest_path(run).exists():
        study = merge(read_manifest(run).study, study)
    check_for_cluster(study)
    return Driver(Fleet(wish.address), wish, study, data_dir=data_dir, objects=objects, say=say)


class Driver:
    """A study on a cluster. `backends` go into the plan, `carry_out` carries it out; close it in any event."""

    def __init__(
        self,
        fleet: Fleet,
        wish: Wish,
        study: Study,
        *,
        data_dir: Path | None = None,
        objects: Objects | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.backends = Distant(study.models, self._open)
        self._fleet = fleet
        self._wish = wish
        self._study = study
        self._data_dir = str(data_dir.resolve()) if data_dir else None
        self._objects = objects
        self._say = say
        self._scouts: dict[str, Handle] = {}
        self._said: set[str] = set()
        self._reminder = Reminder()

    def _model(self, spec: str) -> Model:
        options = self._study.model_options.get(spec, {})
        return Model(spec, options, self._data_dir, self._wish.share, versions(), str(Path.cwd()))

    def _open(self, spec: str) -> DistantBackend:
        """Open a model in a first worker, which will do its part of the work too."""
        model = self._model(spec)
        room = self._room()
        if self._wish.workers is None and room < len(self._study.models):
            raise UsageError(
                f"the cluster has room for {room} workers of {model.share}, and the study has "
                f"{len(self._study.models)} models, each with workers of its own; give --cpus-per-worker or "
                "--gpus-per-worker, or fewer models"
            )
        self._say(f"{spec}: opened on the cluster, in a worker of {model.share}")
        handle = self._fleet.start(model.share)
        self._scouts[spec] = handle
        try:
            handle.waiting.begin("no room on the cluster", time.monotonic())
            handle.pid = self._fleet.ask_now(handle, "pid", meanwhile=lambda: self._remind(spec, handle, "not started"))
            handle.node = self._fleet.ask_now(handle, "node")
            named = handle.named(next((node.name for node in self._fleet.nodes() if node.id == handle.node), ""))
            handle.waiting.begin("opening its model", time.monotonic())
            opening: Opening = self._fleet.ask_now(
                handle, "open", *model.to_open, meanwhile=lambda: self._remind(spec, handle, named)
            )
            handle.waiting.end()
        except WorkerLost as lost:
            raise BackendError(f"model {spec!r} cannot be opened: its worker died: {lost}", is_fatal=True) from None
        if opening.refusal:
            error = UsageError if opening.is_usage else BackendError
            raise error(opening.refusal)
        ours, theirs = versions().get("thinkcurve"), opening.versions.get("thinkcurve")
        if ours != theirs:
            raise UsageError(f"the cluster has thinkcurve {theirs}, this machine {ours}; install the same on both")
        tokenizer = DistantTokenizer(self._fleet, handle) if opening.has_tokenizer else None
        return DistantBackend(opening, tokenizer)

    def _remind(self, spec: str, handle: Handle, named: str) -> None:
        """Say now and then that a first worker has not opened its model yet."""
        if words := self._reminder.words([(named, handle.waiting)], time.monotonic()):
            self._say(f"{spec}: waiting for its first worker: {words}")

    def _room(self) -> int:
        return sum(self._wish.share.fits(node.resources) for node in self._fleet.nodes())

    async def carry_out(
        self, plan: Plan, *, listener: Listener = lambda _: None, say: Callable[[str], None] = lambda _: None
    ) -> Records:
        """As `thinkcurve.runner.carry_out`; raises `BackendError` where a model can go on no longer."""
        if plan.journal is None:
            raise ValueError("a dry plan cannot be carried out")
        plan.journal.rotate()  # what it holds comes before what shards will hold
        hear = _hearing(plan, listener)
        if self._objects is not None:
            self._objects.publish(plan.run)
        told = Told(hear, self._noting(plan), say, self._failing(plan, hear), self._fetching(plan))
        crews = [crew for session in plan.sessions if (crew := self._crew(plan, session, told)) is not None]
        if not crews:
            return StoredRecords(plan.run)
        for crew in crews:
            if (scout := self._scouts.pop(crew.model.spec, None)) is not None:
                crew.add(scout, is_open=True)
        staffing = asyncio.ensure_future(self._staff(crews))
        try:
            async with asyncio.TaskGroup() as group:
                for crew in crews:
                    group.create_task(crew.run())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            staffing.cancel()
            await asyncio.gather(staffing, return_exceptions=True)
            plan.journal.sync()
        return StoredRecords(plan.run)

    def _crew(self, plan: Plan, session: Opened, told: Told) -> Crew | None:
        units = (Unit(session, prompt, n) for prompt in plan.prompts[session.spec] for n in range(plan.study.samples))
        n_units = sum(bool(plan.missing(unit)) for unit in units)
        if not n_units:
            return None
        width = session.backend.concurrency * IN_FLIGHT_PER_SLOT
        setting = Setting(
            run=str(plan.run.resolve()),
            started=plan.manifest.sittings[-1].started,
            study=plan.study,
            fingerprint=session.backend.model.fingerprint,
            tariff=session.tariff,
            sampling=session.sampling,
            leaves_sampling=session.leaves_sampling,
            problems=tuple(prompt.problem.id for prompt in plan.prompts[session.spec]),
            references=tuple(_kinds(plan, session)),
            judges=max(1, int(self._wish.share.cpus)),
            objects=self._wish.shards,
            first=number_of(next_segment(plan.run)),
        )
        return Crew(
            self._fleet, self._model(session.spec), Chunks(pieces_of(plan, session), n_units, width), setting, told
        )

    async def _staff(self, crews: list[Crew]) -> None:
        """See to it that every crew has its workers, as nodes come and go."""
        while True:
            nodes = await asyncio.to_thread(self._fleet.nodes)
            at_work = [crew for crew in crews if not crew.is_done]
            busy = Counter(handle.node for crew in crews for handle in crew.handles)
            room = sum(self._wish.share.fits(node.resources) for node in nodes if not node.is_leaving)
            for crew in at_work:
                fair = max(1, room // len(at_work))
                wished = self._wish.workers
                crew.staff(nodes, fair if wished is None else wished, busy, is_asking=wished is not None)
                crew.remind(nodes)
            await asyncio.sleep(LOOK_S)

    def _noting(self, plan: Plan) -> Callable[[str, Ready], None]:
        """Write into the manifest what each node is, the first time that a worker is ready on it; nodes have no names
        there."""

        def note(node: str, ready: Ready) -> None:
            if node in self._said:
                return
            self._said.add(node)
            *before, last = plan.manifest.sittings
            facts: dict[str, Any] = {**ready.hardware, "verifier": dict(ready.verifier)}
            nodes = [*last.hardware.get("nodes", []), facts]
            sitting = msgspec.structs.replace(last, hardware={**last.hardware, "nodes": nodes})
            plan.manifest = msgspec.structs.replace(plan.manifest, sittings=(*before, sitting))
            write_manifest(plan.run, plan.manifest)

        return note

    def _fetching(self, plan: Plan) -> Callable[[str, str], None]:
        def fetch(shard: str, name: str) -> None:
            assert self._objects is not None
            self._objects.fetch(plan.run, [name] if name else self._objects.chunks(shard))

        return fetch

    def publish(self, run: Path) -> None:
        """Write the manifest and the tables of a run to the store, where there is one."""
        if self._objects is not None:
            self._objects.publish(run, ("manifest.json", *TABLES))

    def _failing(self, plan: Plan, listener: Listener) -> Callable[[Event], None]:
        def fail(event: Event) -> None:
            assert plan.journal is not None
            plan.journal.append(event, time.monotonic())
            listener(event)

        return fail

    def close(self) -> None:
        """End the workers that are left, and leave the cluster."""
        for handle in self._scouts.values():
            with contextlib.suppress(Exception):  # Ray's own, of a worker that is gone
                self._fleet.kill(handle)
        self._fleet.close()


def _hearing(plan: Plan, listener: Listener) -> Listener:
    """Who is told of every event: the listener, and the plan's own count of what there is."""

    def hear(event: Event) -> None:
        if not isinstance(event, Trace):  # without its tokens it is nothing that could be gone on with
            plan.state.add(event)
        listener(event)

    return hear


def pieces_of(plan: Plan, session: Opened) -> Iterator[Piece]:
    """The units of one model that lack something, each with what is known of it; all samples of some problems
    together."""
    for block in blocks(plan.prompts[session.spec]):
        for sample in range(plan.study.samples):
            for prompt in block:
                unit = Unit(session, prompt, sample)
                if budgets := plan.missing(unit):
                    found = plan.state.of(unit.key)
                    known: tuple[Event, ...] = (*found.traces.values(), *found.attempts.values())
                    yield Piece(prompt, sample, tuple(budgets), known)


def _kinds(plan: Plan, session: Opened) -> Iterator[Reference]:
    """One reference of each kind that a worker will have to judge."""
    seen: set[tuple[type, str]] = set()
    for prompt in plan.prompts[session.spec]:
        reference = prompt.problem.reference
        kind = (type(reference), reference.verifier if isinstance(reference, Custom) else "")
        if kind not in seen:
            seen.add(kind)
            yield reference
