"""How many requests are open and when they start: the rules with time as a number, and the queue in real loops."""

import asyncio
import itertools
import threading
from collections.abc import Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from thinkcurve.errors import BackendError
from thinkcurve_backends.endpoint.limiter import Limited, Limiter, limiter_for
from thinkcurve_backends.endpoint.pace import Pace, Place, State
from thinkcurve_backends.endpoint.wire import Call

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z


def pace(most: int, n: int) -> tuple[Pace[int], list[Place[int]]]:
    made: Pace[int] = Pace(most, lambda: 0.5)
    for number in range(n):
        made.queue(number)
    return made, made.admit(0)


def hear(one: Pace[int], place: Place[int], status: int, now: float = 0, **headers: str) -> None:
    one.hear(place, status, {name.replace("_", "-"): value for name, value in headers.items()}, now, NOW + now)


@pytest.mark.parametrize("status", [429, 529])
def test_one_wave_of_refusals_halves_once_and_the_next_again(status: int) -> None:
    one, first = pace(32, 80)
    for place in first:
        hear(one, place, status)
        one.leave(place)
    assert one.allowed == 16
    second = one.admit(0)
    assert len(second) == 16
    hear(one, second[0], status)
    assert one.allowed == 8


@pytest.mark.parametrize("status", [200, 400, 404, 500, 502, 503, 504])
def test_nothing_else_shrinks_it(status: int) -> None:
    one, first = pace(8, 8)
    for place in first:
        hear(one, place, status)
    assert one.allowed == 8


def test_it_never_shrinks_to_nothing_and_grows_back_one_by_one() -> None:
    one, _ = pace(16, 0)
    sizes = []
    for status in [429] * 10 + [200] * 200:
        one.queue(0)
        (place,) = one.admit(0)
        hear(one, place, status)
        one.leave(place)
        sizes.append(one.allowed)
    assert min(sizes) == 1
    assert sizes[-1] == 16
    assert all(after - before <= 1 for before, after in itertools.pairwise(sizes))


def test_successes_of_before_a_refusal_do_not_grow_it() -> None:
    one, first = pace(8, 8)
    hear(one, first[0], 429)
    for place in first[1:]:
        hear(one, place, 200)
    assert one.allowed == 4


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250", "retry-after": "9"}, 0.25)]
)
def test_a_wish_to_wait_pauses_everybody(headers: dict[str, str], wait_s: float) -> None:
    one, first = pace(8, 20)
    one.hear(first[0], 429, headers, 0, NOW)
    for place in first:
        one.leave(place)
    assert one.admit(wait_s * 0.999) == []
    start = one.next_time(0)
    assert start is not None
    assert wait_s <= start <= wait_s * 1.1
    assert len(one.admit(start)) == 1  # the others follow, spread out
    end = one.next_time(start)
    assert end is not None
    assert end > start
    while (now := one.next_time(end)) is not None:
        one.admit(now)
    assert one.n_open == one.allowed == 4


def test_no_wish_holds_for_a_day() -> None:
    one, first = pace(1, 2)
    hear(one, first[0], 429, retry_after="86400")
    one.leave(first[0])
    assert one.next_time(0) == pytest.approx(600, rel=0.1)


@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_nothing_starts_where_nothing_is_left(kind: str) -> None:
    one, first = pace(4, 8)
    hear(one, first[0], 200, **{f"x_ratelimit_remaining_{kind}": "0", f"x_ratelimit_reset_{kind}": "30s"})
    one.leave(first[0])
    assert one.admit(29.9) == []
    assert one.next_time(1) == 30
    assert len(one.admit(30)) == 1


def test_a_later_word_replaces_an_earlier_one() -> None:
    one, first = pace(4, 8)
    hear(one, first[0], 200, x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="30s")
    hear(one, first[1], 200, 1, x_ratelimit_remaining_requests="2", x_ratelimit_reset_requests="29s")
    for place in first:
        one.leave(place)
    assert len(one.admit(1)) == 2
    assert one.next_time(1) == 30


