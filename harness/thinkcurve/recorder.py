"""What becomes of a unit, written the moment it is known: its records, its failures, and models that are gone."""

from __future__ import annotations

import time
from collections.abc import Callable

from thinkcurve.budget import Budget
from thinkcurve.errors import BackendError
from thinkcurve.plan import Plan, Unit
from thinkcurve.store import Event, Failure, Journal

Listener = Callable[[Event], None]
FAILED_IN_A_ROW = 8
FAILING_FOR_S = 60.0
"""A model counts as gone where so many problems failed one after the other, each after its retries, for so long."""


class Recorder:
    """Writes the events of a plan, and knows which models can go on no longer (``lost``)."""

    def __init__(self, plan: Plan, journal: Journal, listener: Listener) -> None:
        self._plan = plan
        self._journal = journal
        self._listener = listener
        self._failing: dict[str, tuple[float, set[str]]] = {}
        self.lost: dict[str, BackendError] = {}

    def record(self, event: Event) -> None:
        """Write one event, and tell of it."""
        self._journal.append(event, time.monotonic())
        self._plan.state.add(event)
        self._listener(event)

    def came(self, unit: Unit) -> None:
        """Note that a model answers."""
        self._failing.pop(unit.session.spec, None)

    def fail(self, unit: Unit, budgets: list[Budget], stage: str, error: BackendError) -> None:
        """Record that attempts did not come about; what no later request can mend is raised again.

        So is the last of many failures in a row that a later try could have mended: nothing answers any more.
        """
        spec = unit.session.spec
        if error.is_fatal:
            self._lose(spec, error)
            return
        if not error.is_retryable:
            self.came(unit)  # it answered, if only to refuse this one
        else:
            since, failed = self._failing.setdefault(spec, (time.monotonic(), set()))
            failed.add(unit.prompt.problem.id)
            if len(failed) >= FAILED_IN_A_ROW and time.monotonic() - since >= FAILING_FOR_S:
                many = f"{len(failed)} problems asked of {spec!r} failed one after the other, last: {error}"
                self._lose(spec, BackendError(many, is_fatal=True))
                return
        control = self._plan.study.control.value
        problem = unit.prompt.problem
        for budget in budgets:
            self.record(Failure(spec, problem.task, problem.id, unit.sample, budget, control, stage, str(error)))

    def paid(self, unit: Unit) -> float | None:
        """What a unit has cost so far; ``None`` where some of it is unknown."""
        return self._plan.state.of(unit.key).usd

    def _lose(self, spec: str, error: BackendError) -> None:
        """A model that can go on no longer: the last of them ends the run at once, the others go on without it."""
        self.lost.setdefault(spec, error)
        if len(self.lost) == len(self._plan.sessions):
            raise error
