"""What a run holds in memory while it is carried out: full records of what is being worked on, and of the rest a bit.

A unit (model, problem, sample) whose attempts are all there leaves only its bits; ten million attempts take some ten
megabytes so. What a unit has before it is complete is held in full, in memory up to a bound and on disk beyond: a
ladder that grew makes every unit of a run incomplete again.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from thinkcurve.budget import Budget
from thinkcurve.records import Attempt, AttemptKey, Event, Failure, Trace, Unit

MOST_HELD = 20_000
"""Units whose records are held in memory; some kilobytes each where traces are short."""
MOST_FAILURES = 1_000
"""Failures whose words are held; all are counted."""


class UnitRecords(msgspec.Struct):
    """What there is of one unit: its traces and attempts by budget."""

    traces: dict[Budget, Trace] = {}
    attempts: dict[Budget, Attempt] = {}

    @property
    def usd(self) -> float | None:
        """What it has cost so far; ``None`` where some of it is unknown."""
        rows: list[Trace | Attempt] = [*self.traces.values(), *self.attempts.values()]
        costs = [row.usd_spent for row in rows]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


class State:
    """Which attempts of a study there are, and the records of the units that lack some.

    ``problems`` are the ids of the study's problems; ``is_separate``: each budget has a trace of its own. Events of
    other models, problems, samples or budgets are passed over.
    """

    def __init__(
        self,
        models: Sequence[str],
        problems: Iterable[str],
        samples: int,
        budgets: Sequence[Budget],
        *,
        is_separate: bool = False,
        most_held: int = MOST_HELD,
    ) -> None:
        self._places = {problem: place for place, problem in enumerate(dict.fromkeys(problems))}
        self._samples = samples
        self._bits = {budget: 1 << i for i, budget in enumerate(budgets)}
        self._whole = (1 << len(budgets)) - 1
        self._width = (len(budgets) + 7) // 8
        size = len(self._places) * samples * self._width
        self._done = {model: bytearray(size) for model in models}
        self._failed = {model: bytearray(size) for model in models}
        self._traced = {model: bytearray(size) for model in models}
        self._shared = 0 if is_separate else self._whole
        self._shelf = _Shelf(most_held)
        self._worked: dict[Unit, int] = {}
        self.failures: dict[AttemptKey, Failure] = {}
        """The first failures that stand, by key: at most `MOST_FAILURES`."""
        self._has_any = False
        self.n_attempts = 0
        self.n_failures = 0
        """How many attempts did not come about, as it stands."""

    def add(self, event: Event) -> None:
        """Take one event in: the last word on a key wins, and an attempt clears the failure that it makes good."""
        unit = (event.model, event.problem, event.sample)
        place = self._place(unit)
        if place is None:
            return
        self._has_any = True
        if isinstance(event, Trace):
            self._trace(event, place)
            if unit in self._worked or self._mask(event.model, place) != self._whole:
                self._shelf.put(unit, event)
        elif bit := self._bits.get(event.budget, 0):
            if isinstance(event, Attempt):
                self._attempt(event, unit, place, bit)
            else:
                self._fail(event, place, bit)

    @property
    def has_any(self) -> bool:
        """Whether there was any event."""
        return self._has_any

    def missing(self, unit: Unit) -> list[Budget]:
        """The budgets at which a unit has no attempt yet."""
        done = self._done_of(unit)
        return [] if done == self._whole else [budget for budget, bit in self._bits.items() if not done & bit]

    def begin(self, unit: Unit) -> None:
        """A unit is being worked on: what there is of it is held until `end`, whether it is complete or not."""
        self._worked[unit] = self._worked.get(unit, 0) + 1

    def end(self, unit: Unit) -> None:
        """Nobody works on a unit any more: of one that is complete only the bits stay."""
        left = self._worked.pop(unit) - 1
        if left > 0:
            self._worked[unit] = left
        elif self._done_of(unit) == self._whole:
            self._shelf.drop(unit)

    def of(self, unit: Unit) -> UnitRecords:
        """All there is of a unit that lacks attempts or is being worked on; to be looked at, not changed."""
        return self._shelf.get(unit) or UnitRecords()

    def trace(self, key: AttemptKey) -> Trace | None:
        """A trace of such a unit."""
        found = self._shelf.get(key[:3])
        return None if found is None else found.traces.get(key[3])

    def forget_untraced(self) -> int:
        """Forget the attempts whose trace is not there, since what held it was damaged: both are to be made again, for
        an attempt answers its trace. How many those are."""
        n_before = self.n_attempts
        for model, done in self._done.items():
            if int.from_bytes(done, "little") & ~int.from_bytes(self._traced[model], "little"):
                problems = list(self._places)
                for place in range(0, len(done), self._width):
                    if lost := self._mask(model, place) & ~self._mask(model, place, self._traced):
                        sample, number = divmod(place // self._width, len(problems))
                        self._forget((model, problems[number], sample), place, lost)
        return n_before - self.n_attempts

    def close(self) -> None:
        """Let go what lies on disk."""
        self._shelf.close()

    def _trace(self, event: Trace, place: int) -> None:
        bits = self._shared if event.budget is None and self._shared else self._bits.get(event.budget, 0)
        traced = self._mask(event.model, place, self._traced) | bits
        self._traced[event.model][place : place + self._width] = traced.to_bytes(self._width, "little")

    def _forget(self, unit: Unit, place: int, lost: int) -> None:
        self.n_attempts -= lost.bit_count()
        left = self._mask(unit[0], place) & ~lost
        self._done[unit[0]][place : place + self._width] = left.to_bytes(self._width, "little")
        found = self._shelf.get(unit)
        if found is not None:
            for budget, bit in self._bits.items():
                if lost & bit:
                    found.attempts.pop(budget, None)

    def _attempt(self, event: Attempt, unit: Unit, place: int, bit: int) -> None:
        done = self._mask(event.model, place)
        if not done & bit:
            self.n_attempts += 1
            done |= bit
            self._done[event.model][place : place + self._width] = done.to_bytes(self._width, "little")
            self._clear(event, place, bit)
        if done != self._whole or unit in self._worked:
            self._shelf.put(unit, event)
        else:
            self._shelf.drop(unit)

    def _fail(self, event: Failure, place: int, bit: int) -> None:
        if self._mask(event.model, place) & bit:
            return
        failed = self._mask(event.model, place, self._failed)
        if not failed & bit:
            self.n_failures += 1
            self._failed[event.model][place : place + self._width] = (failed | bit).to_bytes(self._width, "little")
        if len(self.failures) < MOST_FAILURES or event.key in self.failures:
            self.failures[event.key] = event

    def _clear(self, event: Attempt, place: int, bit: int) -> None:
        failed = self._mask(event.model, place, self._failed)
        if failed & bit:
            self.n_failures -= 1
            self._failed[event.model][place : place + self._width] = (failed ^ bit).to_bytes(self._width, "little")
            self.failures.pop(event.key, None)

    def _done_of(self, unit: Unit) -> int:
        """The bits of the budgets at which a unit has an attempt."""
        place = self._place(unit)
        return 0 if place is None else self._mask(unit[0], place)

    def _place(self, unit: Unit) -> int | None:
        """Where the bits of a unit begin; ``None`` where the study has no such unit."""
        model, problem, sample = unit
        place = self._places.get(problem)
        if place is None or model not in self._done or not 0 <= sample < self._samples:
            return None
        return (sample * len(self._places) + place) * self._width

    def _mask(self, model: str, place: int, of: dict[str, bytearray] | None = None) -> int:
        bits = (self._done if of is None else of)[model]
        return bits[place] if self._width == 1 else int.from_bytes(bits[place : place + self._width], "little")


class _Shelf:
    """Units and what there is of each: in memory up to ``most``, those put down longest ago beyond that in a temporary
    database."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Unit, UnitRecords] = {}
        self._disk: sqlite3.Connection | None = None
        self._lain = 0

    def put(self, unit: Unit, event: Trace | Attempt) -> None:
        found = self.get(unit)
        if found is None:
            found = self._held[unit] = UnitRecords({}, {})
        if isinstance(event, Trace):
            found.traces[event.budget] = event
        else:
            found.attempts[event.budget] = event
        if len(self._held) > self._most:
            self._lay_down()

    def get(self, unit: Unit) -> UnitRecords | None:
        found = self._held.get(unit)
        if found is None and self._lain:
            found = self._take_up(unit)
            if len(self._held) > self._most:
                self._lay_down()
        return found

    def drop(self, unit: Unit) -> None:
        if self._held.pop(unit, None) is None and self._lain:
            self._take_up(unit)
            self._held.pop(unit, None)

    def close(self) -> None:
        if self._disk is not None:
            self._disk.close()
            self._disk, self._lain = None, 0

    def _lay_down(self) -> None:
        """Put a half of what is held on disk."""
        if self._disk is None:
            self._disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file that has no name
            self._disk.execute("PRAGMA journal_mode = OFF")
            self._disk.execute("PRAGMA synchronous = OFF")
            self._disk.execute("CREATE TABLE units (unit BLOB PRIMARY KEY, records BLOB) WITHOUT ROWID")
        oldest = list(itertools.islice(self._held, len(self._held) // 2))
        rows = [(_ENCODE(unit), _ENCODE(_Lain.of(self._held.pop(unit)))) for unit in oldest]
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT OR REPLACE INTO units VALUES (?, ?)", rows)
        self._disk.execute("COMMIT")
        self._lain += len(rows)

    def _take_up(self, unit: Unit) -> UnitRecords | None:
        assert self._disk is not None
        key = _ENCODE(unit)
        row = self._disk.execute("SELECT records FROM units WHERE unit = ?", (key,)).fetchone()
        if row is None:
            return None
        self._disk.execute("DELETE FROM units WHERE unit = ?", (key,))
        self._lain -= 1
        lain = msgspec.json.decode(row[0], type=_Lain)
        found = self._held[unit] = UnitRecords({t.budget: t for t in lain.traces}, {a.budget: a for a in lain.attempts})
        return found


class _Lain(msgspec.Struct):
    """What there is of a unit as JSON holds it, which has no keys but texts."""

    traces: list[Trace]
    attempts: list[Attempt]

    @classmethod
    def of(cls, found: UnitRecords) -> _Lain:
        return cls([*found.traces.values()], [*found.attempts.values()])


_ENCODE = msgspec.json.Encoder().encode
