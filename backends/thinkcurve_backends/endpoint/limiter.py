"""One limiter an endpoint and key, for all backends of this process: how many requests are open, and when they start.

A slot is held from the start of a request until its body is read or closed. Backends live in event loops of their own,
in threads of their own, so whoever ends a request may have to wake one of another loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import urlsplit

from thinkcurve_backends.endpoint.faults import BUSY, wished_wait_s
from thinkcurve_backends.endpoint.pace import Pace, Place, State
from thinkcurve_backends.endpoint.wire import Answer, Call, Wire
from thinkcurve_backends.json_body import decoded

BYTES_A_TOKEN = 4
LARGEST_ASKED_BYTES = 1 << 22
"""What is larger is a batch."""


class _Waiter:
    """Who waits, in which loop."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> None:
        """Let it go on; raises `RuntimeError` where its loop is closed."""
        if asyncio._get_running_loop() is self.loop:  # a public call that raises where none runs costs ten times it
            _resolve(self.future)
        else:
            self.loop.call_soon_threadsafe(_resolve, self.future)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Limiter:
    """Lets requests start as `Pace` says. ``clock`` counts seconds from anywhere, ``calendar`` from 1970."""

    def __init__(
        self,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        calendar: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._pace: Pace[_Waiter] = Pace(most, jitter)
        self._lock = threading.Lock()
        self._clock = clock
        self._calendar = calendar
        self._planned: tuple[asyncio.AbstractEventLoop, float] | None = None

    @property
    def allowed(self) -> int:
        """How many may be open at once at present."""
        return self._pace.allowed

    @property
    def n_open(self) -> int:
        """How many are open."""
        return self._pace.n_open

    def raise_most(self, most: int) -> None:
        """Allow up to ``most`` at once, where that is more than before."""
        with self._lock:
            self._pace.raise_most(most)
            self._go_on()

    async def enter(self, tokens: float = 0) -> Place[_Waiter]:
        """Wait for a slot, for about so many tokens.

        Cancelling gives the place up, and a slot that was just given goes to the next.
        """
        waiter = _Waiter()
        with self._lock:
            place = self._pace.queue(waiter, tokens)
            self._go_on(place)
            if place.state is State.OPEN:
                return place
        try:
            await waiter.future
        except asyncio.CancelledError:
            self.leave(place)
            raise
        return place

    def leave(self, place: Place[_Waiter]) -> None:
        """Give a slot back; a second time says nothing."""
        if place.state is State.GONE:
            return
        with self._lock:
            self._pace.leave(place)
            self._go_on()

    def hear(self, place: Place[_Waiter], status: int, headers: Mapping[str, str]) -> None:
        """Learn from the head of an answer."""
        with self._lock:
            self._pace.hear(place, status, headers, self._clock(), self._calendar())
            self._go_on()

    def pause(self, wait_s: float) -> None:
        """Let nobody start for so long."""
        with self._lock:
            self._pace.pause(self._clock(), wait_s)
            self._go_on()

    def _go_on(self, oneself: Place[_Waiter] | None = None) -> None:
        """Start those who may, and plan when to look again. The lock is held."""
        now = self._clock()
        while admitted := self._pace.admit(now):  # again, since those whose loop is closed give theirs back
            for place in admitted:
                if place is not oneself:
                    self._wake(place)
        while (when := self._pace.next_time(now)) is not None:
            head = next(iter(self._pace.waiting))
            if self._planned is not None and self._planned[0] is head.who.loop and self._planned[1] <= when:
                return
            try:
                head.who.loop.call_soon_threadsafe(self._plan, head.who.loop, when)
            except RuntimeError:  # its loop is closed
                self._pace.leave(head)
                continue
            self._planned = (head.who.loop, when)
            return

    def _wake(self, place: Place[_Waiter]) -> None:
        try:
            place.who.wake()
        except RuntimeError:
            self._pace.leave(place)

    def _plan(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        loop.call_later(max(0.0, when - self._clock()), self._look, loop, when)

    def _look(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        with self._lock:
            if self._planned == (loop, when):
                self._planned = None
            self._go_on()


_limiters: weakref.WeakValueDictionary[tuple[str, str], Limiter] = weakref.WeakValueDictionary()
_registry = threading.Lock()


def limiter_for(url: str, key: str, most: int) -> Limiter:
    """The limiter of all who send to the host and port of ``url`` with ``key``."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    name = (origin, hashlib.sha256(key.encode()).hexdigest())
    with _registry:
        limiter = _limiters.get(name)
        if limiter is None:
            limiter = _limiters[name] = Limiter(most)
    limiter.raise_most(most)
    return limiter


class Limited:
    """A wire with a limiter in front."""

    def __init__(self, wire: Wire, limiter: Limiter) -> None:
        self._wire = wire
        self._limiter = limiter

    async def send(self, call: Call) -> Answer:
        """The response to a call, once it may start."""
        if call.method == "GET":  # a list of models, the state of a batch: they cost nothing, and somebody looks on
            return await self._wire.send(call)
        place = await self._limiter.enter(_tokens(call))
        try:
            answer = await self._wire.send(call)
        except BaseException:
            self._limiter.leave(place)
            raise
        self._limiter.hear(place, answer.status, answer.headers)
        return _Held(answer, self._limiter, place)

    async def aclose(self) -> None:
        """Hang up everywhere."""
        await self._wire.aclose()


def _tokens(call: Call) -> float:
    """About how many tokens a request holds; files are not counted by the minute."""
    is_asked = "json" in call.headers.get("content-type", "") and len(call.body) <= LARGEST_ASKED_BYTES
    return len(call.body) / BYTES_A_TOKEN if is_asked else 0


class _Held:
    """An answer that holds its slot."""

    def __init__(self, answer: Answer, limiter: Limiter, place: Place[_Waiter]) -> None:
        self._answer = answer
        self._limiter = limiter
        self._place = place
        self.status = answer.status
        self.headers = answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        if self.status not in BUSY or "retry-after" in self.headers:
            async for part in self._answer.chunks():
                yield part
        else:
            parts = []
            async for part in self._answer.chunks():
                parts.append(part)
                yield part
            self._look_inside(b"".join(parts))
        self._limiter.leave(self._place)

    def _look_inside(self, raw: bytes) -> None:
        """Google says in the body how long to wait."""
        try:
            document = decoded(raw)
        except ValueError:
            return
        if wish := wished_wait_s({}, document, time.time()):
            self._limiter.pause(wish)

    async def aclose(self) -> None:
        """Let the connection and the slot go."""
        try:
            await self._answer.aclose()
        finally:
            self._limiter.leave(self._place)
