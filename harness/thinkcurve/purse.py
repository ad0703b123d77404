"""What a run may spend: `Purse` says whether another request may begin, and `spent` what a run has cost so far."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from thinkcurve.backend import ModelInfo
from thinkcurve.budget import Budget
from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.store import Attempt, Trace
from thinkcurve.tariff import Tariff, format_usd

REPORT_CHARGES = frozenset({"openrouter"})
"""Providers that say in every reply what they charge for it, so that no price need be known."""

ROUNDING = 1e-9
"""The part of an allowance by which sums of floats may miss it."""


FEW = 8
"""So many requests of a kind are taken to cost what they can at most; the next ones, what the dearest of them did."""


class Traces(Protocol):
    """Traces that can be gone through."""

    def values(self) -> Iterable[Trace]:
        """Every one of them."""
        ...


class Attempts(Protocol):
    """Attempts that can be gone through."""

    def values(self) -> Iterable[Attempt]:
        """Every one of them."""
        ...


class Charged(Protocol):
    """The records that tell what a run was charged: in memory (`thinkcurve.records.Records`) or in its tables."""

    @property
    def traces(self) -> Traces:
        """Its traces."""
        ...

    @property
    def attempts(self) -> Attempts:
        """Its attempts."""
        ...


class Spent(ThinkcurveError):
    """``max_usd`` stopped a run: nothing more may begin. What was graded is safe, and a larger ``max_usd`` goes on."""

    def __init__(self, spent_usd: float, max_usd: float, why: str = "") -> None:
        super().__init__(f"Stopped at {format_usd(spent_usd)} of --max-usd {max_usd:g}{why and ': '}{why}")
        self.spent_usd = spent_usd
        self.max_usd = max_usd
        self.is_blind = bool(why)
        """Whether it stopped since what a reply cost is not known (`lacking` says what that takes)."""
        self.remedy = "drop it" if why else "a larger one goes on"


class Purse:
    """An allowance in dollars, shared by all requests of a run; without ``max_usd`` everything may begin.

    Around each paid request (each try of it, if a failed one is charged)::

        await purse.enter(kind)                     # raises `Spent`: stop, but let what is in flight end
        try:
            usd = (await generate(...)).cost        # what the provider charged, or tariff.usd(...)
        except BackendError:
            usd = 0.0                               # it never ran; None where that is not known
        purse.end(usd, kind)                        # in any event, else its share stays reserved

    ``kind`` names requests that cost about the same: model, and budget where each has a request of its own. A request
    in flight is taken to cost what the dearest of its kind has cost so far, and before one has ended what ``bounds``
    says (by kind: `Tariff.most_usd` of the longest prompt and the most tokens; may be missing). ``seen`` is the dearest
    of each kind in earlier sittings (`dearest_seen`). Where not even one would fit its bound, one begins alone, to see
    what it costs, and where there is no bound, one of each kind. Not for threads: one event loop.

    This holds: nothing begins once ``max_usd`` is spent, as far as costs are known. A run may end above it by what
    requests in flight cost more than they were taken to; by all that the first of a kind costs where it has no bound
    or does not fit it; and by what nobody reports, such as tries that failed and were charged. What is begun as one (a
    ladder that shares a trace) is not stopped midway. A cost that a bound rests on is as good as the count of its
    prompt, which is estimated where there is no tokenizer.
    """

    def __init__(
        self,
        max_usd: float | None,
        spent_usd: float = 0.0,
        *,
        bounds: Mapping[str, float | None] | None = None,
        seen: Mapping[str, float] | None = None,
    ) -> None:
        self.max_usd = max_usd
        self.spent_usd = spent_usd
        """What ended requests have cost, those of unknown cost not counted."""
        self.assumed_usd = 0.0
        """What ended requests of unknown cost are taken to have cost."""
        self._bounds = dict(bounds or {})
        self._dearest = {kind: usd for kind, usd in (seen or {}).items() if usd > 0}
        self._open: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []
        self._is_blind = False

    @property
    def n_open(self) -> int:
        """How many requests have begun and not ended."""
        return self._open.total()

    @property
    def left_usd(self) -> float:
        """What is left for requests that have not begun; infinite without ``max_usd``."""
        if self.max_usd is None:
            return math.inf
        reserved = sum(n * (self._expected(kind) or 0.0) for kind, n in self._open.items())
        return self.max_usd - self.spent_usd - self.assumed_usd - reserved

    def may_begin(self, kind: str = "") -> bool:
        """Whether one more request may begin now. No is for ever where none is in flight, else until one has ended."""
        if self.max_usd is None:
            return True
        if self._is_blind:
            return False
        left, expected = self.left_usd, self._expected(kind)
        if expected is not None and expected <= left + ROUNDING * self.max_usd:
            return True
        seen = self._dearest.get(kind)
        n_rivals = self._open[kind] if expected is None else self.n_open
        is_try = seen is None or (seen <= left and self._ended[kind] < FEW)
        return is_try and left > 0 and n_rivals == 0

    def begin(self, kind: str = "") -> bool:
        """`may_begin`, and count the request as in flight where it may."""
        if not self.may_begin(kind):
            return False
        self._open[kind] += 1
        return True

    def fits(self, kinds: Iterable[str]) -> int:
        """How many requests of these kinds, in their order, may begin together now: for batches, which cannot be
        stopped. One of which nothing is known begins alone."""
        if self.max_usd is None:
            return sum(1 for _ in kinds)
        left, n = self.left_usd, 0
        for kind in kinds:
            expected = self._expected(kind)
            if n == 0 and not self.may_begin(kind):
                return 0
            if n > 0 and (expected is None or expected > left + ROUNDING * self.max_usd):
                break
            n += 1
            left -= expected or 0.0
            if expected is None:
                break
        return n

    def owe(self, kind: str) -> None:
        """Count a request as in flight that began in an earlier sitting (a batch), whatever is left."""
        self._open[kind] += 1

    def end(self, usd: float | None, kind: str = "") -> None:
        """A request that began has come to its end and cost ``usd``: 0 where it never ran, ``None`` where unknown.

        An unknown cost counts as the dearest known one of its kind, or its bound; where there is neither, nothing
        more may begin. A charge that is no sum of money (negative, not finite) is unknown.
        """
        if not self._open[kind]:
            raise ValueError(f"no request of kind {kind!r} has begun")
        expected = self._expected(kind)
        self._open[kind] -= 1
        self._ended[kind] += 1
        if usd is not None and math.isfinite(usd) and usd >= 0:
            self.spent_usd += usd
            if usd > 0:  # what cost nothing did not run, and says nothing of the next
                self._dearest[kind] = max(usd, self._dearest.get(kind, 0.0))
        elif expected is not None:
            self.assumed_usd += expected
        else:
            self._is_blind = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def enter(self, kind: str = "") -> None:
        """Begin a request, waiting for others to end where the rest may yet do; raise `Spent` where it never will."""
        while not self.begin(kind):
            if self.n_open == 0 or self._is_blind:
                raise self._stop()
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            finally:
                self._waiting.remove(waiter)

    def _stop(self) -> Spent:
        assert self.max_usd is not None
        why = "what a reply cost is not known, so the rest cannot be counted" if self._is_blind else ""
        return Spent(self.spent_usd + self.assumed_usd, self.max_usd, why)

    def _expected(self, kind: str) -> float | None:
        """What one more request of a kind is taken to cost; ``None`` where nothing is known of it."""
        seen, bound = self._dearest.get(kind), self._bounds.get(kind)
        if seen is None or (bound is not None and self._ended[kind] < FEW):
            return bound if bound is not None else seen
        return seen


def is_paid(model: ModelInfo, tariff: Tariff | None) -> bool:
    """Whether somebody is paid for a model's tokens, as far as is known."""
    has_price = tariff is not None and tariff.is_known  # of a model on this machine only by the study's own words
    return has_price or (not model.is_local and model.provider is not None)


