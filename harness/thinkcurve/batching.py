"""Asking by a provider's batch interface: hand everything over, come back within a day, collect.

Which batches a run has submitted stands in ``batches.json`` beside its journal, written the moment a provider has given
one its name: a run that was stopped collects them when it is gone on with, and submits only what is in none.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from thinkcurve.asked import ChatSession
from thinkcurve.backend import Batching, Generation, Request
from thinkcurve.budget import Budget, format_budget
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.plan import Plan, Unit
from thinkcurve.purse import Purse, is_paid, kind_of
from thinkcurve.recorder import Recorder
from thinkcurve.retry import RetryPolicy, with_retries
from thinkcurve.store import AttemptKey, replace

POLL_S = 30.0
SUBMIT_S = 60.0
"""For how long a submission that has begun is waited for when the run is stopped."""
LARGEST_BYTES = 64 << 20
"""Requests of one batch as JSON: within the 200 MB of OpenAI and the 256 MB of Anthropic, whatever they add to it."""
Came = Callable[[Unit, ChatSession, Budget, Generation], Awaitable[None]]
"""Takes a generation that came back: recorded and judged as any other."""


class Batch(msgspec.Struct):
    """A batch that was submitted: whose, the provider's name of it, and what each of our names in it asks for."""

    spec: str
    id: str
    items: dict[str, tuple[str, int, Budget]]
    is_collected: bool = False


def batches_path(run: Path) -> Path:
    """Where the submitted batches of a run are listed."""
    return run / "batches.json"


def read_batches(run: Path) -> list[Batch]:
    """The batches that a run has submitted, oldest first."""
    path = batches_path(run)
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Batch])
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); it names batches that are paid for") from error


def write_batches(run: Path, batches: Sequence[Batch]) -> None:
    """Write them, atomically."""
    data = msgspec.json.format(msgspec.json.encode(batches), indent=1) + b"\n"
    replace(batches_path(run), lambda path: path.write_bytes(data))


