"""A scripted chat that also takes batches, which outlive it in a store: for runs that come back a day later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec

from thinkcurve.backend import BatchStatus, Generation, Request
from thinkcurve.errors import BackendError
from thinkcurve_backends.scripted.chat import ChatFunction, ScriptedChat


class _Batch(msgspec.Struct):
    """What the store holds of a batch."""

    requests: dict[str, Request]
    n_asked: int = 0


class ScriptedBatches(ScriptedChat):
    """A `ScriptedChat` that is `thinkcurve.backend.Batching` too; its requests are answered when they are collected.

    A batch is ended once its status was asked ``ends_after`` times. ``store`` keeps batches by id: give the same
    mapping to a new object (of another process: one of the module ``dbm``) and it finds them again. ``begins`` says
    which requests the provider ever begins. Each call of ``submit``, ``status`` and ``collect`` raises the first of
    ``faults``, and takes it away.
    """

    def __init__(
        self,
        answer: ChatFunction,
        *,
        store: MutableMapping[Any, bytes] | None = None,
        ends_after: int = 1,
        begins: Callable[[Request], bool] = lambda _: True,
        faults: Sequence[BackendError | None] = (),
        most_in_batch: int = 1000,
        batch_factor: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(answer, **options)
        self.most_in_batch = most_in_batch
        self.batch_factor = batch_factor
        self.store: MutableMapping[Any, bytes] = {} if store is None else store
        self._ends_after = ends_after
        self._begins = begins
        self._faults = list(faults)

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Keep the requests; the id says how many batches there were before."""
        self._may_fail()
        if not 0 < len(requests) <= self.most_in_batch:
            raise BackendError(f"a batch of {len(requests)} requests is refused: 1 to {self.most_in_batch} are taken")
        batch = f"batch-{len(self.store) + 1}"
        self.store[batch] = msgspec.json.encode(_Batch(dict(requests)))
        return batch

    async def status(self, batch: str) -> BatchStatus:
        """Ended, once it was asked often enough."""
        self._may_fail()
        found = self._find(batch)
        found.n_asked += 1
        self.store[batch] = msgspec.json.encode(found)
        n_all = len(found.requests)
        is_ended = found.n_asked >= self._ends_after
        return BatchStatus(is_ended, n_all if is_ended else n_all * found.n_asked // (self._ends_after + 1), n_all)

    async def collect(self, batch: str) -> dict[str, Generation | BackendError]:
        """What the function says to each request; an error where it raises one."""
        self._may_fail()
        found = self._find(batch)
        if found.n_asked < self._ends_after:
            raise BackendError(f"batch {batch!r} has not ended")
        came: dict[str, Generation | BackendError] = {}
        for name, request in found.requests.items():
            if self._begins(request):
                try:
                    came[name] = await self.generate(request)
                except BackendError as error:
                    came[name] = error
        return came

    def _find(self, batch: str) -> _Batch:
        if batch not in self.store:
            raise BackendError(f"there is no batch {batch!r}")
        return msgspec.json.decode(self.store[batch], type=_Batch)

    def _may_fail(self) -> None:
        if self._is_closed:
            raise BackendError("this model is closed", is_fatal=True)
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