def check_known(max_usd: float | None, spec: str, model: ModelInfo, tariff: Tariff) -> None:
    """Refuse an allowance that cannot be kept, as nobody knows what the model's tokens cost."""
    if max_usd is None or model.is_local or tariff.is_known or model.provider in REPORT_CHARGES:
        return
    raise UsageError(
        f"what the tokens of model {spec!r} cost is not known, so --max-usd {max_usd:g} cannot be kept; give dollars a "
        f"million tokens (--price '{spec}:input=1,output=4', 0 where it is free), or drop --max-usd"
    )


def spent(records: Charged, unpaid: Collection[str] = ()) -> float | None:
    """What a run has cost so far, or ``None`` where the cost of a request is unknown.

    ``unpaid`` are specs of models that nobody is paid for (not `is_paid`).
    """
    total = 0.0
    for row in _charged(records, unpaid):
        if row.usd_spent is None:
            return None
        total += row.usd_spent
    return total


def opening_usd(records: Charged, unpaid: Collection[str] = ()) -> float:
    """What an allowance starts from on resume: `spent`, a request of unknown cost at the dearest of its model.

    Raises `UsageError` where a model has only requests of unknown cost.
    """
    known: dict[str, list[float]] = {}
    unknown: Counter[str] = Counter()
    for row in _charged(records, unpaid):
        if row.usd_spent is None:
            unknown[row.model] += 1
        else:
            known.setdefault(row.model, []).append(row.usd_spent)
    for spec, n in unknown.items():
        if spec not in known:
            raise UsageError(
                f"what this run has spent on model {spec!r} is not known ({n:,} requests), so --max-usd cannot be "
                "kept; drop it, or give another directory with -o"
            )
    total = sum(sum(costs) for costs in known.values())
    return total + sum(n * max(known[spec]) for spec, n in unknown.items())


