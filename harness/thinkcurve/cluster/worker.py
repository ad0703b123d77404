"""A worker: one replica of a model in a process of its own, which carries chunks out and writes a shard of the journal.

Runs as a Ray actor, but knows nothing of Ray, so that it is tested as the plain object that it is. Its units go through
the very code of a sweep on one machine (`thinkcurve.runner`), with the same seeds, so the records are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec

from thinkcurve.backend import Backend, ModelInfo, Sampling
from thinkcurve.budget import Control
from thinkcurve.cluster.chunks import Chunk
from thinkcurve.cluster.objects import ObjectJournal, Objects
from thinkcurve.errors import BackendError, ThinkcurveError, UsageError
from thinkcurve.opened import Opened
from thinkcurve.plan import Plan, Unit
from thinkcurve.plugins import open_backend
from thinkcurve.problem import FunctionTests, Message, Reference
from thinkcurve.provenance import hardware, versions
from thinkcurve.purse import Purse
from thinkcurve.recorder import Recorder
from thinkcurve.runner import Hands
from thinkcurve.state import State
from thinkcurve.store import SCHEMA_VERSION, Attempt, Event, Journal, Manifest, Trace, read_manifest
from thinkcurve.study import Study
from thinkcurve.tariff import Tariff
from thinkcurve.verify.judge import Judge
from thinkcurve.ways import open_model


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker found when it opened its model. ``refusal`` is why it could not, in one line."""

    refusal: str = ""
    is_usage: bool = False
    info: ModelInfo | None = None
    controls: frozenset[Control] = frozenset()
    concurrency: int = 1
    has_tokenizer: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all workers on one model are told before their first chunk."""

    run: str
    started: str
    """When the driver's sitting began: who reads the same in the run's manifest sees the same directory."""
    study: Study
    fingerprint: str | None
    tariff: Tariff
    sampling: Sampling
    leaves_sampling: bool
    problems: tuple[str, ...]
    """The ids of all problems of the study."""
    references: tuple[Reference, ...]
    """One of each kind, for the sandbox and the verifiers that they need."""
    judges: int = 1
    """Processes of one kind that judge at the same time."""
    objects: str = ""
    """The URL of the store that finished chunks are written to, where the driver's directory is not shared."""
    first: int = 1
    """The number of the first chunk that a worker writes there: above all that the run has."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker that may be handed chunks, and what its node is. ``refusal`` is why it may not."""

    refusal: str = ""
    hardware: Mapping[str, Any] = field(default_factory=dict)
    verifier: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a chunk: its events without their bulk, which is in the shard.

    ``lost`` is the last word of a model that can go on no longer; the rest of the chunk was not done then.
    """

    events: tuple[Event, ...]
    lost: str = ""
    object: str = ""
    """The name of the object that holds it, where there is a store."""


class Worker:
    """One replica of a model. `open`, then `begin`, then any number of `carry` at the same time, then `aclose`."""

    def __init__(self) -> None:
        self._spec = ""
        self._backend: Backend | None = None
        self._session: Opened | None = None
        self._journal: Journal | None = None
        self._objects: ObjectJournal | None = None
        self._judge: Judge | None = None
        self._hands: Hands | None = None
        self._plan: Plan | None = None
        self._n_done = 0
        self._told: defaultdict[tuple[str, int], list[Event]] = defaultdict(list)

    async def open(self, spec: str, options: Mapping[str, Any], data_dir: str | None, folder: str = "") -> Opening:
        """Open the model, and say what it is; ``folder`` is where the driver runs, for paths that begin there."""
        self._spec = spec
        if folder:
            with contextlib.suppress(OSError):
                os.chdir(folder)
        try:
            backend = open_backend(spec, options, data_dir=Path(data_dir) if data_dir else None)
        except ThinkcurveError as error:
            return Opening(str(error), is_usage=isinstance(error, UsageError), versions=versions())
        self._backend = backend
        return Opening(
            info=backend.model,
            controls=backend.controls,
            concurrency=backend.concurrency,
            has_tokenizer=backend.tokenizer is not None,
            versions=versions(),
        )

    async def node(self) -> str:
        """The id of the node that Ray placed it on."""
        import ray

        found: str = ray.get_runtime_context().get_node_id()
        return found

    async def render(self, messages: Sequence[Message], chat: bool) -> tuple[int, ...]:
        """`thinkcurve.backend.Tokenizer.render` of the model."""
        ids: tuple[int, ...] = self._tokenizer.render(messages, chat=chat)
        return ids

    async def encode(self, text: str) -> tuple[int, ...]:
        """`thinkcurve.backend.Tokenizer.encode` of the model."""
        ids: tuple[int, ...] = self._tokenizer.encode(text)
        return ids

    async def decode(self, token_ids: Sequence[int]) -> str:
        """`thinkcurve.backend.Tokenizer.decode` of the model."""
        text: str = self._tokenizer.decode(token_ids)
        return text

    @property
    def _tokenizer(self) -> Any:
        assert self._backend is not None
        return self._backend.tokenizer

    async def look(self) -> Ready:
        """What its node is, and how well code can be isolated there: for ``thinkcurve doctor``."""
        judge = Judge(sandbox="weak")
        try:
            await judge.prepare([FunctionTests(entry_point="f", test="")])
            return Ready(hardware=hardware(), verifier=judge.describe())
        except ThinkcurveError as error:
            return Ready(str(error), hardware=hardware())
        finally:
            await judge.aclose()

    async def begin(self, setting: Setting, shard: str) -> Ready:
        """Get ready for chunks: a session under the study, a judge whose sandbox was tried on this node, a shard."""
        assert self._backend is not None
        run, study = Path(setting.run), setting.study
        if self._backend.model.fingerprint != setting.fingerprint:
            found = self._backend.model.fingerprint
            return Ready(f"its {self._spec!r} is another model (fingerprint {found}, not {setting.fingerprint})")
        try:
            objects = Objects(setting.objects) if setting.objects else None
            started = objects.started() if objects else read_manifest(run).sittings[-1].started
        except ThinkcurveError as error:
            return Ready(str(error) if setting.objects else _NOT_SHARED)
        if started != setting.started:
            return Ready(f"it does not see the run at {setting.objects}" if setting.objects else _NOT_SHARED)
        judge = Judge(workers=setting.judges, sandbox=study.sandbox)
        try:
            await judge.prepare(setting.references)
            opened = open_model(self._spec, self._backend, study)
        except ThinkcurveError as error:
            await judge.aclose()
            return Ready(str(error))
        self._session = dataclasses.replace(
            opened, tariff=setting.tariff, sampling=setting.sampling, leaves_sampling=setting.leaves_sampling
        )
        self._judge = judge
        self._objects = ObjectJournal(objects, shard, setting.first) if objects else None
        self._journal = Journal(run, shard=shard) if objects is None else cast(Journal, self._objects)
        state = State((self._spec,), setting.problems, study.samples, study.budgets)
        manifest = Manifest(SCHEMA_VERSION, study, (), (), ())
        self._plan = Plan(study, run, [self._session], {}, state, manifest, judge, self._journal)
        self._hands = Hands(self._plan, Recorder(self._plan, self._journal, self._listen), Purse(None))
        self._hands.free.add(self._spec)
        return Ready(hardware=hardware(), verifier=judge.describe())

    async def carry(self, chunk: Chunk) -> Report:
        """Generate, judge and record what a chunk lacks. Raises what is a fault of ours, or a full disk."""
        assert self._hands is not None
        assert self._plan is not None
        assert self._session is not None
        for piece in chunk.pieces:
            for event in piece.known:
                self._plan.state.add(event)
        units = [Unit(self._session, piece.prompt, piece.sample) for piece in chunk.pieces]
        works = [self._hands.carry_unit(u, list(p.budgets)) for u, p in zip(units, chunk.pieces, strict=True)]
        ends = await asyncio.gather(*works, return_exceptions=True)
        events: list[Event] = []
        for piece in chunk.pieces:
            events += self._told.pop(piece.unit, [])
        name = await self._finish(chunk)
        for end in ends:
            if isinstance(end, BackendError):
                return Report(tuple(events), str(end), name)
            if isinstance(end, BaseException):
                raise end
        return Report(tuple(events), object=name)

    async def _finish(self, chunk: Chunk) -> str:
        """Write a finished chunk where objects are written; its name there."""
        if self._objects is None:
            return ""
        return await asyncio.to_thread(self._objects.finish, [piece.unit for piece in chunk.pieces])

    async def pid(self) -> int:
        """Its process."""
        return os.getpid()

    async def pulse(self) -> int:
        """A sign of life, and how much it has finished: who answers is not frozen, but what it asked may not answer."""
        return self._n_done

    async def aclose(self) -> None:
        """Let go of everything."""
        if self._journal is not None:
            self._journal.close()
        if self._plan is not None:
            self._plan.state.close()
        if self._judge is not None:
            await self._judge.aclose()
        if self._backend is not None:
            await self._backend.aclose()

    def _listen(self, event: Event) -> None:
        self._told[event.problem, event.sample].append(slim(event))
        self._n_done += 1


_NOT_SHARED = "it does not see the run's directory: give -o a directory that all nodes share, or --shards URL"


def slim(event: Event) -> Event:
    """An event without what is bulky in it: enough to count it, and to show where a run stands."""
    if isinstance(event, Trace):
        return msgspec.structs.replace(event, token_ids=(), text="", marks=())
    if isinstance(event, Attempt):
        return msgspec.structs.replace(event, answer="", answer_ids=None, extracted=None)
    return event
