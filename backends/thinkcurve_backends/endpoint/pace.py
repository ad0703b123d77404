"""When the next request may start: the rules of `limiter`, with time as an argument and nobody waiting inside."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Generic, TypeVar

from thinkcurve_backends.endpoint.allowance import allowances
from thinkcurve_backends.endpoint.faults import BUSY, wished_wait_s

W = TypeVar("W")
LONGEST_HOLD_S = 600.0
"""No word of a server holds longer: a quota of a day would stop a run without a sign of why."""
LONGEST_RESTART_S = 1.0
"""After a pause the first starts are spread over a tenth of it, and this long at most."""


LONGEST_CARE = 8
"""Successes before the first step to where a request was refused; each further step takes half as many. At most one
request in thirty is then refused where a server bears 32 at once, and where refusals come at random, one in sixteen, a
dozen requests or more stay open."""


class State(Enum):
    """Where a request is."""

    WAITING = 0
    OPEN = 1
    GONE = 2


class Place(Generic[W]):
    """One request in the queue, or past it. ``who`` is for those who wake it, ``tokens`` an estimate of its size."""

    __slots__ = ("epoch", "state", "tokens", "who")

    def __init__(self, who: W, tokens: float = 0) -> None:
        self.who = who
        self.tokens = tokens
        self.state = State.WAITING
        self.epoch = 0


class Pace(Generic[W]):
    """First come, first served, at most ``allowed`` open at once, none in a pause or where nothing is left.

    ``allowed`` halves when a request is refused that began after the last halving: those that were under way then say
    nothing new, be they refused or not. It grows back one by one, with each success up to where it was refused,
    carefully from there.
    """

    def __init__(self, most: int, jitter: Callable[[], float]) -> None:
        self.most = most
        self.allowed = most
        self.n_open = 0
        self.waiting: OrderedDict[Place[W], None] = OrderedDict()
        self._jitter = jitter
        self._epoch = 0
        self._refused_at = most
        self._care = 1
        self._successes = 0
        self._not_before = 0.0  # of the next start
        self._restart_until = 0.0
        self._left: dict[str, tuple[float, float, bool]] = {}  # what is left, until when, whether of requests

    def queue(self, who: W, tokens: float = 0) -> Place[W]:
        """A place at the end of the queue."""
        place = Place(who, tokens)
        self.waiting[place] = None
        return place

    def admit(self, now: float) -> list[Place[W]]:
        """Those who may start now, in their order; they are open from here on."""
        admitted = []
        while self.waiting and self.n_open < self.allowed and self._time(now) <= now:
            place, _ = self.waiting.popitem(last=False)
            place.state, place.epoch = State.OPEN, self._epoch
            self.n_open += 1
            self._started(place, now)
            admitted.append(place)
        return admitted

    def leave(self, place: Place[W]) -> None:
        """``place`` is done, or given up while it waited; a second time says nothing."""
        if place.state is State.OPEN:
            self.n_open -= 1
        else:
            self.waiting.pop(place, None)
        place.state = State.GONE

    def hear(self, place: Place[W], status: int, headers: Mapping[str, str], now: float, unix: float) -> None:
        """Learn from the head of an answer; ``unix`` is ``now`` on the calendar's clock."""
        for found in allowances(headers, unix):
            held_s = min(found.reset_s, LONGEST_HOLD_S)
            self._left[found.name] = (found.remaining, now + held_s, found.is_requests)
        if status in BUSY:
            self._refused(place)
        elif status < 400:
            self._went_well(place)
        if status >= 400 and (wish := wished_wait_s(headers, None, unix)):
            self.pause(now, wish)

    def pause(self, now: float, wait_s: float) -> None:
        """Let nobody start for so long, and not all at once then."""
        wait_s = min(wait_s, LONGEST_HOLD_S)
        spread_s = min(wait_s / 10, LONGEST_RESTART_S)
        start = now + wait_s + self._jitter() * spread_s
        if start > self._not_before:
            self._not_before, self._restart_until = start, start + spread_s

    def next_time(self, now: float) -> float | None:
        """When `admit` should be asked again; ``None`` where no time but only a request that ends can help."""
        if not self.waiting or self.n_open >= self.allowed:
            return None
        return max(now, self._time(now))

    def raise_most(self, most: int) -> None:
        """Allow up to ``most`` at once, where that is more than before."""
        if most > self.most:
            if self.allowed == self.most:
                self.allowed = self._refused_at = most
            self.most = most

    def _time(self, now: float) -> float:
        """The earliest start of the first in the queue, which there is."""
        time, first = self._not_before, next(iter(self.waiting))
        for name, (left, until, is_requests) in tuple(self._left.items()):
            if until <= now:
                del self._left[name]
            elif left < max(1.0, _taken(name, first, is_requests)):
                time = max(time, until)
        return time

    def _started(self, place: Place[W], now: float) -> None:
        for name, (left, until, is_requests) in self._left.items():
            self._left[name] = (left - _taken(name, place, is_requests), until, is_requests)
        if now < self._restart_until:
            gap_s = (self._restart_until - now) / self.allowed
            self._not_before = max(self._not_before, now + 2 * self._jitter() * gap_s)

    def _refused(self, place: Place[W]) -> None:
        if place.epoch < self._epoch:
            return
        self._refused_at = self.allowed
        self._care = min(self.allowed, LONGEST_CARE)
        self.allowed = max(1, self.allowed // 2)
        self._epoch += 1
        self._successes = 0

    def _went_well(self, place: Place[W]) -> None:
        if self.allowed >= self.most or place.epoch < self._epoch:
            return
        self._successes += 1
        is_known = self.allowed + 1 < self._refused_at
        if is_known or self._successes >= self._care:
            self.allowed += 1
            self._successes = 0
            if not is_known:
                self._care = max(1, self._care // 2)


def _taken(name: str, place: Place[W], is_requests: bool) -> float:
    """What a start takes of an allowance; how much will be written nobody knows."""
    if is_requests:
        return 1
    return 0 if "output" in name else place.tokens