def lacking(records: Charged, tariffs: Mapping[str, Tariff]) -> str:
    """What the replies of unknown cost lacked, of the models in ``tariffs``; empty where there are none.

    Prices that are given later do not reach back: what is recorded stays unknown.
    """
    rows = [row for row in _charged(records, ()) if row.usd_spent is None and row.model in tariffs]
    if any(tariffs[row.model].is_known or _has_gaps(row) for row in rows):
        return "a reply came without a charge and without all the token counts that its price needs"
    return "a reply came without a charge, and its model has no prices (--price)" if rows else ""


def _has_gaps(row: Trace | Attempt) -> bool:
    return row.prompt_tokens is None or row.generated_spent is None


def kind_of(spec: str, budget: Budget) -> str:
    """The kind of a request under a budget of its own, and of all requests of a unit where ``budget`` is ``None``."""
    return spec if budget is None else f"{spec}@{budget}"


def dearest_seen(records: Charged, *, is_separate: bool) -> dict[str, float]:
    """By kind, the most that has been paid for one piece of work, all sittings together: for a budget of a unit where
    each has a trace of its own (``is_separate``), else for all of a unit. A ladder of text (its traces have ``marks``)
    is always paid for as one."""
    ladders = {trace.model for trace in records.traces.values() if trace.marks}
    paid: dict[tuple[str, tuple[str, str, int]], float] = {}
    for row in _charged(records, ()):
        is_apart = is_separate and row.model not in ladders
        at = (kind_of(row.model, row.budget if is_apart else None), (row.model, row.problem, row.sample))
        paid[at] = paid.get(at, 0.0) + (row.usd_spent or 0.0)
    found: dict[str, float] = {}
    for (kind, _), usd in paid.items():
        found[kind] = max(usd, found.get(kind, 0.0))
    return found


def _charged(records: Charged, unpaid: Collection[str]) -> Iterator[Trace | Attempt]:
    """The records that stand for a request of a paid model."""
    for trace in records.traces.values():
        if trace.model not in unpaid:
            yield trace
    for attempt in records.attempts.values():
        if attempt.model not in unpaid and not attempt.is_shared_answer:
            yield attempt
