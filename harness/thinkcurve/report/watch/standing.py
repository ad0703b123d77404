"""Where a run stands, counted event by event: how much of it is done, how right it was so far, what it used.

The same counts serve the run itself, which hears its events, and whoever reads its journal from outside. An event that
replaces an earlier one of the same key (an answer judged again, a trace thought on) takes its place in the counts.
What is counted so far is no estimate of the end: problems that are answered quickly are counted first.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field

import msgspec

from thinkcurve.backend import ModelInfo
from thinkcurve.budget import Budget
from thinkcurve.problem import Verdict
from thinkcurve.purse import is_paid
from thinkcurve.report.watch.kept import Column, Kept, Places, Tallies
from thinkcurve.store import Attempt, AttemptKey, Event, Failure, Manifest, ModelRecord, Records, Trace

CellKey = tuple[str, str, Budget]
"""(model, task, budget)."""
WINDOW_S = 600.0
"""How far back a pace looks: long enough for models that take minutes over a trace."""


VERDICTS = tuple(Verdict)


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is counted of an attempt; ``problem`` is the number of its problem."""

    cell: CellKey
    problem: int
    verdict: Verdict
    is_forced: bool
    thinking_tokens: int | None
    generated_spent: int
    usd_spent: float | None
    is_charged: bool