def name_of(unit: Unit, budget: Budget) -> str:
    """A name of one request that every sitting of a run gives it again: 32 hex digits."""
    parts = (
        unit.session.spec,
        unit.prompt.problem.id,
        str(unit.sample),
        format_budget(budget, unit.session.study.control),
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


class Batches:
    """Carries out a plan by batches. ``came`` takes each generation, ``say`` a word on how far things are."""

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        purse: Purse,
        came: Came,
        *,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._recorder = recorder
        self._purse = purse
        self._came = came
        self._say = say
        self._retry = RetryPolicy()
        self._batches = read_batches(plan.run)
        self._failed: set[AttemptKey] = set()
        self._begun: dict[tuple[str, str], str] = {}
        """What this sitting has entered into its purse, by model and name."""

    async def run_all(self) -> None:
        """Collect what was submitted, submit what is in no batch, wait, and collect that."""
        for batch in self._pending():
            self._say(f"{batch.spec}: going on with batch {batch.id}, {len(batch.items):,} requests")
            for name, (_, _, budget) in batch.items.items():
                if self._is_paid(batch.spec):
                    self._begun[batch.spec, name] = kind_of(batch.spec, budget)
                    self._purse.owe(kind_of(batch.spec, budget))
        while True:
            await self._submit()
            if not self._pending():
                return
            await self._collect_ended()
            if self._pending():
                await asyncio.sleep(POLL_S)

    def _pending(self) -> list[Batch]:
        return [batch for batch in self._batches if not batch.is_collected]

    def _missing(self) -> Iterator[tuple[Unit, Budget]]:
        """What has no attempt, is in no batch, and did not fail in this sitting."""
        asked = {(batch.spec, name) for batch in self._pending() for name in batch.items}
        for unit in self._plan.units():
            for budget in self._plan.missing(unit):
                is_new = (unit.session.spec, name_of(unit, budget)) not in asked
                key = (unit.session.spec, unit.prompt.problem.id, unit.sample, budget)
                if is_new and key not in self._failed and unit.session.spec not in self._recorder.lost:
                    yield unit, budget

    async def _submit(self) -> None:
        """Hand over all that is missing, and under an allowance as much as fits: no batch can be stopped."""
        for session in self._plan.sessions:
            backend = session.backend
            assert isinstance(backend, Batching)  # open_model refused any other
            missing = [(unit, budget) for unit, budget in self._missing() if unit.session is session]
            while missing:
                chunk = self._chunk(missing, backend.most_in_batch)
                if self._is_paid(session.spec):
                    chunk = await self._affordable(chunk)
                if not chunk:
                    break
                await self._hand_over(session.spec, backend, chunk)
                missing = missing[len(chunk) :]

    def _chunk(self, missing: list[tuple[Unit, Budget]], most: int) -> list[tuple[Unit, Budget]]:
        """The first of what is missing, as much as one batch takes."""
        size = 0
        for n, (unit, budget) in enumerate(missing[:most]):
            assert isinstance(unit.session, ChatSession)
            size += len(msgspec.json.encode(unit.session.request(unit.prompt, unit.sample, budget)))
            if n and size > LARGEST_BYTES:
                return missing[:n]
        return missing[:most]

    async def _affordable(self, chunk: list[tuple[Unit, Budget]]) -> list[tuple[Unit, Budget]]:
        """As many of the requests as fit, begun; none where others have to end first. Raises `Spent` for ever none."""
        kinds = [kind_of(unit.session.spec, budget) for unit, budget in chunk]
        n = self._purse.fits(kinds)
        if n == 0:
            if not self._pending():
                await self._purse.enter(kinds[0])  # which says why
            return []
        for (unit, budget), kind in zip(chunk[:n], kinds, strict=False):
            self._purse.begin(kind)
            self._begun[unit.session.spec, name_of(unit, budget)] = kind
        return chunk[:n]

    async def _hand_over(self, spec: str, backend: Batching, chunk: list[tuple[Unit, Budget]]) -> None:
        requests: dict[str, Request] = {}
        items: dict[str, tuple[str, int, Budget]] = {}
        for unit, budget in chunk:
            assert isinstance(unit.session, ChatSession)
            name = name_of(unit, budget)
            requests[name] = unit.session.request(unit.prompt, unit.sample, budget)
            items[name] = (unit.prompt.problem.id, unit.sample, budget)
        handing = asyncio.ensure_future(self._submit_one(spec, backend, requests, items))
        try:
            await asyncio.shield(handing)
        except asyncio.CancelledError:
            await asyncio.wait({handing}, timeout=SUBMIT_S)  # its name must not be lost: it is paid for
            raise

    async def _submit_one(
        self, spec: str, backend: Batching, requests: dict[str, Request], items: dict[str, tuple[str, int, Budget]]
    ) -> None:
        """Submit, and write down the name at once. Tried again only where nothing can have been taken."""
        batch = await self._taken(backend, requests)
        self._batches.append(Batch(spec, batch, items))
        write_batches(self._plan.run, self._batches)
        self._say(f"{spec}: handed over {len(items):,} requests as batch {batch}")

    async def _taken(self, backend: Batching, requests: dict[str, Request]) -> str:
        """The provider's name of a new batch."""
        tried = 0
        while True:
            try:
                return await backend.submit(requests)
            except BackendError as error:
                tried += 1
                was_not_taken = error.is_busy or (error.is_fatal and error.is_retryable)  # put off, or not reached
                if not was_not_taken or tried >= self._retry.attempts:
                    raise
                await asyncio.sleep(self._retry.wait_s(tried, error.retry_after_s, 1.0))

    async def _collect_ended(self) -> None:
        for batch in self._pending():
            backend = self._backend(batch)
            try:
                status = await with_retries(lambda: backend.status(batch.id), self._retry)  # noqa: B023 - awaited at once
                results = await self._results(batch, backend) if status.is_ended else None
            except BackendError as error:
                if error.is_fatal or error.is_retryable:
                    raise
                self._say(f"{batch.spec}: batch {batch.id} is gone: {error}")
                results = dict.fromkeys(batch.items, error)
            if results is not None:
                await self._collect(batch, results)

    async def _results(self, batch: Batch, backend: Batching) -> dict[str, Generation | BackendError]:
        return await with_retries(lambda: backend.collect(batch.id), self._retry)

    def _backend(self, batch: Batch) -> Batching:
        for session in self._plan.sessions:
            if session.spec == batch.spec:
                assert isinstance(session.backend, Batching)
                return session.backend
        raise UsageError(f"batch {batch.id} is of model {batch.spec!r}, which is not of this study; name it too")

    async def _collect(self, batch: Batch, results: Mapping[str, Generation | BackendError]) -> None:
        """Take in what came of a batch; what its provider never began is a failure, to be asked again."""
        places = {
            name_of(unit, budget): (unit, budget)
            for unit in self._plan.units()
            if unit.session.spec == batch.spec
            for budget in self._plan.missing(unit)
        }
        for name in batch.items:
            kind = self._begun.pop((batch.spec, name), None)
            if name in places:
                await self._take_in(batch, *places[name], results.get(name), kind)
            elif kind is not None:  # graded before this sitting was stopped, or no longer of the study
                self._purse.end(0.0, kind)
        batch.is_collected = True
        write_batches(self._plan.run, self._batches)
        self._say(f"{batch.spec}: collected batch {batch.id}")

    async def _take_in(
        self, batch: Batch, unit: Unit, budget: Budget, result: Generation | BackendError | None, kind: str | None
    ) -> None:
        """Record what became of one request; ``kind`` is what it was entered as, if that was in this sitting."""
        assert isinstance(unit.session, ChatSession)
        if result is None:
            result = BackendError(f"batch {batch.id} ended without it")
        self._plan.state.begin(unit.key)
        before = self._recorder.paid(unit)
        if isinstance(result, BackendError):
            self._failed.add((unit.session.spec, unit.prompt.problem.id, unit.sample, budget))
            self._recorder.fail(unit, [budget], "trace", result)
            self._recorder.came(unit)  # many that failed in one batch are no sign that nobody answers
        else:
            await self._came(unit, unit.session, budget, result)
        after = self._recorder.paid(unit)
        self._plan.state.end(unit.key)
        paid = None if before is None or after is None else after - before
        if kind is not None:
            self._purse.end(paid, kind)

    def _is_paid(self, spec: str) -> bool:
        session = next(session for session in self._plan.sessions if session.spec == spec)
        return is_paid(session.backend.model, session.tariff)