def test_what_is_larger_than_what_is_left_waits_for_the_reset() -> None:
    one, (first,) = pace(8, 1)
    hear(one, first, 200, x_ratelimit_remaining_tokens="1000", x_ratelimit_reset_tokens="30s")
    for tokens in (600, 600, 10):
        one.queue(0, tokens)
    assert len(one.admit(0)) == 1
    assert one.next_time(0) == 30
    assert len(one.admit(30)) == 2


class Queue(RuleBasedStateMachine):
    """Any order of coming, ending, refusing, giving up and time: the promises hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pace: Pace[int] = Pace(6, lambda: 0.3)
        self.places: list[Place[int]] = []
        self.started: list[int] = []
        self.refused = 0

    def admit(self) -> None:
        before = self.pace.n_open
        admitted = self.pace.admit(self.now)
        assert not admitted or before + len(admitted) <= self.pace.allowed
        self.started += [place.who for place in admitted]

    @rule()
    def come(self) -> None:
        self.places.append(self.pace.queue(len(self.places)))
        self.admit()

    @precondition(lambda self: self.pace.n_open)
    @rule(
        status=st.sampled_from([200, 200, 200, 429, 500, 529]),
        wish=st.sampled_from(["", "", "3"]),
        left=st.sampled_from(["", "", "0", "2"]),
        which=st.integers(0, 5),
    )
    def end(self, status: int, wish: str, left: str, which: int) -> None:
        is_open = [place for place in self.places if place.state is State.OPEN]
        place = is_open[which % len(is_open)]
        headers = {"retry-after": wish} if wish else {}
        if left:
            headers |= {"ratelimit-remaining": left, "ratelimit-reset": "4"}
        self.pace.hear(place, status, headers, self.now, NOW + self.now)
        self.pace.leave(place)
        self.pace.leave(place)
        self.admit()

    @precondition(lambda self: self.pace.waiting)
    @rule(which=st.integers(0, 20))
    def give_up(self, which: int) -> None:
        waiting = list(self.pace.waiting)
        self.pace.leave(waiting[which % len(waiting)])
        self.admit()

    @rule(seconds=st.floats(0.1, 5))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.admit()

    @invariant()
    def slots_are_counted(self) -> None:
        assert self.pace.n_open == sum(place.state is State.OPEN for place in self.places)
        assert 1 <= self.pace.allowed <= 6

    @invariant()
    def first_come_first_served(self) -> None:
        assert self.started == sorted(self.started)

    @invariant()
    def whoever_waits_has_a_reason_or_a_time(self) -> None:
        when = self.pace.next_time(self.now)
        assert not self.pace.waiting or self.pace.n_open >= self.pace.allowed or when is not None

    def teardown(self) -> None:
        """Nobody starves: with ends and time alone, all who wait are served."""
        for _ in range(20 * len(self.places) + 20):
            for place in self.places:
                if place.state is State.OPEN:
                    self.pace.leave(place)
            self.now = max(self.now, self.pace.next_time(self.now) or 0.0)
            self.admit()
        assert not self.pace.waiting


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=150, deadline=None)


class Answers:
    """A wire that answers what it is told, after it is told to."""

    def __init__(self, status: int = 200, error: Exception | None = None) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {}
        self.error = error
        self.body = b"{}"
        self.most = self.n_open = 0

    async def send(self, call: Call) -> "Answers":
        self.n_open += 1
        self.most = max(self.most, self.n_open)
        await asyncio.sleep(0.001)
        self.n_open -= 1
        if self.error:
            raise self.error
        return self

    async def chunks(self):  # type: ignore[no-untyped-def]
        yield self.body

    async def aclose(self) -> None:
        pass


CALL = Call("POST", "http://127.0.0.1:1/v1", {})


async def test_a_slot_is_held_until_the_body_is_read_or_closed() -> None:
    limiter = Limiter(2)
    wire = Limited(Answers(), limiter)
    first, second = await wire.send(CALL), await wire.send(CALL)
    assert limiter.n_open == 2
    assert b"".join([part async for part in first.chunks()]) == b"{}"
    assert limiter.n_open == 1
    await first.aclose()
    await second.aclose()
    assert limiter.n_open == 0


async def test_a_fault_of_the_network_gives_its_slot_back() -> None:
    limiter = Limiter(1)
    wire = Limited(Answers(error=BackendError("broken")), limiter)
    for _ in range(3):
        with pytest.raises(BackendError, match="broken"):
            await wire.send(CALL)
    assert limiter.n_open == 0


async def test_cancelling_leaves_no_slot_behind_and_loses_no_turn() -> None:
    limiter = Limiter(1)
    held = await limiter.enter()
    waiting = [asyncio.create_task(limiter.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    limiter.leave(held)  # wakes the second, which is cancelled before it can go on
    waiting[1].cancel()
    await asyncio.wait_for(waiting[2], 5)
    assert limiter.n_open == 1
    assert [task.cancelled() for task in waiting] == [True, True, False]


def test_backends_in_several_loops_share_one_limit() -> None:
    limiter, wire, n_done = Limiter(5), Answers(), []

    async def ask() -> None:
        for _ in range(20):
            answer = await Limited(wire, limiter).send(CALL)
            assert limiter.n_open <= 5
            await answer.aclose()
            n_done.append(1)

    async def ask_much() -> None:
        await asyncio.gather(*(ask() for _ in range(10)))

    threads = [threading.Thread(target=lambda: asyncio.run(ask_much())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(n_done) == 800
    assert limiter.n_open == 0


def test_a_loop_that_was_closed_while_it_waited_holds_nobody_up() -> None:
    limiter = Limiter(1)
    loop = asyncio.new_event_loop()
    held = loop.run_until_complete(limiter.enter())
    stuck = loop.create_task(limiter.enter())
    loop.run_until_complete(asyncio.sleep(0.01))
    stuck.get_coro().close()  # type: ignore[union-attr]
    stuck._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    limiter.leave(held)
    place = asyncio.run(asyncio.wait_for(limiter.enter(), 5))
    limiter.leave(place)
    assert limiter.n_open == 0


async def test_a_wish_that_stands_in_the_body_pauses_too() -> None:
    limiter, wire = Limiter(4), Answers(429)
    wire.body = b'{"error": {"code": 429, "details": [{}, {"retryDelay": "0.2s"}]}}'
    answer = await Limited(wire, limiter).send(CALL)
    assert [part async for part in answer.chunks()] == [wire.body]
    started = asyncio.get_running_loop().time()
    assert await _pass(limiter) - started >= 0.19


async def test_a_pause_ends_by_itself() -> None:
    limiter = Limiter(3)
    place = await limiter.enter()
    limiter.hear(place, 429, {"retry-after-ms": "80"})
    limiter.leave(place)
    started = asyncio.get_running_loop().time()
    others = await asyncio.wait_for(asyncio.gather(*(_pass(limiter) for _ in range(5))), 5)
    assert min(others) - started >= 0.079
    assert limiter.n_open == 0


async def _pass(limiter: Limiter) -> float:
    place = await limiter.enter()
    limiter.leave(place)
    return asyncio.get_running_loop().time()


def test_one_endpoint_and_key_is_one_limiter() -> None:
    one = limiter_for("https://api.example.com/v1", "key-one", 4)
    assert limiter_for("https://API.example.com/v2", "key-one", 8) is one
    assert one.allowed == 8
    assert limiter_for("https://api.example.com/v1", "key-two", 4) is not one
    assert limiter_for("http://api.example.com/v1", "key-one", 4) is not one
    assert limiter_for("https://api.example.com:8443/v1", "key-one", 4) is not one