@dataclass(slots=True)
class Cell:
    """The attempts of one model on one task at one budget, so far."""

    graded: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    forced: int = 0
    thinking_tokens: int = 0
    n_thinking_known: int = 0
    problems: Tallies = field(default_factory=Tallies)
    """Correct and graded samples by problem."""
    _shares: float = 0.0

    def take(self, known: Known, sign: int) -> None:
        """Count an attempt, or with ``sign`` -1 no longer."""
        self.graded += sign
        self.verdicts[known.verdict] += sign
        self.forced += sign * known.is_forced
        if known.thinking_tokens is not None:
            self.thinking_tokens += sign * known.thinking_tokens
            self.n_thinking_known += sign
        self._shares -= self.problems.share(known.problem)
        self.problems.add(known.problem, sign * (known.verdict is Verdict.CORRECT), sign)
        self._shares += self.problems.share(known.problem)

    @property
    def accuracy(self) -> float | None:
        """The mean over problems of the mean over samples; ``None`` before the first."""
        return min(1.0, max(0.0, self._shares / len(self.problems))) if self.problems else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval on the problems so far; of several samples a problem it is the wider one.

        Wilson, JASA 22 (1927) 209-212. `thinkcurve show` has the one of the finished run.
        """
        p, n, z = self.accuracy, len(self.problems), 1.959964
        if p is None:
            return None
        centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (centre - half) / (1 + z * z / n)), min(1.0, (centre + half) / (1 + z * z / n))

    @property
    def mean_thinking(self) -> float | None:
        """Mean thinking tokens of an attempt; ``None`` where not all of them are known."""
        return self.thinking_tokens / self.graded if self.graded and self.n_thinking_known == self.graded else None


class Standing:
    """Where a run stands. ``total`` is the number of attempts that it will have."""

    def __init__(self, manifest: Manifest, total: int | None = None) -> None:
        study = manifest.study
        self.study = study
        self.models = study.models
        self.tasks = tuple(record.name for record in manifest.tasks)
        self.of = {record.name: record.n_problems * study.samples for record in manifest.tasks}
        """Attempts of one model on a task at one budget."""
        each = sum(self.of.values()) * len(study.budgets)
        self.total = len(study.models) * each if total is None else total
        self.paid = {record.spec for record in manifest.models if _is_paid(record)}
        self.cells: dict[CellKey, Cell] = {}
        self.failures: dict[AttemptKey, Failure] = {}
        self.tokens = 0
        self.usd = 0.0
        self.n_charged = self.n_unpriced = 0
        self.done = 0
        """Graded attempts."""
        self._places = Places(study.samples)
        self._attempts: dict[tuple[str, Budget], Column] = {}
        self._traces: dict[tuple[str, Budget], Column] = {}

    def add(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, Attempt):
            self.failures.pop(event.key, None)
            self._attempt(event)
        elif isinstance(event, Trace):
            self._trace(event)
        elif self._kept(self._attempts, event) is None:
            self.failures[event.key] = event

    def add_all(self, records: Records) -> None:
        """Take in what a run has already."""
        for group in (records.traces, records.attempts, records.failures):
            for event in group.values():
                self.add(event)

    @property
    def left(self) -> int:
        """Attempts that are still to be made, the failed ones among them."""
        return max(0, self.total - self.done)

    @property
    def usd_spent(self) -> float | None:
        """Dollars paid so far, at least; ``None`` where nothing of it is known."""
        return self.usd if self.n_charged > self.n_unpriced else None

    def done_at(self, budget: Budget, model: str | None = None) -> int:
        """Graded attempts at a budget, of one model or of all."""
        return sum(
            cell.graded for (of, _, at), cell in self.cells.items() if at == budget and (model is None or of == model)
        )

    def _kept(self, of: dict[tuple[str, Budget], Column], event: Event) -> Kept | None:
        """What is kept of the record with an event's key."""
        column = of.get((event.model, event.budget))
        return None if column is None else column.get(self._places.place(event.problem, event.sample))

    def _keep(self, of: dict[tuple[str, Budget], Column], event: Event, kept: Kept) -> None:
        place = self._places.place(event.problem, event.sample)
        of.setdefault((event.model, event.budget), Column()).put(place, kept)

    def _attempt(self, event: Attempt) -> None:
        before = self._kept(self._attempts, event)
        if before is None:
            self.done += 1
        else:
            self._count(self._known(event, before), -1)
        is_charged = event.model in self.paid and not event.is_shared_answer
        code = VERDICTS.index(event.verdict) * 4 + event.is_forced * 2 + is_charged
        usd = event.usd_spent if is_charged else None
        kept = Kept(code, event.thinking_tokens, event.generated_spent or 0, usd)
        self._keep(self._attempts, event, kept)
        self._count(self._known(event, kept), 1)

    def _known(self, event: Attempt, kept: Kept) -> Known:
        return Known(
            cell=(event.model, event.task, event.budget),
            problem=self._places.problem(event.problem),
            verdict=VERDICTS[kept.code // 4],
            is_forced=bool(kept.code & 2),
            thinking_tokens=kept.thinking,
            generated_spent=kept.spent,
            usd_spent=kept.usd,
            is_charged=bool(kept.code & 1),
        )

    def _count(self, known: Known, sign: int) -> None:
        self.cells.setdefault(known.cell, Cell()).take(known, sign)
        self.tokens += sign * known.generated_spent
        if known.is_charged:
            self._charge(known.usd_spent, sign)

    def _trace(self, event: Trace) -> None:
        is_charged = event.model in self.paid
        before = self._kept(self._traces, event)
        if before is not None:
            self.tokens -= before.spent
            if is_charged:
                self._charge(before.usd, -1)
        usd = event.usd_spent if is_charged else None
        self._keep(self._traces, event, Kept(0, None, event.generated_spent or 0, usd))
        self.tokens += event.generated_spent or 0
        if is_charged:
            self._charge(event.usd_spent, 1)

    def _charge(self, usd: float | None, sign: int) -> None:
        self.n_charged += sign
        self.n_unpriced += sign * (usd is None)
        self.usd += sign * (usd or 0.0)


def _is_paid(record: ModelRecord) -> bool:
    """Whether somebody is paid for a model; another version may have recorded less, and its price tells."""
    try:
        return is_paid(msgspec.convert(record.info, ModelInfo), record.tariff)
    except msgspec.ValidationError:
        return record.tariff is not None and record.tariff.is_known


class Pace:
    """How fast a run goes, from looks at it: attempts and tokens a second over the last `WINDOW_S`."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int, int]] = deque()

    def look(self, now_s: float, standing: Standing) -> None:
        """Note where a run stands at a moment of a clock; looks within a second of each other count as one."""
        if len(self._looks) > 1 and now_s - self._looks[-2][0] < 1:
            self._looks.pop()
        self._looks.append((now_s, standing.done, standing.tokens))
        while len(self._looks) > 2 and now_s - self._looks[1][0] >= WINDOW_S:
            self._looks.popleft()

    def since(self, before_s: float, done: int = 0, tokens: int = 0) -> None:
        """Begin with a moment of the past, when the run stood at ``done``."""
        self._looks.appendleft((before_s, done, tokens))

    def per_second(self) -> tuple[float, float] | None:
        """Attempts and tokens a second; ``None`` before there is a second to measure."""
        if len(self._looks) < 2 or self._looks[-1][0] - self._looks[0][0] < 1:
            return None
        (then_s, done, tokens), (now_s, done_now, tokens_now) = self._looks[0], self._looks[-1]
        took_s = now_s - then_s
        return (done_now - done) / took_s, (tokens_now - tokens) / took_s

    def left_s(self, standing: Standing) -> float | None:
        """Seconds that the rest may take at this pace; ``None`` where nothing has been graded in the window."""
        pace = self.per_second()
        return standing.left / pace[0] if pace and pace[0] > 0 else None
